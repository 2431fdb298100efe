// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kurve::model {

// What anybody's file or option may hold, our choice: wider than anything real, and narrow enough that no sum, square
// or product of what is inside overflows.
inline constexpr double shortest_s = 1e-12;                           ///< a measured time: well below a clock's tick
inline constexpr double longest_s = 1e10;                             ///< any time or part of one: 300 years
inline constexpr double smallest_batch = 1e-9, largest_batch = 1e15;  ///< samples
inline constexpr double largest_ranks = 1e9;
inline constexpr double largest_bytes = 1e18;

}  // namespace kurve::model
