// SPDX-License-Identifier: Apache-2.0
#include "data/model_file.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "data/input.hpp"
#include "data/json_text.hpp"
#include "data/printable.hpp"
#include "data/quantity_text.hpp"
#include "model/bounds.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

using model::ParameterInfo;
using model::StepParameters;
using nlohmann::json;
using nlohmann::ordered_json;

// Our choice, as model/bounds.hpp: FLOP/s and B/s of a rating, and an sd in the parameter's own size.
constexpr double largest_rate = 1e30, most_relative_sd = 1e9;

ordered_json parameters_json(model::Model const& m) {
  ordered_json parameters = ordered_json::object();
  for (auto const& info : model::parameter_table()) {
    auto const found = m.knowledge.find(std::string(info.name));
    auto const known = found == m.knowledge.end() ? model::Knowledge{} : found->second;
    ordered_json entry{{"value", m.parameters.*(info.member)},
                       {"unit", info.unit},
                       {"sd", known.sd},
                       {"source", model::to_text(known.source)},
                       {"identified", known.identified}};
    if (!known.note.empty()) entry["note"] = known.note;
    parameters[std::string(info.name)] = entry;
  }
  return parameters;
}

ordered_json posterior_json(model::Model const& m) {
  std::vector<ParameterInfo const*> varying;
  for (auto const& info : model::parameter_table())
    if (std::any_of(m.draws.begin(), m.draws.end(),
                    [&](auto const& d) { return d.*(info.member) != m.parameters.*(info.member); }))
      varying.push_back(&info);
  ordered_json names = ordered_json::array(), draws = ordered_json::array();
  for (auto const* info : varying) names.push_back(info->name);
  for (auto const& draw : m.draws) {
    ordered_json row = ordered_json::array();
    for (auto const* info : varying) row.push_back(draw.*(info->member));
    draws.push_back(row);
  }
  return {{"names", names}, {"draws", draws}};
}

ordered_json ratings_json(model::Model const& m) {
  ordered_json ratings = ordered_json::array();
  for (auto const& r : m.ratings) {
    ordered_json entry{{"what", r.what}, {"unit", r.unit}, {"achieved", r.achieved}, {"verdict", r.verdict}};
    if (r.ceiling > 0.0) entry.update(ordered_json{{"ceiling", r.ceiling}, {"ceiling_is", r.ceiling_is}});
    ratings.push_back(std::move(entry));
  }
  return ratings;
}

ordered_json fitted_json(std::vector<model::FittedPoint> const& points) {
  ordered_json list = ordered_json::array();
  for (auto const& p : points) {
    ordered_json entry{{"K", p.ranks},           {"global_batch", p.global_batch},
                       {"runs", p.runs},         {"measured_s", p.measured_s},
                       {"fitted_s", p.fitted_s}, {"low_s", p.low_s},
                       {"high_s", p.high_s},     {"weight", p.weight}};
    if (!p.flag.empty()) entry["note"] = p.flag;
    list.push_back(std::move(entry));
  }
  return list;
}

/// Reads one document, and knows where it is: an error names the line.
class ModelReader {
 public:
  explicit ModelReader(std::string const& path)
      : path_(path), text_(read_json_text(path)), document_(parse_json(text_, path)) {}

  model::Model read() {
    require_schema(document_, "kurve.model", 1, path_);
    try {
      read_frame();
      read_parameters();
      read_noise();  // before the choices, which may ask for it
      read_choices();
      at_ = "/parameters";
      model::check(model_.parameters);
      read_allreduce();  // before the draws, which share its curve
      read_posterior();
      read_ratings();
      read_origin();
      check_sds();
    } catch (DataError const&) {
      throw;
    } catch (InputError const& e) {
      fail(e.what());
    } catch (json::exception const& e) {  // "[json.exception.type_error.302] type must be number, but is null"
      std::string const what = e.what();
      fail(at_.substr(1) + " (" + what.substr(what.find("] ") + 2) + ")");
    }
    return std::move(model_);
  }

 private:
  [[noreturn]] void fail(std::string const& what) const { throw DataError(path_, line_of(text_, at_), what); }

