// SPDX-License-Identifier: Apache-2.0
#include "data/model_file.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>

#include "data/json_text.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

using model::ParameterInfo;
using model::StepParameters;
using nlohmann::json;
using nlohmann::ordered_json;

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

/// Reads one document, and knows where it came from.
class ModelReader {
 public:
  explicit ModelReader(std::string const& path) : path_(path), document_(read_json(path)) {}

  model::Model read() {
    require_schema(document_, "kurve.model", 1, path_);
    try {
      read_frame();
      read_parameters();
      read_noise();  // before the choices, which may ask for it
      read_choices();
      model::check(model_.parameters);
      read_allreduce();  // before the draws, which share its curve
      read_posterior();
      read_ratings();
    } catch (DataError const&) {
      throw;
    } catch (InputError const& e) {
      fail(e.what());
    } catch (json::exception const& e) {
      fail(e.what());
    }
    return std::move(model_);
  }

 private:
  [[noreturn]] void fail(std::string const& what) const { throw DataError(path_, 0, what); }

  [[nodiscard]] double positive(char const* key) const {
    double const value = number(document_, key, "");
    if (!(value > 0.0)) fail(std::string(key) + "=" + document_[key].dump() + " (must be positive)");
    return value;
  }

  [[nodiscard]] double number(json const& object, char const* key, std::string const& where) const {
    if (!object.contains(key)) fail("missing \"" + std::string(key) + "\"" + where);
    if (!object[key].is_number())
      fail("\"" + std::string(key) + "\"" + where + " is " + object[key].dump().substr(0, 64) + " (must be a number)");
    return object[key].get<double>();
  }

  void read_frame() {
    model_.workload = document_.value("workload", "");
    if (document_.contains("regime")) model_.regime = model::regime_from_text(document_["regime"].get<std::string>());
    model_.global_batch = positive("global_batch");
    model_.baseline_ranks = positive("baseline_ranks");
  }

  void read_parameters() {
    if (!document_.contains("parameters") || !document_["parameters"].is_object())
      fail("missing \"parameters\" (an object)");
    for (auto const& [name, entry] : document_["parameters"].items()) {
      auto const* info = model::find_parameter(name);
      if (info == nullptr)
        fail("unknown parameter '" + name + "' (not one of this Kurve's; `kurve simulate --help` lists them)");
      if (!entry.is_object()) fail("parameter '" + name + "' (must be an object with value and unit)");
      std::string const where = " of parameter '" + name + "'";
      model_.parameters.*(info->member) = number(entry, "value", where);
      if (auto const unit = entry.value("unit", ""); unit != info->unit)
        fail("unit '" + unit + "'" + where + " (must be '" + std::string(info->unit) + "')");
      model::Knowledge known;
      known.source = model::source_from_text(entry.value("source", "assumed"));
      if (entry.contains("sd"))  // JSON has no infinity: null says that nothing bounds the parameter
        known.sd = entry["sd"].is_null() ? std::numeric_limits<double>::infinity() : number(entry, "sd", where);
      if (!(known.sd >= 0.0)) fail("sd" + where + " (must not be negative)");
      known.identified = entry.value("identified", true);
      known.note = entry.value("note", "");
      model_.knowledge[name] = known;
    }
  }

  void read_noise() {
    if (!document_.contains("measured_noise")) return;
    auto const& knots = document_["measured_noise"].at("knots");
    model_.parameters.measured_noise =
        std::make_shared<model::MeasuredShape>(model::standardized_shape(knots.get<std::vector<double>>()));
  }

  void read_choices() {
    if (!document_.contains("choices")) return;
    auto const table = model::choice_table();
    for (auto const& [name, value] : document_["choices"].items()) {
      auto const same_name = [&wanted = name](model::ChoiceInfo const& c) {
        return c.name == wanted;
      };  // clang 14 captures a binding only by a name of its own
      if (std::none_of(table.begin(), table.end(), same_name)) fail("unknown choice '" + name + "'");
      model::set_parameter(model_.parameters, name, value.get<std::string>());
    }
  }

