// SPDX-License-Identifier: Apache-2.0
#include "calibrate/learn_prior.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "calibrate/step_particles.hpp"
#include "data/points.hpp"

namespace kurve::calibrate {
namespace {

/// A lognormal of the prior: its constants, and where a particle has its value (0: it has none).
struct Lognormal {
  std::string_view median_name, log_sd_name;  ///< the latter "" where it is not learned
  double StepPrior::*median, StepPrior::*log_sd, StepLatents::*value;
};
constexpr std::array lognormals{
    Lognormal{"serial_median", "serial_log_sd", &StepPrior::serial_median, &StepPrior::serial_log_sd,
              &StepLatents::serial},
    Lognormal{"in_node_median", "in_node_log_sd", &StepPrior::in_node_median, &StepPrior::in_node_log_sd,
              &StepLatents::in_node},
    Lognormal{"cross_node_median", "cross_node_log_sd", &StepPrior::cross_node_median, &StepPrior::cross_node_log_sd,
              &StepLatents::cross_node},
    Lognormal{"exposed_median", "exposed_log_sd", &StepPrior::exposed_median, &StepPrior::exposed_log_sd,
              &StepLatents::exposed},
    Lognormal{"growth_median", "growth_log_sd", &StepPrior::growth_median, &StepPrior::growth_log_sd,
              &StepLatents::growth},
    Lognormal{"misfit_median", "", &StepPrior::misfit_median, &StepPrior::misfit_log_sd, &StepLatents::tau},
    Lognormal{"drift_median", "", &StepPrior::drift_median, &StepPrior::drift_log_sd, &StepLatents::delta},
};

struct Probability {
  std::string_view name;
  double StepPrior::*value;
};
constexpr std::array probabilities{Probability{"other_job_probability", &StepPrior::other_job_probability}};
using Counts = std::array<double, probabilities.size()>;

/// vague_prior counts as much as so many studies, so that few studies do not make a prior of their own.
constexpr double vague_studies = 12.0;
constexpr int draws_per_study = 2000;  // a hundred and more are left of them under the constants learned
constexpr int rounds = 25;             // constants then move by less than a tenth of their spread over left-out sources
constexpr double lesson_ratio = 4.0;   // the forecast that matters: four times the workers

/// Takes the largest K out of `points`, and what is above a quarter of it if two K are left below.
std::vector<data::MeasuredPoint> take_foretold(std::vector<data::MeasuredPoint>& points) {
  double const largest = points.back().ranks;
  std::set<double> small;
  for (auto const& point : points)
    if (point.ranks <= largest / lesson_ratio) small.insert(point.ranks);
  double const limit = small.size() >= 2 ? largest / lesson_ratio : std::nextafter(largest, 0.0);
  std::vector<data::MeasuredPoint> foretold;
  for (auto const& point : points)
    if (point.ranks == largest) foretold.push_back(point);
  std::erase_if(points, [&](auto const& point) { return point.ranks > limit; });
  return foretold;
}

/// What the learned drift is in units of vague_prior's without skew, faster and slower than foretold.
std::array<double, 2> drift_sides(StepPrior const& prior, StepPrior const& vague) {
  double const scale = prior.drift_predicted / vague.drift_predicted;
  return {scale * (1.0 - prior.drift_skew), scale * (1.0 + prior.drift_skew)};
}

}  // namespace

StepPrior vague_prior() {
  StepPrior prior;
  prior.serial_median = 0.003;
  prior.serial_log_sd = 2.5;
  prior.in_node_median = prior.cross_node_median = 0.015;
  prior.in_node_log_sd = prior.cross_node_log_sd = 2.0;
  prior.exposed_median = 0.5;
  prior.exposed_log_sd = 1.0;
  prior.growth_median = 0.01;
  prior.growth_log_sd = 1.0;
  prior.misfit_median = 0.003;
  prior.drift_median = 0.006;
  prior.drift_predicted = 1.15;
  prior.exposed_drift = 0.075;
  prior.drift_skew = 0.35;
  prior.other_job_probability = 0.02;
  return prior;
}

struct PriorLearner::Draw {
  std::array<double, lognormals.size()> log_value{};  ///< 0 where not present
  std::array<char, lognormals.size()> present{};
  Counts hits{};           ///< by probability
  double log_scale = 0.0;  ///< of the drift at Kmax under vague_prior, without skew
  double surprise = 0.0;   ///< log of measured over foretold time at Kmax, over that scale: what drift has to explain
  [[nodiscard]] std::size_t side() const { return surprise > 0.0; }
};

struct PriorLearner::Lesson {
  std::size_t study = 0;
  Counts trials{};  ///< by probability, of each draw
  std::vector<Draw> draws;
  /// Each draw's importance weight under `prior`, adding up to 1.
  [[nodiscard]] std::vector<double> weights(StepPrior const& prior, StepPrior const& vague) const;
};

PriorLearner::~PriorLearner() = default;

PriorLearner::PriorLearner(std::span<data::Study const> studies, std::uint64_t seed) {
  auto const prior = vague_prior();
  for (std::size_t s = 0; s < studies.size(); ++s) {
    sources_.push_back(study_source(studies[s]));
    auto fitted = data::measured_points(studies[s]);
    double const largest = fitted.points.back().ranks;
    auto const foretold = take_foretold(fitted.points);
    std::set<double> ranks;
    for (auto const& point : fitted.points) ranks.insert(point.ranks);
    if (ranks.size() < 2) continue;
    StepPosterior const posterior(step_evidence(studies[s], fitted, prior), prior, seed, draws_per_study);
    Lesson lesson{.study = s, .trials = {0.0}, .draws = {}};
    for (auto const& point : step_evidence(studies[s], fitted, prior).points) lesson.trials[0] += 1.0 / point.runs;
    double const reach = std::pow(std::log2(largest / *ranks.rbegin()), prior.distance_power);
    for (std::size_t d = 0; d < posterior.draws().size(); ++d) {
      auto const p = posterior.particle_of_draw(d);
      auto const& q = posterior.draws()[d];
      auto& draw = lesson.draws.emplace_back();
      for (std::size_t c = 0; c < lognormals.size(); ++c) {
        double const value = p.*lognormals[c].value;
        if (value > 0.0) draw.present[c] = 1, draw.log_value[c] = std::log(value);
      }
      draw.hits = {static_cast<double>(std::count(p.other_job.begin(), p.other_job.end(), 1))};
      double log_ratio = -q.discrepancy_configuration_log;
      double scale = 0.0;
      for (auto const& point : foretold) {
        log_ratio += std::log(point.time.mean / model::step_time(q, point.ranks, point.global_batch).total_s()) /
                     static_cast<double>(foretold.size());
        scale += reach * drift_scale(prior, p.delta, q, point.ranks, point.global_batch) /
                 static_cast<double>(foretold.size());
      }
      draw.log_scale = std::log(scale);
      draw.surprise = log_ratio / scale;
    }
    lessons_.push_back(std::move(lesson));
  }
}

std::vector<double> PriorLearner::Lesson::weights(StepPrior const& prior, StepPrior const& vague) const {
  // Ratio of two lognormals, in x = log value: constant + linear x + quadratic x^2. Of two binomials: by hit and miss.
  std::array<double, lognormals.size()> constant{}, linear{}, quadratic{};
  for (std::size_t c = 0; c < lognormals.size(); ++c)
    for (auto const* of : {&prior, &vague}) {
      double const sign = of == &prior ? 1.0 : -1.0;
      double const centre = std::log(of->*lognormals[c].median), sd = of->*lognormals[c].log_sd;
      constant[c] -= sign * (std::log(sd) + 0.5 * centre * centre / (sd * sd));
      linear[c] += sign * centre / (sd * sd);
      quadratic[c] -= sign * 0.5 / (sd * sd);
    }
  std::array<double, probabilities.size()> hit{}, miss{};
  for (std::size_t p = 0; p < probabilities.size(); ++p) {
    hit[p] = std::log(prior.*probabilities[p].value / vague.*probabilities[p].value);
    miss[p] = std::log((1.0 - prior.*probabilities[p].value) / (1.0 - vague.*probabilities[p].value));
  }
  auto const sides = drift_sides(prior, vague);
  std::vector<double> result;
  result.reserve(draws.size());
  for (auto const& draw : draws) {
    double const z = draw.surprise / sides[draw.side()];  // of Student's t
    double log_weight = -0.5 * (prior.drift_freedom + 1.0) * std::log1p(z * z / prior.drift_freedom) -
                        std::log(sides[draw.side()]) - draw.log_scale;
    for (std::size_t c = 0; c < lognormals.size(); ++c)
      log_weight +=
          draw.present[c] * (constant[c] + draw.log_value[c] * (linear[c] + draw.log_value[c] * quadratic[c]));
    for (std::size_t p = 0; p < probabilities.size(); ++p)
      log_weight += draw.hits[p] * hit[p] + (trials[p] - draw.hits[p]) * miss[p];
    result.push_back(log_weight);
  }
  double const largest = *std::max_element(result.begin(), result.end());
  for (double& w : result) w = std::exp(w - largest);
  double const total = std::accumulate(result.begin(), result.end(), 0.0);
  for (double& w : result) w /= total;
  return result;
}

/// Expected sufficient statistics, the vague prior's own first.
struct PriorLearner::Sums {
  std::array<double, lognormals.size()> n{}, sum{}, squares{};
  std::array<double, probabilities.size()> hits{}, trials{};
  std::array<double, 2> drift_squares{}, drifts{};  ///< by side