  /// The number that `key` of `object`, which is at `where`, holds.
  [[nodiscard]] double number(json const& object, std::string const& where, char const* key, double low, double high) {
    at_ = where;
    if (!object.contains(key)) fail("missing \"" + std::string(key) + "\"" + of(where));
    at_ += "/" + std::string(key);
    std::string const text = object[key].dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 64);
    std::string const said = std::string(key) + "=" + text + of(where);
    if (!object[key].is_number()) fail(said + " (must be a number)");
    double const value = object[key].get<double>();
    if (!(value >= low && value <= high))
      fail(said + " (must be from " + number_text(low) + " to " + number_text(high) + ")");
    return value;
  }

  /// " of parameter 'serial'", "" of the document itself.
  [[nodiscard]] static std::string of(std::string const& where) {
    if (where.empty()) return {};
    if (where.starts_with("/parameters/")) return " of parameter '" + where.substr(12) + "'";
    return " of " + where.substr(1);
  }

  void read_frame() {
    at_ = "/workload";
    model_.workload = printable_line(document_.value("workload", ""));
    at_ = "/regime";
    if (document_.contains("regime")) model_.regime = model::regime_from_text(document_["regime"].get<std::string>());
    model_.global_batch = number(document_, "", "global_batch", model::smallest_batch, model::largest_batch);
    model_.baseline_ranks = number(document_, "", "baseline_ranks", 1.0, model::largest_ranks);
    at_ = "/workers_per_replica";
    if (document_.contains("workers_per_replica"))
      model_.replica_workers = document_["workers_per_replica"].get<std::vector<double>>();
    for (double const workers : model_.replica_workers)
      if (!(workers >= 1.0 && workers <= model::largest_ranks && workers == std::floor(workers)))
        fail("workers_per_replica=" + number_text(workers) + " (must be whole numbers from 1 to 1e9)");
    std::sort(model_.replica_workers.begin(), model_.replica_workers.end());
  }

  void read_parameters() {
    at_ = "/parameters";
    if (!document_.contains("parameters") || !document_["parameters"].is_object())
      fail("missing \"parameters\" (an object)");
    for (auto const& [name, entry] : document_["parameters"].items()) {
      std::string const where = at_ = "/parameters/" + name;
      auto const* info = model::find_parameter(name);
      if (info == nullptr)
        fail("unknown parameter '" + name + "' (not one of this Kurve's; `kurve simulate --help` lists them)");
      if (!entry.is_object()) fail("parameter '" + name + "' (must be an object with value and unit)");
      model_.parameters.*(info->member) = number(entry, where, "value", info->min, info->max);
      at_ = where + "/unit";
      if (auto const unit = entry.value("unit", ""); unit != info->unit)
        fail("unit '" + unit + "'" + of(where) + " (must be '" + std::string(info->unit) + "')");
      model::Knowledge known;
      at_ = where + "/source";
      known.source = model::source_from_text(entry.value("source", "assumed"));
      if (entry.contains("sd")) known.sd = number(entry, where, "sd", 0.0, info->max);
      at_ = where;
      known.identified = entry.value("identified", true);
      known.note = printable_line(entry.value("note", ""));
      model_.knowledge[name] = known;
    }
  }

  /// Without draws the sds are what is drawn from: beyond this, numbers of no meaning.
  void check_sds() {
    if (!model_.draws.empty()) return;
    for (auto const& [name, known] : model_.knowledge) {
      auto const& info = *model::find_parameter(name);
      double const excess = model_.parameters.*(info.member) - std::max(0.0, info.min);
      at_ = "/parameters/" + name + "/sd";
      if (info.min >= 0.0 && excess > 0.0 && known.sd > most_relative_sd * excess)
        fail("sd=" + number_text(known.sd) + of("/parameters/" + name) + " (must be at most " +
             number_text(most_relative_sd) + " times what its value is above " + number_text(info.min) + ")");
    }
  }

  void read_noise() {
    if (!document_.contains("measured_noise")) return;
    at_ = "/measured_noise";
    auto const& knots = document_["measured_noise"].at("knots");
    at_ += "/knots";
    model_.parameters.measured_noise =
        std::make_shared<model::MeasuredShape>(model::standardized_shape(knots.get<std::vector<double>>()));
  }

  void read_choices() {
    if (!document_.contains("choices")) return;
    auto const table = model::choice_table();
    for (auto const& [name, value] : document_["choices"].items()) {
      at_ = "/choices/" + name;
      auto const same_name = [&wanted = name](model::ChoiceInfo const& c) {
        return c.name == wanted;
      };  // clang 14 captures a binding only by a name of its own
      if (std::none_of(table.begin(), table.end(), same_name)) fail("unknown choice '" + name + "'");
      model::set_parameter(model_.parameters, name, value.get<std::string>());
    }
  }

  void read_posterior() {
    if (!document_.contains("posterior")) return;
    at_ = "/posterior";
    auto const& posterior = document_["posterior"];
    std::vector<ParameterInfo const*> columns;
    for (auto const& name : posterior.at("names")) {
      columns.push_back(model::find_parameter(name.get<std::string>()));
      if (columns.back() == nullptr) fail("unknown parameter '" + name.get<std::string>() + "' in the posterior");
    }
    for (auto const& row : posterior.at("draws")) {
      at_ = "/posterior/draws/" + std::to_string(model_.draws.size());
      std::string const where = "draw " + std::to_string(model_.draws.size() + 1) + " of the posterior";
      if (row.size() != columns.size())
        fail(where + " has " + std::to_string(row.size()) + " values (names has " + std::to_string(columns.size()) +
             ")");
      StepParameters draw = model_.parameters;
      for (std::size_t i = 0; i < columns.size(); ++i) draw.*(columns[i]->member) = row[i].get<double>();
      try {
        model::check(draw);
      } catch (InputError const& e) {
        fail(where + ": " + e.what());
      }
      model_.draws.push_back(draw);
    }
  }

  void read_allreduce() {
    if (!document_.contains("allreduce")) return;
    at_ = "/allreduce";
    auto const& sweep = document_["allreduce"];
    std::vector<model::SweepPoint> points;
    if (!sweep.contains("points") || !sweep["points"].is_array() || sweep["points"].empty())
      fail("allreduce without its list of points");
    for (auto const& row : sweep["points"]) {
      at_ = "/allreduce/points/" + std::to_string(points.size());
      std::string const where = "point " + std::to_string(points.size() + 1) + " of allreduce";
      bool const numbers =
          row.is_array() && row.size() == 3 && row[0].is_number() && row[1].is_number() && row[2].is_number();
      if (!numbers) fail(where + " (must be [ranks, bytes, time_s])");
      model::SweepPoint const p{row[0].get<double>(), row[1].get<double>(), row[2].get<double>()};
      if (!(p.ranks >= 2.0 && p.ranks <= model::largest_ranks && p.bytes > 0.0 && p.bytes <= model::largest_bytes &&
            p.time_s >= model::shortest_s && p.time_s <= model::longest_s))
        fail(where + " (ranks must be from 2 to 1e9, bytes positive and at most 1e18, time_s from " +
             number_text(model::shortest_s) + " to " + number_text(model::longest_s) + ")");
      if (!points.empty() && !(std::pair(points.back().ranks, points.back().bytes) < std::pair(p.ranks, p.bytes)))
        fail(where + " (points must ascend in ranks, then bytes)");
      points.push_back(p);
    }
    std::optional<double> rival_prior;
    if (sweep.contains("rival_prior")) rival_prior = number(sweep, "/allreduce", "rival_prior", 0.0, 0.999);
    model_.parameters.measured_allreduce =
        model::make_allreduce_curve(model_.parameters, std::move(points), rival_prior);
  }

  void read_ratings() {
    if (!document_.contains("ratings")) return;
    for (auto const& entry : document_["ratings"]) {
      std::string const where = at_ = "/ratings/" + std::to_string(model_.ratings.size());
      if (!entry.is_object()) fail("rating " + std::to_string(model_.ratings.size() + 1) + " (must be an object)");
      model::Rating rating{
          .what = printable_line(entry.value("what", "")),
          .unit = printable_line(entry.value("unit", "")),
          .achieved = number(entry, where, "achieved", 0.0, largest_rate),
          .ceiling = entry.contains("ceiling") ? number(entry, where, "ceiling", 0.0, largest_rate) : 0.0,
          .ceiling_is = printable_line(entry.value("ceiling_is", "")),
          .verdict = printable_line(entry.value("verdict", ""))};
      model_.ratings.push_back(std::move(rating));
    }
  }

  void read_origin() {
    if (document_.contains("baseline_time_s"))
      model_.baseline_s = number(document_, "", "baseline_time_s", model::shortest_s, model::longest_s);
    auto& origin = model_.origin;
    at_ = "/provenance";
    auto const provenance = document_.value("provenance", json::object());
    auto const inputs = provenance.value("inputs", json::array());
    origin.known = !inputs.empty() || document_.contains("fitted");
    for (auto const& input : inputs) origin.digests.push_back(input.at("sha256").get<std::string>());
    at_ = "/fitted";
    for (auto const& entry : document_.value("fitted", json::array())) {
      std::string const where = at_ = "/fitted/" + std::to_string(origin.fitted.size());
      if (!entry.is_object()) fail("fitted point " + std::to_string(origin.fitted.size() + 1) + " (must be an object)");
      auto const time_s = [&](char const* key) {
        return number(entry, where, key, model::shortest_s, model::longest_s);
      };
      model::FittedPoint p{
          .ranks = number(entry, where, "K", 1.0, model::largest_ranks),
          .global_batch = number(entry, where, "global_batch", model::smallest_batch, model::largest_batch),
          .runs = static_cast<int>(entry.contains("runs") ? number(entry, where, "runs", 1.0, 1e9) : 1.0),
          .measured_s = time_s("measured_s"),
          .fitted_s = time_s("fitted_s"),
          .low_s = entry.contains("low_s") ? number(entry, where, "low_s", 0.0, model::longest_s) : 0.0,
          .high_s = entry.contains("high_s") ? number(entry, where, "high_s", 0.0, model::longest_s) : 0.0,
          .weight = entry.contains("weight") ? number(entry, where, "weight", 0.0, 1.0) : 1.0,
          .flag = printable_line(entry.value("note", ""))};
      if (p.high_s < p.low_s) fail("high_s" + of(where) + " (must be at least low_s)");
      origin.fitted.push_back(std::move(p));
    }
  }

  std::string path_, text_;
  json document_;
  model::Model model_;
  std::string at_;  ///< JSON pointer (RFC 6901) to what is read
};

