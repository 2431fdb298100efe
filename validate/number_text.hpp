// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace kurve::validate {

/// `digits` decimals: 1.0047; from 1e7 on 1.00e+07, so that no number breaks a table
[[nodiscard]] std::string fixed_text(double value, int digits);
/// Shortest with at most `digits` significant digits, but whole numbers whole and none above 1 in exponents below 1e15:
/// 4096, 0.7
[[nodiscard]] std::string number_text(double value, int digits);
/// 0.0305 -> "3.1 %"
[[nodiscard]] std::string percent_text(double share, int digits);
/// As percent_text with its sign, none for zero: "+3.1 %"
[[nodiscard]] std::string signed_percent_text(double share, int digits);

/// "K = 512, 768 and 4096", at most six of them
[[nodiscard]] std::string list_of_ranks(std::vector<double> const& ranks);

/// 25 MiB, 1.5 GiB, 512 B: at most four significant digits.
[[nodiscard]] std::string bytes_text(double bytes);

/// The unit in which times of a table read well.
struct TimeUnit {
  std::string name;  ///< "s", "ms", "us", "ns"
  double per_second = 1.0;
  int decimals = 4;
  [[nodiscard]] std::string text(double time_s) const { return fixed_text(time_s * per_second, decimals); }
};
/// One unit for a whole column: the smallest time shows at least three digits. @param smallest_s, largest_s positive
[[nodiscard]] TimeUnit time_unit_for(double smallest_s, double largest_s);

}  // namespace kurve::validate
