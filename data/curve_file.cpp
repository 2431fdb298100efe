// SPDX-License-Identifier: Apache-2.0
#include "data/curve_file.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <utility>

#include "data/csv.hpp"
#include "data/json_text.hpp"
#include "data/printable.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

using model::Contributions;
using model::CurvePoint;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::array<std::pair<char const*, double Contributions::*>, 6> contributions{
    {{"serial_s", &Contributions::serial_s},
     {"compute_s", &Contributions::compute_s},
     {"noise_s", &Contributions::noise_s},
     {"straggler_s", &Contributions::straggler_s},
     {"imbalance_s", &Contributions::imbalance_s},
     {"exposed_comm_s", &Contributions::exposed_comm_s}}};

constexpr std::array<std::pair<char const*, double CurvePoint::*>, 7> scalars{
    {{"K", &CurvePoint::ranks},
     {"global_batch", &CurvePoint::global_batch},
     {"mean_s", &CurvePoint::mean_s},
     {"standard_error_s", &CurvePoint::standard_error_s},
     {"sd_s", &CurvePoint::sd_s},
     {"low_s", &CurvePoint::low_s},
     {"high_s", &CurvePoint::high_s}}};

/// A whole number without its ".0", so that K reads as 8.
ordered_json number_json(double value) {
  auto const whole = static_cast<std::int64_t>(value >= -1e15 && value <= 1e15 ? value : 0.5);
  return static_cast<double>(whole) == value ? ordered_json(whole) : ordered_json(value);
}
ordered_json optional_json(std::optional<double> const& value) {
  return value ? number_json(*value) : ordered_json(nullptr);
}
std::optional<double> optional_of(json const& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

ordered_json point_json(CurvePoint const& p) {
  ordered_json point = ordered_json::object();
  for (auto const& [name, member] : scalars) point[name] = number_json(p.*member);
  point["quantiles"] = ordered_json::object();
  for (auto const& [level, value] : p.quantiles_s) point["quantiles"][number_text(level)] = value;
  point["speedup"] = optional_json(p.speedup);
  point["efficiency"] = {{"mean", p.efficiency.centre}, {"low", p.efficiency.low}, {"high", p.efficiency.high}};
  point["p_pays"] = p.p_pays;
  for (auto const& [name, member] : contributions) point["contributions"][name] = p.contributions.*member;
  if (p.trials > 0) point["trials"] = p.trials;
  if (p.jitter_tax) point["jitter_tax"] = *p.jitter_tax;
  return point;
}

CurvePoint point_of(json const& point) {
  CurvePoint p;
  for (auto const& [name, member] : scalars) p.*member = point.at(name).get<double>();
  for (auto const& [level, value] : point.at("quantiles").items())
    p.quantiles_s[number_from_text(level).value_or(0.0)] = value.get<double>();
  p.speedup = optional_of(point.at("speedup"));
  auto const& e = point.at("efficiency");
  p.efficiency = {e.at("mean").get<double>(), e.at("low").get<double>(), e.at("high").get<double>()};
  p.p_pays = point.at("p_pays").get<double>();
  for (auto const& [name, member] : contributions)
    p.contributions.*member = point.at("contributions").at(name).get<double>();
  p.trials = point.value("trials", 0L);
  if (point.contains("jitter_tax")) p.jitter_tax = point.at("jitter_tax").get<double>();
  return p;
}

ordered_json bend_json(std::optional<model::CurveBend> const& b) {
  if (!b) return nullptr;
  return {{"K", number_json(b->ranks)},
          {"last_ok_K", optional_json(b->last_ok_ranks)},
          {"crossing_K", optional_json(b->crossing_ranks)},
          {"ci_low_K", optional_json(b->low_ranks)},
          {"ci_high_K", optional_json(b->high_ranks)}};
}

model::Curve curve_of(json const& document) {
  model::Curve c;
  c.workload = document.at("workload").get<std::string>();
  c.regime = model::regime_from_text(document.at("regime").get<std::string>());
  c.threshold = document.at("threshold").get<double>();
  c.confidence = document.at("confidence").get<double>();
  c.baseline_ranks = document.at("baseline").at("K").get<double>();
  c.baseline_s = optional_of(document.at("baseline").value("measured_s", json()));
  c.method = document.at("method").get<std::string>();
  c.method_reason = document.value("method_reason", "");
  c.stopped = document.value("stopped", false);
  c.not_measured = document.at("not_measured").get<std::vector<std::string>>();
  c.cautions = document.value("cautions", std::vector<std::string>{});
  for (auto const& point : document.at("points")) c.points.push_back(point_of(point));
  if (auto const& b = document.at("bend"); !b.is_null())
    c.bend = model::CurveBend{b.at("K").get<double>(), optional_of(b.at("last_ok_K")), optional_of(b.at("crossing_K")),
                              optional_of(b.at("ci_low_K")), optional_of(b.at("ci_high_K"))};
  return c;
}

}  // namespace

