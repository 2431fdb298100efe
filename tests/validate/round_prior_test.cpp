// SPDX-License-Identifier: Apache-2.0
// What the prior of a fit to step times owes to the studies it is judged on: the same judgement with round numbers.
#include <cmath>
#include <filesystem>
#include <set>

#include "calibrate/fit_steps.hpp"
#include "data/stats.hpp"
#include "tests/support/checks.hpp"
#include "tests/validate/study_text.hpp"
#include "validate/holdout.hpp"

using namespace kurve;
using calibrate::GrowthLaw;

namespace {

/// Round numbers for every constant that was learned: costs of a few per cent of a step with a factor of 3 to 5 either
/// way, the logarithm of the nodes five times as likely as each other law, half a per cent of misfit, one of drift.
calibrate::StepPrior round_prior() {
  calibrate::StepPrior prior;
  prior.law.fill(0.2);
  prior.law[static_cast<std::size_t>(GrowthLaw::constant)] =
      prior.law[static_cast<std::size_t>(GrowthLaw::log2_nodes)] = 1.0;
  prior.cost_power = 0.5;
  prior.serial_median = prior.in_node_median = prior.cross_node_median = 0.02;
  prior.serial_log_sd = prior.in_node_log_sd = prior.cross_node_log_sd = 1.5;
  prior.exposed_median = 0.5;
  prior.exposed_log_sd = 1.0;
  prior.growth_median = 0.01;
  prior.growth_log_sd = 1.0;
  prior.latency_probability = prior.share_probability = 0.5;
  prior.knee_probability = 0.01;
  prior.inner = 0.7;
  prior.diffuse_probability = 0.05;
  prior.misfit_median = 0.005;
  prior.misfit_log_sd = 0.7;
  prior.misfit_predicted = 1.5;
  prior.drift_median = 0.01;
  prior.drift_log_sd = 0.7;
  prior.drift_predicted = 1.5;
  prior.distance_power = 0.5;
  prior.batch_weight = 0.1;
  prior.other_job_probability = 0.02;
  prior.other_job_sd = 0.4;
  prior.run_cv = 0.005;
  prior.run_cv_weight = 4.0;
  return prior;
}

std::vector<data::Study> real_studies() {
  std::set<std::filesystem::path> paths;
  for (auto const folder : {"mlperf", "published"})
    for (auto const& entry : std::filesystem::directory_iterator(test::shared_data() / folder))
      if (entry.path().extension() == ".csv" && !entry.path().stem().string().ends_with("_steps")) paths.insert(entry);
  std::vector<data::Study> studies;
  for (auto const& path : paths) studies.push_back(test::study_at(path));
  return studies;
}

/// Standard error of the log of the median error: 1.2533 sd / sqrt n, as of a normal law's median.
double log_median_error(validate::ScorecardSet const& set) {
  std::vector<double> logs;
  for (auto const& card : set.studies)
    for (auto const& point : card.points)
      if (point.held_out) logs.push_back(std::log(std::abs(point.predicted_s / point.measured_s - 1.0) + 1e-4));
  auto const summary = data::summarize(logs);
  return 1.2533 * summary.standard_error();
}

validate::ScorecardSet judge(std::vector<data::Study> const& studies, validate::Split const& split,
                             calibrate::StepPrior const& prior) {
  return validate::validate_studies(
      studies, split, [&](data::Study const& part) { return calibrate::fit_steps(part, {.draws = 1000}, prior); },
      {.draws = 1000});
}

}  // namespace

TEST_SUITE("slow") {
  TEST_CASE("fit: real studies are foretold as well by round numbers as by what was learned from them") {
    if (test::shared_data().empty()) {
      MESSAGE("skipped: ../shared/data is absent");
      return;
    }
    auto const studies = real_studies();
    for (auto const& split : {validate::ratio_split(4), validate::ratio_split(2), validate::leave_largest_split()}) {
      auto const learned = judge(studies, split, {}), round = judge(studies, split, round_prior());
      auto const &a = learned.summary.errors, &b = round.summary.errors;
      MESSAGE(split.text << ": learned " << a.median << " " << a.mean << " " << a.p90 << ", "
                         << learned.summary.coverage.share << "; round " << b.median << " " << b.mean << " " << b.p90
                         << ", " << round.summary.coverage.share << " inside");
      // Learning must not carry the claim: without it errors are as large, the median within two standard errors of
      // itself, and the best rival is beaten by the same margin.
      CHECK(std::log(b.median / a.median) < 2.0 * log_median_error(learned));
      CHECK(b.mean < 1.05 * a.mean);
      CHECK(b.p90 < 1.05 * a.p90);
      double median = 1e300, mean = 1e300, p90 = 1e300;
      for (auto const& rival : round.rivals) {
        median = std::min(median, rival.errors.median);
        mean = std::min(mean, rival.errors.mean);
        p90 = std::min(p90, rival.errors.p90);
      }
      double const margin = split.text == validate::ratio_split(4).text ? 0.85 : 1.0;
      for (auto const* errors : {&a, &b}) {
        CHECK(errors->median <= margin * median);
        CHECK(errors->mean <= margin * mean);
        CHECK(errors->p90 <= margin * p90);
      }
    }
  }

  TEST_CASE("fit: points that are hardly believed still leave a step that takes time") {
    calibrate::StepPrior doubtful;
    doubtful.other_job_probability = 0.9;
    doubtful.other_job_sd = 2.0;
    auto const study = test::study_of("K,global_batch,step_time_s\n1,64,0.69\n2,64,0.37\n4,64,0.21\n");
    auto const fit = calibrate::fit_steps(study, {.draws = 2000}, doubtful);
    CHECK(fit.model.baseline_ranks == 1.0);
    auto const card = validate::validate_model(fit.model, study, {.draws = 2000});
    for (auto const& point : card.points) CHECK(point.low_s > 0.0);
  }
}