  explicit Sums(StepPrior const& vague) {
    auto const sides = drift_sides(vague, vague);
    for (std::size_t side = 0; side < sides.size(); ++side) {
      drifts[side] = vague_studies / 2.0;
      drift_squares[side] = drifts[side] * sides[side] * sides[side];
    }
    for (std::size_t c = 0; c < lognormals.size(); ++c) {
      double const centre = std::log(vague.*lognormals[c].median);
      n[c] = vague_studies;
      sum[c] = vague_studies * centre;
      squares[c] = vague_studies * (centre * centre + std::pow(vague.*lognormals[c].log_sd, 2));
    }
    for (std::size_t p = 0; p < probabilities.size(); ++p) {
      trials[p] = vague_studies;
      hits[p] = vague_studies * vague.*probabilities[p].value;
    }
  }

  void add(Lesson const& lesson, std::vector<double> weights, std::array<double, 2> const& sides, double freedom,
           double share) {
    for (double& w : weights) w *= share;
    for (std::size_t d = 0; d < weights.size(); ++d) {
      auto const& draw = lesson.draws[d];
      for (std::size_t c = 0; c < lognormals.size(); ++c) {
        double const w = weights[d] * draw.present[c];
        n[c] += w;
        sum[c] += w * draw.log_value[c];
        squares[c] += w * draw.log_value[c] * draw.log_value[c];
      }
      for (std::size_t p = 0; p < probabilities.size(); ++p) hits[p] += weights[d] * draw.hits[p];
      // Student's t as a scale mixture of normals: a far surprise counts less. Source: Lange, Little & Taylor,
      // J. Am. Stat. Assoc. 84 (1989) 881-896.
      double const z = draw.surprise / sides[draw.side()];
      drift_squares[draw.side()] += weights[d] * (freedom + 1.0) / (freedom + z * z) * std::pow(draw.surprise, 2);
      drifts[draw.side()] += weights[d];
    }
    for (std::size_t p = 0; p < probabilities.size(); ++p) trials[p] += share * lesson.trials[p];
  }

