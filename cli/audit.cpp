// SPDX-License-Identifier: Apache-2.0
#include "validate/audit.hpp"

#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "data/input.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::cli {
namespace po = boost::program_options;

int audit(Arguments const& arguments) {
  CommandLine line("audit INPUT... [options]",
                   "A linter for scaling claims: what in a Study, or missing from it, would mislead a reader. Findings "
                   "with evidence and remedy, "
                   "and the six-row reporting checklist. Exit code 5 on an error-level finding.",
                   "  kurve audit data/sets/mlperf_gpt3_v3_1/points.csv");
  line.takes_studies();
  line.options().add_options()("threshold,t", po::value<double>()->default_value(0.7, "0.7")->value_name("E"),
                               "efficiency below which more workers do not pay")(
      "reference", po::value<std::string>()->value_name("TIME"), "step time of the fastest correct run: 0.93s, 120ms")(
      "reference-K", po::value<double>()->default_value(1.0, "1")->value_name("K"), "workers of that run")(
      "gradient", po::value<std::string>()->value_name("SIZE"), "bytes all-reduced each step: 700MB")(
      "node-bandwidth", po::value<std::string>()->value_name("RATE"), "what a node sends to others: 100Gbit/s")(
      "claim", po::value<Arguments>()->composing()->value_name("STUDY"),
      "another Study of the same job, whose baseline should be the same")("sarif", "SARIF 2.1.0 for code-review tools");
  if (!line.parse(arguments)) return ok;
  auto const inputs = line.inputs();
  validate::AuditOptions options{.threshold = line.threshold(),
                                 .reference_s = {},
                                 .reference_ranks = line.get<double>("reference-K"),
                                 .gradient_bytes = {},
                                 .node_bytes_per_s = {},
                                 .other_claims = {}};
  if (auto const time = line.find<std::string>("reference"))
    options.reference_s = data::seconds_from_text(*time).count();
  if (auto const size = line.find<std::string>("gradient"))
    options.gradient_bytes = static_cast<double>(data::bytes_from_text(*size).count);
  if (auto const rate = line.find<std::string>("node-bandwidth"))
    options.node_bytes_per_s = data::rate_from_text(*rate).value;
  std::vector<data::Study> claims;
  for (auto const& path : line.all("claim")) claims.push_back(data::read_study({path}));
  for (auto const& claim : claims) options.other_claims.push_back(&claim);

  auto const study = data::read_study(inputs, line.assumptions());
  auto const result = validate::audit(study, options);
  auto const made_by = line.provenance(inputs);
  warn(line, study.notes);
  write_result(line, line.has("sarif")      ? validate::to_sarif(result, made_by.version)
                     : wants(line, ".json") ? validate::to_json(result, &made_by)
                                            : validate::to_text(result));
  return validate::has_error(result) ? verdict_failed : ok;
}

}  // namespace kurve::cli