void write_curve(std::ostream& out, model::Curve const& c, Provenance const& provenance) {
  ordered_json points = ordered_json::array();
  for (auto const& p : c.points) points.push_back(point_json(p));
  write_json(out, {{"schema", "kurve.curve/1"},
                   {"workload", c.workload},
                   {"regime", model::to_text(c.regime)},
                   {"method", c.method},
                   {"method_reason", c.method_reason},
                   {"stopped", c.stopped},
                   {"threshold", c.threshold},
                   {"confidence", c.confidence},
                   {"baseline", {{"K", number_json(c.baseline_ranks)}, {"measured_s", optional_json(c.baseline_s)}}},
                   {"not_measured", c.not_measured},
                   {"cautions", c.cautions},
                   {"points", points},
                   {"bend", bend_json(c.bend)},
                   {"provenance", provenance_json(provenance)}});
}

model::Curve read_curve(std::string const& path) {
  auto const document = read_json(path);
  require_schema(document, "kurve.curve", 1, path);
  try {
    return curve_of(document);
  } catch (json::exception const& e) {
    throw DataError(path, 0, e.what());
  } catch (InputError const& e) {
    throw DataError(path, 0, e.what());
  }
}

void write_curve_csv(std::ostream& out, model::Curve const& c, Provenance const& provenance) {
  std::set<double> levels;
  for (auto const& p : c.points)
    for (auto const& [level, value] : p.quantiles_s) levels.insert(level);
  std::string not_measured;
  for (auto const& name : c.not_measured) not_measured += (not_measured.empty() ? "" : ",") + name;

  out << "# kurve: curve/1\n# workload: " << printable_line(c.workload) << "\n# regime: " << model::to_text(c.regime)
      << "\n# method: " << c.method << "\n# threshold: " << number_text(c.threshold)
      << "\n# confidence: " << number_text(c.confidence) << "\n# baseline_K: " << number_text(c.baseline_ranks)
      << "\n# not_measured: " << not_measured;
  for (auto const& caution : c.cautions) out << "\n# caution: " << printable_line(caution);
  out << "\n# version: " << provenance.version << "\n# command: " << printable_line(provenance.command_line)
      << "\n# seed: " << provenance.seed << "\n# host: " << printable_line(provenance.host) << '\n';
  for (auto const& [name, member] : scalars) out << name << ',';
  for (double const level : levels) out << 'q' << number_text(level) << "_s,";
  out << "speedup,efficiency,efficiency_low,efficiency_high,p_pays";
  for (auto const& [name, member] : contributions) out << ',' << name;
  out << '\n';
  for (auto const& p : c.points) {
    for (auto const& [name, member] : scalars) out << number_text(p.*member) << ',';
    for (double const level : levels) {
      auto const found = p.quantiles_s.find(level);
      out << (found == p.quantiles_s.end() ? "" : number_text(found->second)) << ',';
    }
    out << (p.speedup ? number_text(*p.speedup) : "") << ',' << number_text(p.efficiency.centre) << ','
        << number_text(p.efficiency.low) << ',' << number_text(p.efficiency.high) << ',' << number_text(p.p_pays);
    for (auto const& [name, member] : contributions) out << ',' << number_text(p.contributions.*member);
    out << '\n';
  }
}

}  // namespace kurve::data
