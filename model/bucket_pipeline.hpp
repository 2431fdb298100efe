// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>

namespace kurve::model {

/// Gradient buckets of one synchronization in the order in which backward fills them: the first, those in the middle,
/// all alike, and the last, which holds the rest. Two buckets are a first and a last; one is the first alone.
struct Buckets {
  double count = 1.0;  ///< >= 1; where all are alike not necessarily whole, for a fit draws it
  double first_bytes = 0.0, middle_bytes = 0.0, last_bytes = 0.0;

  [[nodiscard]] bool alike() const { return first_bytes == middle_bytes && last_bytes == middle_bytes; }
};

/// Buckets of `bytes` as DDP makes them (torch/csrc/distributed/c10d/reducer.hpp: a first bucket of 1 MiB, then of 25):
/// the first of `first`, then buckets of `each`, the last holding the rest.
/// @param first  0: as large as the others  @param each  > 0
[[nodiscard]] Buckets buckets_of_size(double bytes, double first, double each);
/// `count` buckets, all alike but for the first. @param first  0: alike too
[[nodiscard]] Buckets buckets_of_count(double bytes, double first, double count);

/// When all buckets are reduced. Backward is the last share of compute and fills the buckets in proportion to their
/// bytes; bucket j is ready once it is full on the slowest worker; buckets are reduced one after another:
///
///   finish = max over j of [ ready_j + sum of the times from j on ]
///   ready_j = compute (1 - backward (1 - bytes up to and with j / all bytes))
///
/// Linear in j among equal buckets, so only the buckets at the ends of such a run can be the largest: four at most.
/// Source: the busy period of one server, FACTS C; linear in compute, so finish is convex in it.
struct BucketPipeline {
  /// A bucket that may decide: what of compute is still to come when it is ready, and the time from its reduction on.
  struct Candidate {
    double hidden_share, left_s;
  };
  std::array<Candidate, 4> candidates{};
  int count = 1;
  double total_s = 0.0;  ///< of all buckets, hidden or not

  /// @param first_s, middle_s, last_s  time to reduce such a bucket [s]
  /// @param backward_share  of compute, 0 to 1
  static BucketPipeline of(Buckets const& buckets, double first_s, double middle_s, double last_s,
                           double backward_share);

  /// What is left to do when the slowest worker ends its compute [s].
  [[nodiscard]] double exposed_s(double compute_s) const {
    double exposed = candidates[0].left_s - candidates[0].hidden_share * compute_s;
    for (int i = 1; i < count; ++i)
      exposed = std::max(exposed, candidates[static_cast<std::size_t>(i)].left_s -
                                      candidates[static_cast<std::size_t>(i)].hidden_share * compute_s);
    return exposed;
  }
  /// Every bucket taking so many times longer.
  [[nodiscard]] BucketPipeline stretched(double factor) const;
};

}  // namespace kurve::model
