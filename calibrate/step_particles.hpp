// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "calibrate/step_evidence.hpp"
#include "calibrate/step_prior.hpp"
#include "model/step.hpp"

namespace kurve::calibrate {

/// Coefficients that a fit to step times finds: T is linear in them, and none is negative.
struct StepTerm {
  std::string_view name;  ///< as in model::parameter_table()
  double model::StepParameters::*member;
};
inline constexpr std::array step_terms{
    StepTerm{"serial", &model::StepParameters::serial_s},
    StepTerm{"compute.per_sample", &model::StepParameters::compute_per_sample_s},
    StepTerm{"extra.in_node", &model::StepParameters::extra_in_node_s},
    StepTerm{"extra.in_node_per_sample", &model::StepParameters::extra_in_node_per_sample_s},
    StepTerm{"extra.cross_node", &model::StepParameters::extra_cross_node_s},
    StepTerm{"extra.cross_node_per_sample", &model::StepParameters::extra_cross_node_per_sample_s},
    StepTerm{"extra.per_log2_nodes", &model::StepParameters::extra_per_log2_nodes_s},
    StepTerm{"extra.per_log2", &model::StepParameters::extra_per_log2_s},
    StepTerm{"extra.per_rank", &model::StepParameters::extra_per_rank_s},
    StepTerm{"skew.normal_per_sample", &model::StepParameters::skew_normal_per_sample_s},
    StepTerm{"skew.log_per_sample", &model::StepParameters::skew_log_per_sample_s},
    StepTerm{"skew.pareto_per_sample", &model::StepParameters::skew_pareto_per_sample_s},
    StepTerm{"extra.multi", &model::StepParameters::extra_multi_s},
    StepTerm{"compute.spill.per_sample", &model::StepParameters::compute_spill_per_sample_s},
};
/// The term of a growth law; of the constant one, what hides under compute at small K.
[[nodiscard]] constexpr int growth_term(GrowthLaw law) {
  return law == GrowthLaw::constant ? 12 : 5 + static_cast<int>(law);
}
inline constexpr int spill_term = 13;

/// What the time of a term depends on beside its coefficient.
struct TermShape {
  double knee = 0.0;    ///< local batch at which the launch-bound floor equals the line; 0: no floor
  double hidden = 0.0;  ///< what compute hides for each sample, over the coefficient of the growth law; 0: nothing
  double spill_batch = 0.0, spill_sharpness = 1.0;  ///< compute.spill; 0: none
};

/// What a particle draws from the distributions of a StepPrior, in the units of its constants.
struct StepLatents : TermShape {
  GrowthLaw law = GrowthLaw::constant;
  double serial = 0.0, in_node = 0.0;
  double idle = 0.0;                       ///< of a pipeline, in the unit of idle_median; 0: none
  double cross_node = 0.0, exposed = 0.0;  ///< one of them: network between nodes unknown, known
  double growth = 0.0;                     ///< 0: no growth
  bool in_node_share = false, cross_node_share = false, diffuse = false;
  double tau = 0.0, delta = 0.0, run_cv = 0.0;
};

/// One prior draw: its latents, and what follows for a study: a normal prior of the coefficients that are present,
/// `terms[i]` with mean[i], sd[i]. A pure function of (seed, attempt, index).
struct StepParticle : StepLatents {
  std::vector<int> terms;        ///< [p], indices into step_terms
  std::vector<double> mean, sd;  ///< [p], in the coefficient's unit
  std::vector<char> other_job;   ///< [n_points]
};

/// Scale of the drift at (K, B) beyond the points, in log T at one doubling, to first order. @param delta  the
/// particle's @param fitted  a draw made from it
[[nodiscard]] double drift_scale(StepPrior const& prior, double delta, model::StepParameters const& fitted,
                                 double ranks, double global_batch);

/// Draws particles for a study and weighs them by the evidence of its points.
class StepPosterior {
 public:
  /// @param draws  posterior draws to make
  StepPosterior(StepEvidence evidence, StepPrior prior, std::uint64_t seed, int draws);

  [[nodiscard]] std::vector<model::StepParameters> const& draws() const { return draws_; }
  /// The particle that draws()[d] was made from.
  [[nodiscard]] StepParticle particle_of_draw(std::size_t d) const { return particle(drawn_[d]); }
  [[nodiscard]] std::vector<double> const& other_job_probability() const { return other_job_; }  ///< [n_points]
  [[nodiscard]] std::array<double, growth_laws> const& law_probability() const { return law_; }
  [[nodiscard]] double effective_particles() const { return effective_; }
  [[nodiscard]] double log_evidence() const { return log_evidence_; }  ///< of the points' times, up to a constant

 private:
  /// Growth law, and what a TermShape tells.
  void draw_shape(StepParticle& particle, std::uint32_t index) const;
  [[nodiscard]] StepParticle particle(std::uint32_t index) const;
  /// Time at each fitted point, in units of the measured one, of a step whose coefficients are 0 but this. [n_points]
  [[nodiscard]] std::vector<double> over_points(int term, TermShape const& shape) const;
  /// The same of each term of a particle. [n_points x p], column by column
  [[nodiscard]] std::vector<double> design(StepParticle const& particle) const;
  struct System;
  [[nodiscard]] System system(StepParticle const& particle) const;
  /// What the bound x >= 0 does to a particle's log weight: to its prior's norm, and at its optimum.
  [[nodiscard]] double bound_log(StepParticle const& particle) const;
  void weigh(std::uint32_t count);
  [[nodiscard]] model::StepParameters draw(std::uint32_t index, std::uint32_t draw) const;

  StepEvidence evidence_;
  StepPrior prior_;
  std::uint64_t seed_;
  std::uint32_t attempt_ = 0;
  std::size_t reference_ = 0;                         ///< the point of the largest local batch
  double largest_ranks_ = 1.0, largest_batch_ = 1.0;  ///< K and local batch of the largest fitted K
  double cost_unit_s_ = 1.0, smallest_k_batch_ = 1.0;
  int distinct_ranks_ = 0;    ///< different fitted K
  double batch_power_ = 0.0;  ///< of K in the local batch beyond the points: -1 strong, 0 weak
  std::array<std::vector<double>, step_terms.size()> over_points_;  ///< of a TermShape without any
  std::vector<double> weights_;                                     ///< [particles], adding up to 1
  std::vector<model::StepParameters> draws_;
  std::vector<std::uint32_t> drawn_;  ///< [draws]
  std::vector<double> other_job_;
  std::array<double, growth_laws> law_{};
  double effective_ = 0.0, log_evidence_ = 0.0;
};

}  // namespace kurve::calibrate
