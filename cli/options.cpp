// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"

#include <fstream>
#include <iostream>
#include <sstream>

#include "model/error.hpp"
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

}  // namespace

std::string shell_quoted(std::string const& argument) {
  if (!argument.empty() && argument.find_first_of(" \t'\"<>|&;()$`\\*?#~{}") == std::string::npos) return argument;
  std::string text = "'";
  for (char const c : argument) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

CommandLine::CommandLine(std::string usage, std::string summary, std::string example)
    : usage_(std::move(usage)),
      summary_(std::move(summary)),
      example_(std::move(example)),
      visible_("Options"),
      common_("Common options") {
  common_.add_options()("help,h", "this text")("json,j", "machine-readable result instead of text")(
      "out,o", po::value<std::string>()->value_name("FILE"), "write the result to FILE, whole or not at all")(
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

bool CommandLine::parse(Arguments const& arguments) {
  arguments_ = arguments;
  po::options_description all;
  all.add(visible_).add(common_).add(hidden_);
  // No abbreviated names: a new option must not change what an old script means.
  auto const style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
  po::store(po::command_line_parser(arguments).options(all).positional(positions_).style(style).run(), values_);
  if (has("help")) {
    std::cout << "kurve " << usage_ << "\n\n"
              << validate::wrap(summary_) << "\n"
              << visible_ << "\n"
              << common_ << "\nExample:\n"
              << example_ << "\n";
    return false;
  }
  if (auto const path = find<std::string>("config")) {
    std::ifstream file(*path);
    if (!file) throw InputError("cannot read --config '" + *path + "'");
    po::store(po::parse_config_file(file, all), values_);
  }
  po::notify(values_);
  return true;
}

data::Provenance CommandLine::provenance(Arguments const& inputs) const {
  auto made_by = data::this_machine();
  made_by.command_line = "kurve " + usage_.substr(0, usage_.find(' '));
  for (auto const& argument : arguments_) made_by.command_line += " " + shell_quoted(argument);
  if (has("seed")) made_by.seed = std::to_string(get<std::uint64_t>("seed"));
  for (auto const& path : inputs)
    if (path != "-") made_by.inputs.emplace_back(path, data::file_digest(path));
  return made_by;
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
