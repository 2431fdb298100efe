// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"

#include <cmath>
#include <sstream>
#include <typeinfo>

#include "cli/terminal.hpp"
#include "data/atomic_file.hpp"
#include "data/csv.hpp"
#include "data/open_file.hpp"
#include "data/printable.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "model/near_miss.hpp"
#include "validate/number_text.hpp"
#include "validate/text_table.hpp"

namespace kurve::cli {
namespace po = boost::program_options;

namespace {

double checked(double value, char const* name, bool upper_included) {
  if (value > 0.0 && (value < 1.0 || (upper_included && value == 1.0))) return value;
  std::ostringstream text;
  text << "--" << name << "=" << value << " (must be above 0 and " << (upper_included ? "at most" : "below") << " 1)";
  throw InputError(text.str());
}

constexpr std::size_t largest_config = std::size_t{1} << 20;  // some hundred options of a line each
constexpr int fewest_draws = 10, most_draws = 100'000;        // the ends of an interval; a Model of 100 MB

/// Whole numbers as digits, others as they read back: what Boost reads.
std::string digits(double value, bool whole) {
  return whole ? std::to_string(static_cast<long long>(value)) : data::number_text(value);
}

/// The values of options that are numbers in the one language of quantities (`1e4`, `10k`, `70%`) as Boost reads them;
/// what is no number it refuses itself.
void read_numbers(po::parsed_options& parsed, po::options_description const& known) {
  for (auto& option : parsed.options) {
    auto const* description = option.string_key.empty() ? nullptr : known.find_nothrow(option.string_key, false);
    auto const* typed =
        description == nullptr ? nullptr : dynamic_cast<po::typed_value_base const*>(description->semantic().get());
    if (typed == nullptr) continue;
    auto const& type = typed->value_type();
    bool const whole = type == typeid(int) || type == typeid(long) || type == typeid(std::uint64_t);
    if (!whole && type != typeid(double)) continue;
    for (auto& text : option.value) {
      auto const value = data::plain_from_text(text);
      if (!value || text.find_first_not_of("+-0123456789") == std::string::npos) continue;
      if (!whole || (*value == std::floor(*value) && std::abs(*value) < 1e18)) text = digits(*value, whole);
    }
  }
}

/// Boost's own message, and the option that was meant.
[[noreturn]] void refuse_unknown(po::unknown_option const& e, po::options_description const& known) {
  std::vector<std::string_view> names;
  for (auto const& option : known.options())
    if (option->long_name() != "input") names.push_back(option->long_name());
  auto const name = e.get_option_name();
  auto const start = std::min(name.find_first_not_of('-'), name.size());
  auto const near = near_miss(std::string_view(name).substr(start), names);
  throw InputError(std::string(e.what()) + (near.empty() ? "" : ". Did you mean '--" + std::string(near) + "'?"));
}

std::string config_text(std::string const& path) {
  try {
    return data::read_whole(path, largest_config);
  } catch (DataError const& e) {  // an option like any other
    throw InputError(std::string("--config: ") + e.what());
  }
}

}  // namespace

CommandLine::CommandLine(std::string usage, std::string summary, std::string example)
    : usage_(std::move(usage)),
      summary_(std::move(summary)),
      example_(std::move(example)),
      visible_("Options"),
      common_("Common options") {
  common_.add_options()("help,h", "this text")("json,j", "machine-readable result instead of text")(
      "out,o", po::value<std::string>()->value_name("FILE"),
      "write the result to FILE, whole or not at all; - is standard output")(
      "config", po::value<std::string>()->value_name("FILE"), "options as `name = value` lines; the command line wins")(
      "quiet,q", "no progress and no warnings");
}

void CommandLine::takes_inputs(int most) {
  hidden_.add_options()("input", po::value<Arguments>());
  positions_.add("input", most);
}

void CommandLine::takes_facts() {
  common_.add_options()("assume", po::value<Arguments>()->composing()->value_name("[FILE:]KEY=VALUE"),
                        "a fact that an input lacks: ranks=16");
}

std::vector<data::Assumption> CommandLine::assumptions() const {
  std::vector<data::Assumption> facts;
  for (auto const& text : all("assume")) facts.push_back(data::assumption_from_text(text));
  return facts;
}

Arguments CommandLine::inputs() const {
  auto inputs = all("input");
  std::string const verb = usage_.substr(0, usage_.find(' '));
  if (inputs.empty()) throw InputError("no input (usage: kurve " + usage_ + "). Try kurve " + verb + " --help?");
  return inputs;
}

/// Keeps the options given, but for what would be taken for another number: -1 of an unsigned one, and nan.
void CommandLine::store(po::basic_parsed_options<char> const& parsed) {
  for (auto const& option : parsed.options)
    for (auto const& text : option.value)
      if (option.string_key == "seed" && data::trimmed(text).starts_with('-'))
        throw InputError("--seed=" + text + " (must be a whole number from 0 to 18446744073709551615)");
  po::store(parsed, values_);
  for (auto const& [name, value] : values_)
    if (auto const* number = boost::any_cast<double>(&value.value()); number != nullptr && !std::isfinite(*number))
      throw InputError("--" + name + "=" + data::number_text(*number) + " (must be a number)");
}

/// @throws InputError where a result would be written over an input or another result
void CommandLine::require_apart() const {
  Arguments read, written;
  for (auto const* name : {"input", "model", "claim", "from", "config"}) {
    if (!has(name)) continue;
    auto const& value = values_[name].value();
    if (auto const* one = boost::any_cast<std::string>(&value)) read.push_back(*one);
    if (auto const* several = boost::any_cast<Arguments>(&value))
      read.insert(read.end(), several->begin(), several->end());
  }
  for (auto const* name : {"out", "plot", "export"}) {
    auto const path = find<std::string>(name);
    if (!path || *path == "-") continue;
    for (auto const& input : read)
      if (data::is_same_file(input, *path))
        throw InputError("--" + std::string(name) + " '" + *path + "' is the input '" + input +
                         "' (it would be overwritten). Name another file.");
    for (auto const& other : written)
      if (data::is_same_file(other, *path))
        throw InputError("--" + std::string(name) + " '" + *path +
                         "' is another result's file too. Name another file.");
    written.push_back(*path);
  }
}

bool CommandLine::parse(Arguments const& arguments) {
  arguments_ = arguments;
  po::options_description all;
  all.add(visible_).add(common_).add(hidden_);
  // No abbreviated names: a new option must not change what an old script means.
  auto const style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
  auto const keep = [&](auto&& parse_options) {
    try {
      po::parsed_options parsed = parse_options();
      read_numbers(parsed, all);
      store(parsed);
    } catch (po::unknown_option const& e) {
      refuse_unknown(e, all);
    }
  };
  keep([&] { return po::command_line_parser(arguments).options(all).positional(positions_).style(style).run(); });
  if (has("help")) {
    std::ostringstream text;
    text << "kurve " << usage_ << "\n\n"
         << validate::wrap(summary_) << "\n"
         << visible_ << "\n"
         << common_ << "\nExample:\n"
         << example_ << "\n";
    print(text.str());
    return false;
  }
  if (auto const path = find<std::string>("config")) {
    std::istringstream file(config_text(*path));
    keep([&] { return po::parse_config_file(file, all); });
  }
  po::notify(values_);
  require_apart();
  return true;
}

data::Provenance CommandLine::provenance(Arguments const& inputs) const {
  auto made_by = data::this_machine();
  made_by.command_line = "kurve " + usage_.substr(0, usage_.find(' '));
  for (auto const& argument : arguments_) made_by.command_line += " " + data::shell_quoted(argument);
  if (has("seed")) made_by.seed = std::to_string(get<std::uint64_t>("seed"));
  for (auto const& path : inputs)
    if (path != "-") made_by.inputs.emplace_back(path, data::file_digest(path));
  return made_by;
}

int CommandLine::draws() const {
  int const draws = get<int>("draws");
  if (draws < fewest_draws || draws > most_draws)
    throw InputError("--draws=" + std::to_string(draws) + " (must be from " + std::to_string(fewest_draws) + " to " +
                     std::to_string(most_draws) + ")");
  return draws;
}

double CommandLine::threshold() const { return checked(get<double>("threshold"), "threshold", true); }
double CommandLine::confidence() const { return checked(get<double>("confidence"), "confidence", false); }

void add_judgement_options(CommandLine& line, double confidence) {
  line.options().add_options()("threshold,t", po::value<double>()->default_value(0.7, "0.7")->value_name("E"),
                               "efficiency below which more workers do not pay")(
      "confidence,c",
      po::value<double>()->default_value(confidence, validate::number_text(confidence, 3))->value_name("P"),
      "of the intervals");
}

}  // namespace kurve::cli
