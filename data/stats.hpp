// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace kurve::data {

/// Count, mean and unbiased standard deviation. sd is 0 for n < 2.
struct Summary {
  std::size_t n = 0;
  double mean = 0.0;
  double sd = 0.0;
  std::optional<double> effective_n = {};       ///< independent values that n correlated ones are worth; none where n
  [[nodiscard]] double standard_error() const;  ///< sd / sqrt(effective n); 0 for n < 2
  [[nodiscard]] double degrees_of_freedom() const;  ///< effective n - 1, at least 1. @pre n >= 2
};
/// Welford's single pass. Shape: any length; empty gives n = 0.
[[nodiscard]] Summary summarize(std::span<double const> values);
/// The same of values in the order of time, which may be correlated (effective_sample_size).
[[nodiscard]] Summary summarize_series(std::span<double const> series);

struct Bounds {
  double low = 0.0, high = 0.0;
};

/// Two-sided confidence interval of the mean by Student's t; infinite for n < 2, because one sample says nothing of its
/// spread. @param confidence in (0, 1)
[[nodiscard]] Bounds student_t_interval(Summary const& summary, double confidence);
/// mean +- z s/sqrt(n), as textbooks print it (1.96 at 95 %): too narrow for few repeats (covers 87.8 % at n = 5).
[[nodiscard]] Bounds normal_interval(Summary const& summary, double confidence);

/// Quantile of a sample, linear between order statistics (type 7 of Hyndman & Fan 1996). Sorts a copy.
/// @param values  [n >= 1]
[[nodiscard]] double quantile(std::span<double const> values, double level);
[[nodiscard]] double median(std::span<double const> values);
/// Median absolute deviation times 1.4826: a robust sd for normal data.
[[nodiscard]] double scaled_mad(std::span<double const> values);

/// Error of log(mean), by the delta method: sd of the estimate and its degrees of freedom.
struct LogError {
  double sd = 0.0;
  double degrees_of_freedom = 1.0;
};
/// Of one mean. @pre summary.n >= 2
[[nodiscard]] LogError log_error(Summary const& summary);
/// Of the logarithm of a ratio of two means: sd by quadrature, degrees of freedom by Satterthwaite, Biometrics Bulletin
/// 2 (1946) 110-114 and Welch, Biometrika 34 (1947) 28-35.
[[nodiscard]] LogError log_error_of_ratio(LogError const& a, LogError const& b);
/// Relative spread of one value, pooled over all summaries of two values and more; none where there is no such.
[[nodiscard]] std::optional<LogError> pooled_log_error(std::span<Summary const> summaries);
/// Quantile of Student's t. @param level in (0, 1)
[[nodiscard]] double student_t_quantile(double degrees_of_freedom, double level);
/// centre times exp(-+ t sd). @param confidence in (0, 1)
[[nodiscard]] Bounds log_t_interval(double centre, LogError const& error, double confidence);

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
