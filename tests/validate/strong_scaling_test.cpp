// SPDX-License-Identifier: Apache-2.0
// Step times of strong scaling on few workers, foretold on 1024.
#include <cmath>
#include <random>
#include <sstream>
#include <vector>

#include "calibrate/fit_steps.hpp"
#include "data/stats.hpp"
#include "tests/support/checks.hpp"
#include "tests/validate/study_text.hpp"
#include "validate/holdout.hpp"

using namespace kurve;

namespace {

enum class Law { log2, ring, skew, constant };

/// Three runs on 1 to 8 or 16 workers, and what 1024 take. One worker takes 30 ms to 30 s, of them 0.05 to 2 % serial;
/// what grows is 1 to 20 % of compute at the largest measured K; runs spread by 0.2 to 2 %.
data::Study study_of(Law law, unsigned seed) {
  std::mt19937 bits(1000 * static_cast<unsigned>(law) + seed);
  auto const between = [&](double low, double high) {
    return low * std::pow(high / low, static_cast<double>(bits()) / 4294967296.0);
  };
  auto const normal = [&] {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(bits()) / 4294967296.0;
    return sum;
  };
  int const largest = seed % 2 == 1 ? 16 : 8;
  double const one_s = between(0.03, 30.0), serial_s = one_s * between(5e-4, 2e-2), share = between(0.01, 0.2),
               cv = between(0.002, 0.02), at_largest_s = share * one_s / largest;
  auto const time_s = [&](double k) {
    double growth_s = k > 1.0 ? at_largest_s : 0.0;
    if (law == Law::log2) growth_s = at_largest_s * std::log2(k) / std::log2(largest);
    if (law == Law::ring) growth_s = at_largest_s * (k - 1.0) / (largest - 1.0);
    if (law == Law::skew) growth_s = share * one_s / k * std::log(k) / std::log(largest);
    return serial_s + one_s / k + growth_s;
  };
  std::ostringstream text;
  text.precision(12);
  text << "# kurve: study/1\n# regime: strong\n# workers_per_node: 8\nK,global_batch,run,step_time_s\n";
  for (int k = 1; k <= largest; k *= 2)
    for (int run = 0; run < 3; ++run)
      text << k << ",1024," << run << ',' << time_s(k) * std::exp(cv * normal()) << '\n';
  text << "1024,1024,0," << time_s(1024) << '\n';
  return test::study_of(text.str());
}

validate::ScorecardSet judged(std::vector<data::Study> const& studies) {
  return validate::validate_studies(studies, validate::parse_split("K<=16"),
                                    [](data::Study const& part) { return calibrate::fit_steps(part, {.draws = 1000}); },
                                    {.draws = 1000});
}

}  // namespace

TEST_SUITE("stat") {
  TEST_CASE("fit: strong scaling on 8 and 16 workers foretells 1024") {
    std::vector<data::Study> all;
    for (auto const law : {Law::log2, Law::ring, Law::skew, Law::constant}) {
      std::vector<data::Study> studies;
      for (unsigned seed = 0; seed < 20; ++seed) studies.push_back(study_of(law, seed));
      auto const set = judged(studies);
      INFO("law " << static_cast<int>(law));
      MESSAGE("law " << static_cast<int>(law) << ": median error " << set.summary.errors.median << ", inside "
                     << set.summary.coverage.share);
      // A ring that eight workers hardly show is what costs most on 1024: it is inside more often than not.
      CHECK(set.summary.coverage.share >= (law == Law::ring ? 0.55 : 0.85));
      all.insert(all.end(), studies.begin(), studies.end());
    }
    auto const set = judged(all);
    std::vector<double> ratios;
    for (auto const& card : set.studies)
      for (auto const& point : card.points)
        if (point.part == validate::Part::held_out) ratios.push_back(point.high_s / point.low_s);
    double best_median = 1e300;
    for (auto const& rival : set.rivals) {
      MESSAGE(rival.name << ": median error " << rival.errors.median);
      best_median = std::min(best_median, rival.errors.median);
    }
    MESSAGE("median error " << set.summary.errors.median << ", inside " << set.summary.coverage.share << ", high/low "
                            << data::median(ratios));
    CHECK(set.summary.errors.median <= best_median);
    CHECK(set.summary.coverage.share >= 0.85);
    CHECK(set.summary.coverage.share <= 0.97);
    // 53 where this was written: that a ring's latency may be all of T at 1024 is most of it.
    CHECK(data::median(ratios) <= 60.0);
  }
}
