// SPDX-License-Identifier: Apache-2.0
#include "data/stats.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <numeric>

#include "data/study.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::data;

namespace {

/// Standard normal draws for tests: sums of twelve uniforms (Irwin-Hall: mean 0, variance 1 exactly), from Knuth's MMIX
/// generator.
class TestNormals {
 public:
  double next() {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      sum += static_cast<double>(state_ >> 11) * 0x1p-53;
    }
    return sum;
  }

 private:
  std::uint64_t state_ = 42;
};

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("stats: mean and deviation of a known sample without cancellation") {
    std::vector<double> const x{1e9 + 4, 1e9 + 7, 1e9 + 13,
                                1e9 + 16};  // variance 30 exactly (textbook case of cancellation)
    auto const s = summarize(x);
    CHECK(s.n == 4);
    CHECK(s.mean == 1e9 + 10);
    CHECK_CLOSE(s.sd, std::sqrt(30.0), 1e-15);
    CHECK_CLOSE(s.standard_error(), std::sqrt(30.0) / 2, 1e-15);
    CHECK(summarize({}).n == 0);
    CHECK(summarize(std::vector{3.0}).sd == 0.0);
  }

  TEST_CASE("stats: intervals use the published t and normal quantiles") {
    // t tables print 2.776 at 4 degrees of freedom, 12.706 at 1, 2.262 at 9 (95 %); 2.132 at 4 (90 %): half a unit in
    // the last digit
    auto const half = [](std::size_t n, double confidence) {
      return student_t_interval({.n = n, .mean = 0.0, .sd = std::sqrt(static_cast<double>(n))}, confidence).high;
    };
    CHECK(std::abs(half(5, 0.95) - 2.776) <= 0.0005);
    CHECK(std::abs(half(2, 0.95) - 12.706) <= 0.0005);
    CHECK(std::abs(half(10, 0.95) - 2.262) <= 0.0005);
    CHECK(std::abs(half(5, 0.90) - 2.132) <= 0.0005);
    auto const z = normal_interval({.n = 4, .mean = 1.0, .sd = 2.0}, 0.95);
    CHECK(std::abs(z.high - 2.959964) <= 5e-7);
    CHECK(std::abs(z.low + 0.959964) <= 5e-7);
    CHECK(std::isinf(student_t_interval({.n = 1, .mean = 1.0, .sd = 0.0}, 0.9).high));
    CHECK(student_t_interval({.n = 3, .mean = 2.0, .sd = 0.0}, 0.9).low == 2.0);
    CHECK_THROWS_AS(static_cast<void>(student_t_interval({.n = 3, .mean = 2.0, .sd = 1.0}, 1.0)), ContractViolation);
  }

  TEST_CASE("stats: quantiles are linear between order statistics") {
    std::vector<double> const x{4, 1, 3, 2};
    CHECK(quantile(x, 0.0) == 1.0);
    CHECK(quantile(x, 1.0) == 4.0);
    CHECK(median(x) == 2.5);
    CHECK_CLOSE(quantile(x, 0.1), 1.3, 1e-15);  // R: quantile(c(4,1,3,2), 0.1) is 1.3
    CHECK(quantile(std::vector{7.0}, 0.3) == 7.0);
    CHECK_CLOSE(scaled_mad(std::vector<double>{1, 1, 2, 2, 4, 6, 9}), 1.4826,
                1e-15);  // median 2, deviations 1 1 0 0 2 4 7
    CHECK_THROWS_AS(static_cast<void>(median({})), ContractViolation);
  }

  TEST_CASE("stats: the error of a ratio of means has Welch and Satterthwaite's degrees of freedom") {
    // By hand: relative errors 3 % / sqrt(9) = 1 % with 8 and 4 % / sqrt(4) = 2 % with 3 degrees of freedom:
    // (1 + 4)^2 / (1/8 + 16/3) = 4.580 (per cent to the fourth power cancels).
    auto const a = log_error({.n = 9, .mean = 2.0, .sd = 0.06}), b = log_error({.n = 4, .mean = 0.5, .sd = 0.02});
    auto const ratio = log_error_of_ratio(a, b);
    CHECK_CLOSE(ratio.sd, std::sqrt(5.0) * 0.01, 1e-12);
    CHECK_CLOSE(ratio.degrees_of_freedom, 25.0 / (1.0 / 8.0 + 16.0 / 3.0), 1e-12);
    CHECK(log_error_of_ratio({0.0, 2.0}, {0.0, 7.0}).degrees_of_freedom == 2.0);
    auto const bounds = log_t_interval(0.8, {0.01, 4.0}, 0.95);  // t(0.975, 4) = 2.7764
    CHECK_CLOSE(bounds.high, 0.8 * std::exp(0.027764), 1e-5);
    CHECK_CLOSE(bounds.low * bounds.high, 0.64, 1e-12);
    std::vector<Summary> const summaries{
        {.n = 1, .mean = 3.0}, {.n = 3, .mean = 1.0, .sd = 0.1}, {.n = 2, .mean = 10.0, .sd = 4.0}};
    CHECK_CLOSE(pooled_log_error(summaries)->sd, std::sqrt((2 * 0.01 + 0.16) / 3), 1e-12);
    CHECK(pooled_log_error(summaries)->degrees_of_freedom == 3.0);
    CHECK_FALSE(pooled_log_error(std::span(summaries).first(1)));
  }

  TEST_CASE("stats: the interval of the mean of an AR(1) series knows what its values are worth") {
    // 400 series of 100 steps at lag-1 correlation 0.9: t(n - 1) with sd / sqrt(n) covers 33 % (FACTS F).
    TestNormals normals;
    int covered = 0;
    for (int series = 0; series < 400; ++series) {
      std::vector<double> steps(100);
      double x = normals.next();
      for (auto& v : steps) v = 1.0 + 0.01 * (x = 0.9 * x + std::sqrt(1 - 0.81) * normals.next());
      auto const bounds = student_t_interval(summarize_series(steps), 0.95);
      covered += bounds.low <= 1.0 && 1.0 <= bounds.high;
    }
    CHECK(covered >= 0.88 * 400);
  }

  TEST_CASE("stats: warm-up ends where the series settles") {
    TestNormals normals;
    std::vector<double> series(200);
    for (auto& v : series) v = 1.0 + 0.01 * normals.next();
    CHECK(warmup_length(std::span(series).first(19)) == 0);
    CHECK(warmup_length(series) == 0);
    series[120] += 5.0;  // a rare slow step is not the end of a warm-up
    CHECK(warmup_length(series) == 0);
    for (std::size_t i = 0; i < 12; ++i) series[i] += 0.5;  // 50 standard deviations
    CHECK(warmup_length(series) == 12);
    CHECK(warmup_length(std::vector<double>(50, 1.0)) == 0);
  }

  TEST_CASE("stats: an AR(1) series carries n (1 - phi) / (1 + phi) independent samples") {
    TestNormals normals;
    double const phi = 0.6;
    double x = 0.0;
    std::vector<double> series(20'000);
    for (auto& v : series) v = x = phi * x + normals.next();
    // Geyer's estimate at this length scatters by about sqrt(2 (2 M + 1) / n), M near 20 lags: 6.4 %; three of them
    CHECK_CLOSE(effective_sample_size(series), 20'000 * (1 - phi) / (1 + phi), 0.19);
    for (auto& v : series) v = normals.next();
    CHECK(effective_sample_size(series) > 18'000);
    CHECK(effective_sample_size(std::vector<double>(10, 1.0)) == 10.0);
  }

  TEST_CASE("stats: logged GPT-3 runs lose one to five warm-up steps") {
    std::string const path = KURVE_SOURCE_DIR "/../shared/data/mlperf/p1_gpt3_nvidia_v3_1_steps.csv";
    std::ifstream in(path);
    if (!in) {
      MESSAGE("skipped: no " << path);
      return;
    }
    std::map<std::pair<int, int>, std::vector<double>> runs;
    for (auto const& s : read_study_csv(in, path).samples) runs[{s.ranks, *s.run}].push_back(s.time_s);
    for (auto const& [key, steps] : runs) {
      INFO("K ", key.first, " run ", key.second, " of ", steps.size(), " steps");
      CHECK(warmup_length(steps) >= 1);
      CHECK(warmup_length(steps) <= 5);
    }
  }
}