  void maximise(StepPrior& prior, StepPrior const& vague) const {
    for (std::size_t c = 0; c < lognormals.size(); ++c) {
      double const mean = sum[c] / n[c];
      prior.*lognormals[c].median = std::exp(mean);
      if (!lognormals[c].log_sd_name.empty()) prior.*lognormals[c].log_sd = std::sqrt(squares[c] / n[c] - mean * mean);
    }
    for (std::size_t p = 0; p < probabilities.size(); ++p) prior.*probabilities[p].value = hits[p] / trials[p];
    double const faster = std::sqrt(drift_squares[0] / drifts[0]), slower = std::sqrt(drift_squares[1] / drifts[1]);
    prior.drift_predicted = 0.5 * (slower + faster) * vague.drift_predicted;
    prior.exposed_drift = 0.5 * (slower + faster) * vague.exposed_drift;
    prior.drift_skew = (slower - faster) / (slower + faster);
  }
};

StepPrior PriorLearner::learn(std::vector<bool> const& teaches) const {
  auto const vague = vague_prior();
  auto prior = vague;
  for (int round = 0; round < rounds; ++round) {
    Sums sums(vague);
    for (auto const& lesson : lessons_)
      if (teaches[lesson.study]) {
        double n = 0.0;
        for (auto const& other : lessons_) n += sources_[other.study] == sources_[lesson.study];
        sums.add(lesson, lesson.weights(prior, vague), drift_sides(prior, vague), prior.drift_freedom, 1.0 / n);
      }
    sums.maximise(prior, vague);
  }
  return prior;
}

StepPrior PriorLearner::from_all() const { return learn(std::vector<bool>(sources_.size(), true)); }

StepPrior PriorLearner::without(std::string_view source) const {
  std::vector<bool> teaches;
  for (auto const& other : sources_) teaches.push_back(other != source);
  return learn(teaches);
}

std::map<std::string, StepPrior> PriorLearner::without_each() const {
  std::map<std::string, StepPrior> priors;
  for (auto const& source : sources_)
    if (!priors.contains(source)) priors[source] = without(source);
  return priors;
}

std::string study_source(data::Study const& study) {
  auto const source = study.find("source").value_or("");
  return std::string(source.substr(0, source.find(';')));
}

std::vector<std::pair<std::string_view, double>> learned_constants(StepPrior const& prior) {
  std::vector<std::pair<std::string_view, double>> constants;
  for (auto const& l : lognormals) {
    constants.emplace_back(l.median_name, prior.*l.median);
    if (!l.log_sd_name.empty()) constants.emplace_back(l.log_sd_name, prior.*l.log_sd);
  }
  constants.emplace_back("drift_predicted", prior.drift_predicted);
  constants.emplace_back("exposed_drift", prior.exposed_drift);
  constants.emplace_back("drift_skew", prior.drift_skew);
  for (auto const& p : probabilities) constants.emplace_back(p.name, prior.*p.value);
  return constants;
}

}  // namespace kurve::calibrate
