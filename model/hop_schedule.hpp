// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/step.hpp"

namespace kurve::model {

/// How the hops of one all-reduce hang together, and what jitter makes of it. sim/hop_step.hpp draws the same hops.
///
///   ring       t[k][s] = max(t[k][s-1], t[k-1][s-1]) + hop, 2(K-1) hops of every rank (last-passage percolation)
///   trees      two binary trees over the nodes, one numbered from the other end, both at once: to the root and back.
///              The ranks of a node hang from its place in the tree in a chain, or all from its switch
///   hierarchy  a ring round each node, g - 1 hops; one round the nodes, 2(N-1) hops; g - 1 hops round each node. Each
///              of the three begins when the one before has ended everywhere
///
/// A node that is not full counts as a full one. All hops of a ring or of trees are equally long on average, and as
/// many on the longest path as hops() says; those of a hierarchy have one length inside nodes and one between. A hop
/// takes its mean times a lognormal factor of hop_cv().
struct HopSchedule {
  enum class Kind { ring, trees, hierarchy };
  Kind kind = Kind::ring;
  int nodes = 1;              ///< N; of a ring: its ranks
  int in_node = 1;            ///< g; of a ring: 1
  bool in_switch = false;     ///< trees: ranks hang from a switch
  double inside_share = 0.0;  ///< hierarchy: share of the time inside nodes

  /// On the longest path; 0: there is nothing to do. Of a hierarchy: between nodes.
  [[nodiscard]] double hops() const;
};

[[nodiscard]] HopSchedule ring_schedule(int ranks);
[[nodiscard]] HopSchedule tree_schedule(int nodes, int in_node, bool in_switch);
/// A ring where there is one node, or one rank in each. @param inside_share  from 0 to 1
[[nodiscard]] HopSchedule hierarchy_schedule(int nodes, int in_node, double inside_share);

/// sd over mean of a hop of mean `hop_s` > 0 [s]: the jitter in proportion to it and that of fixed size are
/// independent.
[[nodiscard]] double hop_cv(StepParameters const& p, double hop_s);

/// Mean time with jitter of a collective that takes `time_s` without, all ranks there at once [s]. Errs by at most 1 %
/// of it for hops of a cv up to 1, 8 % at 2; a larger cv than 5 counts as 5.
///
///   ring       simulated, ring_jitter_of()
///   trees      by three moments, node by node: independent subtrees, the larger of whose times is a shifted lognormal;
///              the way back has the law of the way there
///   hierarchy  the latest of N half rings, a ring, and again the latest of N half rings
[[nodiscard]] double jittered_s(HopSchedule const& schedule, StepParameters const& p, double time_s);

}  // namespace kurve::model