  void read_posterior() {
    if (!document_.contains("posterior")) return;
    auto const& posterior = document_["posterior"];
    std::vector<ParameterInfo const*> columns;
    for (auto const& name : posterior.at("names")) {
      columns.push_back(model::find_parameter(name.get<std::string>()));
      if (columns.back() == nullptr) fail("unknown parameter '" + name.get<std::string>() + "' in the posterior");
    }
    for (auto const& row : posterior.at("draws")) {
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
    auto const& sweep = document_["allreduce"];
    std::vector<model::SweepPoint> points;
    if (!sweep.contains("points") || !sweep["points"].is_array() || sweep["points"].empty())
      fail("allreduce without its list of points");
    for (auto const& row : sweep["points"]) {
      std::string const where = "point " + std::to_string(points.size() + 1) + " of allreduce";
      bool const numbers =
          row.is_array() && row.size() == 3 && row[0].is_number() && row[1].is_number() && row[2].is_number();
      if (!numbers) fail(where + " (must be [ranks, bytes, time_s])");
      model::SweepPoint const p{row[0].get<double>(), row[1].get<double>(), row[2].get<double>()};
      if (!(p.ranks >= 2.0 && p.bytes > 0.0 && p.time_s > 0.0))
        fail(where + " (ranks must be at least 2, bytes and time_s positive)");
      if (!points.empty() && !(std::pair(points.back().ranks, points.back().bytes) < std::pair(p.ranks, p.bytes)))
        fail(where + " (points must ascend in ranks, then bytes)");
      points.push_back(p);
    }
    model_.parameters.measured_allreduce = model::make_allreduce_curve(model_.parameters, std::move(points));
  }

  void read_ratings() {
    if (!document_.contains("ratings")) return;
    for (auto const& entry : document_["ratings"]) {
      std::string const where = " of rating " + std::to_string(model_.ratings.size() + 1);
      if (!entry.is_object()) fail("rating " + std::to_string(model_.ratings.size() + 1) + " (must be an object)");
      model::Rating rating{.what = entry.value("what", ""),
                           .unit = entry.value("unit", ""),
                           .achieved = number(entry, "achieved", where),
                           .ceiling = entry.contains("ceiling") ? number(entry, "ceiling", where) : 0.0,
                           .ceiling_is = entry.value("ceiling_is", ""),
                           .verdict = entry.value("verdict", "")};
      if (!(rating.achieved >= 0.0 && rating.ceiling >= 0.0)) fail("a negative figure" + where);
      model_.ratings.push_back(std::move(rating));
    }
  }

  std::string path_;
  json document_;
  model::Model model_;
};

}  // namespace

void write_model(std::ostream& out, model::Model const& m, Provenance const& provenance) {
  model::check(m.parameters);
  ordered_json choices = ordered_json::object();
  for (auto const& info : model::choice_table()) choices[std::string(info.name)] = info.get(m.parameters);
  ordered_json document{{"schema", "kurve.model/1"},
                        {"workload", m.workload},
                        {"regime", model::to_text(m.regime)},
                        {"global_batch", m.global_batch},
                        {"baseline_ranks", m.baseline_ranks},
                        {"parameters", parameters_json(m)},
                        {"choices", choices}};
  if (auto const& noise = m.parameters.measured_noise) document["measured_noise"] = {{"knots", noise->value}};
  if (!m.draws.empty()) document["posterior"] = posterior_json(m);
  if (auto const& curve = m.parameters.measured_allreduce) {
    ordered_json points = ordered_json::array();
    for (auto const& p : curve->points()) points.push_back({p.ranks, p.bytes, p.time_s});
    document["allreduce"] = {{"columns", {"ranks", "bytes", "time_s"}}, {"points", points}};
  }
  if (!m.ratings.empty()) document["ratings"] = ratings_json(m);
  document["provenance"] = provenance_json(provenance);
  write_json(out, document);
}

model::Model read_model(std::string const& path) { return ModelReader(path).read(); }

bool is_model_file(std::string const& path) {
  std::ifstream in(path, std::ios::binary);
  std::string prefix(4096, '\0');
  in.read(prefix.data(), static_cast<std::streamsize>(prefix.size()));
  prefix.resize(static_cast<std::size_t>(in.gcount()));
  return prefix.find("\"kurve.model/") != std::string::npos;
}

}  // namespace kurve::data
