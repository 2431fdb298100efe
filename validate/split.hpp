// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/study.hpp"

namespace kurve::validate {

/// One clause of a split: K or B compared with numbers.
struct SplitClause {
  enum class Column { ranks, global_batch };
  enum class Relation { less, less_equal, greater, greater_equal, equal, not_equal, in };
  Column column = Column::ranks;
  Relation relation = Relation::less_equal;
  std::vector<double> values;  ///< one, or those of `in`
};

/// Which points a fit may see; the rest is held out.
struct Split {
  enum class Rule { clauses, ratio, leave_largest };
  Rule rule = Rule::leave_largest;
  std::vector<SplitClause> clauses;  ///< all must hold
  double ratio = 4.0;                ///< fitted: K <= Kmax / ratio
  std::string text;                  ///< as a reader would write it
};

/// `K<=8`, `K<4096`, `K in 1,2,4`, `B==2048`, joined by `and`: `K<=64 and B!=512`. B needs the column global_batch.
/// @throws InputError showing what was understood and the forms that are
[[nodiscard]] Split parse_split(std::string_view expression);
/// Fit on K <= Kmax/ratio. @throws InputError unless ratio > 1
[[nodiscard]] Split ratio_split(double ratio);
/// Hold out the largest K.
[[nodiscard]] Split leave_largest_split();

/// Whether the fit may see a sample, in a Study whose largest K is `largest_ranks`.
[[nodiscard]] bool is_fitted(Split const& split, data::Sample const& sample, double largest_ranks);

/// A Study of the fitted rows alone: the header's facts, but neither held-out rows nor the path to the file nor reading
/// notes, so nothing of the held-out rows can be reached through it.
/// @throws DataError where nothing is left to fit, or nothing is held out
[[nodiscard]] data::Study fitted_part(data::Study const& study, Split const& split);

}  // namespace kurve::validate
