// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace kurve::data {

/// Count, mean and unbiased standard deviation. sd is 0 for n < 2.
struct Summary {
  std::size_t n = 0;
  double mean = 0.0;
  double sd = 0.0;
  [[nodiscard]] double standard_error() const;  ///< sd / sqrt(n); 0 for n < 2
};
/// Welford's single pass. Shape: any length; empty gives n = 0.
[[nodiscard]] Summary summarize(std::span<double const> values);

struct Bounds {
  double low = 0.0, high = 0.0;
};

/// Two-sided confidence interval of the mean by Student's t with n-1 degrees of freedom; infinite for n < 2, because
/// one sample says nothing of its spread. @param confidence in (0, 1)
[[nodiscard]] Bounds student_t_interval(Summary const& summary, double confidence);
/// mean +- z s/sqrt(n), as textbooks print it (1.96 at 95 %): too narrow for few repeats (covers 87.8 % at n = 5).
[[nodiscard]] Bounds normal_interval(Summary const& summary, double confidence);

/// Quantile of a sample, linear between order statistics (type 7 of Hyndman & Fan 1996). Sorts a copy.
/// @param values  [n >= 1]
[[nodiscard]] double quantile(std::span<double const> values, double level);
[[nodiscard]] double median(std::span<double const> values);
/// Median absolute deviation times 1.4826: a robust sd for normal data.
[[nodiscard]] double scaled_mad(std::span<double const> values);

/// Percentile bootstrap interval of a statistic of several independent groups, each resampled within itself
/// (repeats within each K, so that a ratio inherits its baseline's error).
///
/// @param groups      [n_groups][n_i >= 1]
/// @param statistic   of resampled groups, same shape
/// @param resamples   number of bootstrap draws
/// Deterministic in seed. Source: Efron & Tibshirani 1993.
[[nodiscard]] Bounds bootstrap_interval(std::vector<std::vector<double>> const& groups,
                                        std::function<double(std::vector<std::vector<double>> const&)> const& statistic,
                                        double confidence, int resamples, std::uint64_t seed);

/// Number of leading samples that are warm-up: those before the first that is as short as settled ones, that is, not
/// above the 99 % quantile of the second half plus three of its scaled MADs. 0 for fewer than 20 samples.
///
/// Not MSER-5 (White 1997): on the 21 logged GPT-3 runs of data/sets it takes a rare slow step in mid-run for the end
/// of the warm-up and drops 10 to 140 steps in 8 of them; this rule drops 1 to 3 in each.
[[nodiscard]] std::size_t warmup_length(std::span<double const> series);

/// n / (1 + 2 sum of autocorrelations), summed to the first negative pair (Geyer 1992), or where that is smaller what
/// the lag-1 correlation says after Kendall's correction for few samples; between 1 and n.
[[nodiscard]] double effective_sample_size(std::span<double const> series);

}  // namespace kurve::data