/// Whether the file is a Study, a table or a log.
bool holds_measurements(std::string const& path) {
  try {
    static_cast<void>(read_studies({path}));
    return true;
  } catch (InputError const&) {  // also a file that cannot be read: the reader of Models says why
    return false;
  }
}

}  // namespace

void write_model(std::ostream& out, model::Model const& m, Provenance const& provenance) {
  model::check(m.parameters);
  ordered_json choices = ordered_json::object();
  for (auto const& info : model::choice_table()) choices[std::string(info.name)] = info.get(m.parameters);
  ordered_json document{{"schema", "kurve.model/1"},
                        {"workload", m.workload},
                        {"regime", model::to_text(m.regime)},
                        {"global_batch", m.global_batch},
                        {"baseline_ranks", m.baseline_ranks}};
  if (m.baseline_s) document["baseline_time_s"] = *m.baseline_s;
  document["parameters"] = parameters_json(m);
  document["choices"] = choices;
  if (!m.replica_workers.empty()) document["workers_per_replica"] = m.replica_workers;
  if (auto const& noise = m.parameters.measured_noise) document["measured_noise"] = {{"knots", noise->value}};
  if (!m.draws.empty()) document["posterior"] = posterior_json(m);
  if (auto const& curve = m.parameters.measured_allreduce) {
    ordered_json points = ordered_json::array();
    for (auto const& p : curve->points()) points.push_back({p.ranks, p.bytes, p.time_s});
    document["allreduce"] = {
        {"columns", {"ranks", "bytes", "time_s"}}, {"points", points}, {"rival_prior", curve->rival_prior()}};
  }
  if (!m.ratings.empty()) document["ratings"] = ratings_json(m);
  if (m.origin.known) document["fitted"] = fitted_json(m.origin.fitted);
  document["provenance"] = provenance_json(provenance);
  write_json(out, document);
}

model::Model read_model(std::string const& path) {
  if (!is_model_file(path) && holds_measurements(path))
    throw DataError(path, 0,
                    "holds measurements (a Model is what is fitted to them). Fit it first: `kurve fit " +
                        shell_quoted(path) + " --out model.json`, then give model.json.");
  return ModelReader(path).read();
}

bool is_model_file(std::string const& path) {
  std::ifstream in(path, std::ios::binary);
  std::string prefix(4096, '\0');
  in.read(prefix.data(), static_cast<std::streamsize>(prefix.size()));
  prefix.resize(static_cast<std::size_t>(in.gcount()));
  return prefix.find("\"kurve.model/") != std::string::npos;
}

}  // namespace kurve::data
