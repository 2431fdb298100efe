// SPDX-License-Identifier: Apache-2.0
// Forecasts of jobs whose law is known: the suite of head-to-head extrapolation (K = 1 to 8 measured, K = 1024 asked).
#include <cmath>
#include <sstream>

#include "calibrate/fit.hpp"
#include "data/stats.hpp"
#include "model/allreduce.hpp"
#include "sim/predict.hpp"
#include "tests/support/checks.hpp"
#include "tests/validate/study_text.hpp"
#include "tests/validate/synthetic_jobs.hpp"
#include "validate/holdout.hpp"

using namespace kurve;

namespace {

/// weak: T = 0.100 + ring, strong: T = 0.005 + 0.8/K + ring; the ring has 0.4 GB at 100 GB/s and 15 us a hop.
struct RingJob {
  bool weak = false;
  static constexpr double gradient_bytes = 4e8, alpha_s = 15e-6, bandwidth_Bps = 100e9, strong_batch = 1024;
  [[nodiscard]] static double ring_s(double k, double bytes) {
    return 2 * (k - 1) * alpha_s + 2 * (k - 1) / k * bytes / bandwidth_Bps;
  }
  [[nodiscard]] double serial_s() const { return weak ? 0.001 : 0.005; }
  [[nodiscard]] double per_sample_s() const { return weak ? 0.099 : 0.8 / strong_batch; }
  [[nodiscard]] double batch(double k) const { return weak ? k : strong_batch; }
  [[nodiscard]] double time_s(double k) const {
    return serial_s() + per_sample_s() * batch(k) / k + ring_s(k, gradient_bytes);
  }
};

/// Whole steps at K = 1, 2, 4 and 8: five repeats, 1 % noise.
data::Study steps_of(RingJob const& job, test::Dice& dice) {
  std::ostringstream text;
  text.precision(12);
  text << "# kurve: study/1\n# workers_per_node: 1\nK,global_batch,run,step_time_s\n";
  for (int const k : {1, 2, 4, 8})
    for (int run = 0; run < 5; ++run)
      text << k << ',' << job.batch(k) << ',' << run << ',' << job.time_s(k) * (1 + 0.01 * dice.normal()) << '\n';
  return test::study_of(text.str());
}

/// Serial work and compute each 2 % off as a whole (timed alone, not inside a step), the all-reduce at two sizes, five
/// times each, so that their mean is known to 2 %.
data::Study components_of(RingJob const& job, test::Dice& dice) {
  std::ostringstream text;
  text.precision(12);
  text << "# kurve: study/1\n# workers_per_node: 1\n# gradient_bytes: " << job.gradient_bytes
       << "\n# configuration: algorithm\nop,ranks,bytes,local_batch,algorithm,step,time_s\n";
  auto const row = [&](std::string const& key, double time_s, double cv) {
    for (int step = 0; step < 5; ++step)
      text << key << (key.starts_with("allreduce") ? ",ring," : ",,") << step << ','
           << time_s * (1 + cv * dice.normal()) << '\n';
  };
  double const alone_cv = 1e-3, off = 0.02, serial = 1 + off * dice.normal(), compute = 1 + off * dice.normal();
  row("serial,1,,", serial * job.serial_s(), alone_cv);
  for (int const b : {1, 2, 4}) {
    int const batch = b * static_cast<int>(job.batch(1));
    row("compute,1,," + std::to_string(batch), compute * job.per_sample_s() * batch, alone_cv);
  }
  row("allreduce,8,1024,", job.ring_s(8, 1024), off * std::sqrt(5.0));
  row("allreduce,8,400000000,", job.ring_s(8, job.gradient_bytes), off * std::sqrt(5.0));
  return test::study_of(text.str());
}

struct Forecast {
  double error = 0.0;  ///< of the median, relative
  bool covered = false;
  double half_width = 0.0;
};
/// Against the truth, and whether the interval holds a new run of the noise that the others had.
Forecast forecast(model::Model const& model, RingJob const& job, double k, test::Dice& dice) {
  sim::Target const target{.ranks = k, .global_batch = job.batch(k)};
  auto const draws = sim::predict(model, std::span(&target, 1), {.draws = 2000, .seed = 1, .runs = 1.0}).front();
  double const low = data::quantile(draws, 0.05), high = data::quantile(draws, 0.95), middle = data::median(draws);
  double const run_s = job.time_s(k) * (1 + 0.01 * dice.normal());
  return {middle / job.time_s(k) - 1.0, low <= run_s && run_s <= high, (high - low) / (2 * middle)};
}

constexpr int seeds = 40;

/// A job whose efficiency falls below 0.7 first at a K from 16 to 1024, by serial work, a logarithm, a ring or skew.
struct BendingJob {
  bool weak = false;
  int law = 0;
  double step_s = 1.0, serial = 0.0, growth = 0.0;  ///< seconds; shares of the step of one worker

