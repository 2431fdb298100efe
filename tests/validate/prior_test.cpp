// SPDX-License-Identifier: Apache-2.0
// What the prior of a fit to step times owes to the studies it is judged on: the same judgement with round numbers, and
// with constants learned from the others alone.
#include <cmath>
#include <filesystem>
#include <set>
#include <sstream>

#include "calibrate/fit_steps.hpp"
#include "calibrate/learn_prior.hpp"
#include "data/stats.hpp"
#include "tests/support/checks.hpp"
#include "tests/validate/study_text.hpp"
#include "validate/holdout.hpp"

using namespace kurve;

namespace {

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
      if (point.part == validate::Part::held_out)
        logs.push_back(std::log(std::abs(point.predicted_s / point.measured_s - 1.0) + 1e-4));
  auto const summary = data::summarize(logs);
  return 1.2533 * summary.standard_error();
}

/// The order statistic two standard errors of its rank above the 90th percentile of the error.
double two_standard_errors_above_p90(validate::ScorecardSet const& set) {
  std::vector<double> errors;
  for (auto const& card : set.studies)
    for (auto const& point : card.points)
      if (point.part == validate::Part::held_out) errors.push_back(std::abs(point.relative_error));
  double const n = static_cast<double>(errors.size());
  return data::quantile(errors, 0.9 + 2.0 * std::sqrt(0.9 * 0.1 / n));
}

validate::ScorecardSet judge(std::vector<data::Study> const& studies, validate::Split const& split,
                             calibrate::StepPrior const& prior) {
  return validate::validate_studies(studies, split,
                                    [&](data::Study const& part) { return calibrate::fit_steps(part, {}, prior); }, {});
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
      auto const learned = judge(studies, split, {}), round = judge(studies, split, calibrate::vague_prior());
      auto const &a = learned.summary.errors, &b = round.summary.errors;
      MESSAGE(split.text << ": learned " << a.median << " " << a.mean << " " << a.p90 << ", "
                         << learned.summary.coverage.share << "; round " << b.median << " " << b.mean << " " << b.p90
                         << ", " << round.summary.coverage.share << " inside");
      // Learning must not carry the claim: without it errors are as large, median and 90th percentile within two
      // standard errors of themselves, and the best rival is beaten by the same margin.
      CHECK(std::log(b.median / a.median) < 2.0 * log_median_error(learned));
      CHECK(b.mean < 1.05 * a.mean);
      CHECK(b.p90 < two_standard_errors_above_p90(learned));
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

  TEST_CASE("prior: what is shipped is what all real studies teach") {
    if (test::shared_data().empty()) {
      MESSAGE("skipped: ../shared/data is absent");
      return;
    }
    auto const taught = calibrate::learned_constants(calibrate::PriorLearner(real_studies(), 1).from_all());
    auto const shipped = calibrate::learned_constants({});
    REQUIRE(taught.size() == shipped.size());
    for (std::size_t i = 0; i < taught.size(); ++i) {
      INFO(taught[i].first);
      CHECK(shipped[i].second == doctest::Approx(taught[i].second).epsilon(0.02));  // rounded to three digits or fewer
    }
  }

  TEST_CASE("fit: real studies are foretold by priors learned from the others alone") {
    if (test::shared_data().empty()) {
      MESSAGE("skipped: ../shared/data is absent");
      return;
    }
    auto const studies = real_studies();
    auto const priors = calibrate::PriorLearner(studies, 1).without_each();
    for (auto const& split : {validate::ratio_split(4), validate::ratio_split(2), validate::leave_largest_split()}) {
      auto const set =
          validate::validate_studies(studies, split,
                                     [&](data::Study const& part) {
                                       return calibrate::fit_steps(part, {}, priors.at(calibrate::study_source(part)));
                                     },
                                     {});
      auto const& errors = set.summary.errors;
      MESSAGE(split.text << ": " << errors.median << " " << errors.mean << " " << errors.p90 << ", "
                         << set.summary.coverage.share << " inside");
      double const margin = split.text == validate::ratio_split(4).text ? 0.85 : 1.0;
      for (auto const& rival : set.rivals) {
        INFO(rival.name);
        CHECK(errors.median <= margin * rival.errors.median);
        CHECK(errors.mean <= margin * rival.errors.mean);
        CHECK(errors.p90 <= margin * rival.errors.p90);
      }
      CHECK(set.summary.coverage.share >= 0.85);
      CHECK(set.summary.coverage.share <= 0.95);
    }
  }

  TEST_CASE("prior: nothing of a study, nor of another of its source, enters the prior it is fitted with") {
    auto const study = [](std::string const& source, double serial_s, double at_16_s) {
      std::ostringstream csv;
      csv << "# kurve: study/1\n# source: " << source << "; a table\nK,global_batch,step_time_s\n";
      for (double const k : {1.0, 2.0, 4.0, 8.0}) csv << k << ",64," << serial_s + 0.9 / k << "\n";
      csv << "16,64," << at_16_s << "\n";
      return test::study_of(csv.str());
    };
    std::vector<data::Study> const honest{study("one", 0.1, 0.16), study("two", 0.05, 0.11), study("three", 0.2, 0.25),
                                          study("one", 0.1, 0.17)};
    auto planted = honest;  // what is held out of studies 0 and 3
    planted[0] = study("one", 0.1, 0.9);
    planted[3] = study("one", 0.7, 0.5);
    calibrate::PriorLearner const learner(honest, 1), leaking(planted, 1);
    CHECK(calibrate::learned_constants(learner.without("one")) == calibrate::learned_constants(leaking.without("one")));
    // The same change would be seen if it were learned from.
    CHECK(calibrate::learned_constants(learner.without("two")) != calibrate::learned_constants(leaking.without("two")));
    CHECK(calibrate::learned_constants(learner.from_all()) != calibrate::learned_constants(leaking.from_all()));
  }

  TEST_CASE("prior: serial work that all studies have is learned") {
    std::vector<data::Study> studies;
    for (int i = 0; i < 12; ++i) {
      std::ostringstream csv;
      csv << "# kurve: study/1\n# source: " << i << "\nK,global_batch,step_time_s\n";
      for (double const k : {1.0, 2.0, 4.0, 8.0, 16.0}) csv << k << ",64," << 0.15 + 0.85 / k << "\n";
      studies.push_back(test::study_of(csv.str()));
    }
    auto const prior = calibrate::PriorLearner(studies, 1).from_all();
    // Costs are in units of the smallest fitted time: 0.15 of 0.3625 is 0.41. Twelve studies stand against what was
    // believed before, as much as twelve more: the median goes half the way, in logarithms, but for what each study's
    // few K leave open, less than half of that. Learning that did nothing, or took the studies for the truth, lies
    // outside.
    double const before = std::log(calibrate::vague_prior().serial_median), truth = std::log(0.15 / 0.3625);
    double const gone = (std::log(prior.serial_median) - before) / (truth - before);
    CHECK(gone > 0.25);
    CHECK(gone <= 0.5);
    CHECK(prior.misfit_median < calibrate::vague_prior().misfit_median);  // the points lie on the curve
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