  [[nodiscard]] double time_s(double k) const {
    double const grown[] = {0.0, std::log2(k), k - 1.0, std::log(k)};
    double const work = (1.0 - serial) / (weak ? 1.0 : k);
    return step_s * (serial + work + growth * grown[law] * (law == 3 ? work : 1.0));
  }
  [[nodiscard]] double efficiency(double k) const { return time_s(1) / time_s(k) / (weak ? 1.0 : k); }
  [[nodiscard]] int bend() const {
    int k = 1;
    while (k <= 1024 && efficiency(k) >= 0.7) k *= 2;
    return k;
  }
};

BendingJob draw_bending_job(bool weak, test::Dice& dice) {
  BendingJob job{.weak = weak, .law = weak ? 1 + dice.pick(3) : dice.pick(4)};
  do {
    job.step_s = dice.log_between(0.1, 10.0);
    job.serial = dice.log_between(0.001, 0.05);
    job.growth = dice.log_between(1e-5, 0.1);
  } while (job.bend() < 16 || job.bend() > 1024);
  return job;
}

/// Three runs of 1 % noise at K = 1, 2, 4 .. 2048.
data::Study study_of(BendingJob const& job, test::Dice& dice) {
  std::ostringstream text;
  text.precision(12);
  text << "# kurve: study/1\n# workers_per_node: 8\nK,global_batch,run,step_time_s\n";
  for (int k = 1; k <= 2048; k *= 2)
    for (int run = 0; run < 3; ++run)
      text << k << ',' << (job.weak ? 32 * k : 4096) << ',' << run << ',' << job.time_s(k) * (1 + 0.01 * dice.normal())
           << '\n';
  return test::study_of(text.str());
}

}  // namespace

TEST_SUITE_BEGIN("stat");

TEST_CASE("foretell: from components known to 2 % K = 1024 is foretold") {
  std::vector<double> errors;
  int covered = 0;
  for (bool const weak : {true, false}) {
    RingJob const job{weak};
    std::vector<double> signed_errors, widths;
    for (int seed = 1; seed <= seeds; ++seed) {
      test::Dice dice(seed);
      auto const steps = steps_of(job, dice);
      auto const fit = calibrate::fit_components(components_of(job, dice), steps, {.draws = 2000, .seed = 1});
      auto const f = forecast(fit.model, job, 1024, dice);
      signed_errors.push_back(f.error);
      errors.push_back(std::abs(f.error));
      widths.push_back(f.half_width);
      covered += f.covered ? 1 : 0;
    }
    CHECK(std::abs(data::median(signed_errors)) < 0.01);
    // The latency, known to 2 %, is 69 % of the strong step: 2.3 % at 90 %. Serial work, run and drift may double it.
    // Bytes, a fifth of the ring at K = 1024, may meet a slower level of the network: 2^(1/5) - 1 = 15 %, of one side
    // alone, of a ring that is 87 % of the strong step: (4.6 + 4.6 + 13) / 2 = 11 %, and a tenth of it.
    CHECK(data::median(widths) < 0.122);
    MESSAGE(std::string(weak ? "weak" : "strong")
            << ": median error " << data::median(signed_errors) << ", half-width " << data::median(widths));
  }
  MESSAGE("median absolute error " << data::median(errors) << ", 90th percentile " << data::quantile(errors, 0.9)
                                   << ", covered " << covered << " of " << 2 * seeds);
  CHECK(data::median(errors) < 0.01);
  CHECK(data::quantile(errors, 0.9) < 0.05);
  CHECK(covered >= 0.85 * 2 * seeds);
}

TEST_CASE(
    "foretell: from step times alone the interval at K = 1024 holds the truth and the latency is not identified") {
  for (bool const weak : {true, false}) {
    RingJob const job{weak};
    std::vector<double> errors, widths;
    int covered = 0, identified = 0;
    for (int seed = 1; seed <= seeds; ++seed) {
      test::Dice dice(seed);
      auto const model = calibrate::fit_steps(steps_of(job, dice), {.draws = 2000, .seed = 1}).model;
      auto const f = forecast(model, job, 1024, dice);
      errors.push_back(std::abs(f.error));
      widths.push_back(f.half_width);
      covered += f.covered ? 1 : 0;
      auto const found = model.knowledge.find("extra.per_rank");
      identified += found != model.knowledge.end() && found->second.identified ? 1 : 0;
    }
    MESSAGE(std::string(weak ? "weak" : "strong")
            << ": median error " << data::median(errors) << ", covered " << covered << " of " << seeds
            << ", half-width " << data::median(widths));
    CHECK(covered >= 0.85 * seeds);
    CHECK(identified == 0);
  }
}

TEST_SUITE_END();

TEST_SUITE_BEGIN("slow");

TEST_CASE("foretell: the bend is inside its interval from points that end at a quarter of it") {
  std::vector<double> octaves;
  int held = 0;
  constexpr int cases = 400;
  for (int seed = 1; seed <= cases; ++seed) {
    test::Dice dice(seed);
    auto const job = draw_bending_job(seed % 2 == 0, dice);
    auto const study = study_of(job, dice);
    auto const split = validate::parse_split("K<=" + std::to_string(job.bend() / 4));
    auto const fit = calibrate::fit_steps(validate::fitted_part(study, split), {.draws = 500, .seed = 1});
    auto const bend = validate::validate_model(fit.model, study, {.draws = 500}).bend;
    double const low = bend.low_ranks.value_or(4096), high = bend.high_ranks.value_or(4096);  // beyond 2048
    octaves.push_back(std::log2(high / low));
    held += low <= job.bend() && job.bend() <= high ? 1 : 0;
  }
  MESSAGE(held << " of " << cases << " hold; median width " << data::median(octaves) << " octaves");
  CHECK(held >= 0.85 * cases);
  CHECK(data::median(octaves) <= 3.0);  // of the ten from 2 to 2048
}

TEST_SUITE_END();
