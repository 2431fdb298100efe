// SPDX-License-Identifier: Apache-2.0
#include "calibrate/card_rates.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace kurve::calibrate {
namespace {

struct KnownCard {
  char const* name_part;
  double bf16_tflop_per_s, memory_GBps;
  char const* source;
};
// Looked up by part of the device's name, the longest that fits. Dense bf16 on tensor cores and memory bandwidth, by
// data sheet.
constexpr std::array<KnownCard, 12> known_cards{{
    {"B200", 2250.0, 8000.0, "NVIDIA HGX B200 data sheet"},
    {"H200", 989.0, 4800.0, "NVIDIA H200 data sheet"},
    {"GH200", 990.0, 4000.0, "NVIDIA GH200 data sheet, HBM3"},
    {"H100 NVL", 835.0, 3900.0, "NVIDIA H100 data sheet, NVL"},
    {"H100 PCIe", 756.0, 2000.0, "NVIDIA H100 data sheet, PCIe"},
    {"H100", 989.0, 3350.0, "NVIDIA H100 data sheet, SXM"},
    {"A100-SXM4-80GB", 312.0, 2039.0, "NVIDIA A100 data sheet, 80 GB SXM"},
    {"A100 80GB PCIe", 312.0, 1935.0, "NVIDIA A100 data sheet, 80 GB PCIe"},
    {"A100", 312.0, 1555.0, "NVIDIA A100 data sheet, 40 GB"},
    {"L40S", 362.0, 864.0, "NVIDIA L40S data sheet"},
    {"A10", 125.0, 600.0, "NVIDIA A10 data sheet"},
    {"L4", 121.0, 300.0, "NVIDIA L4 data sheet"},
}};

// Where to draw the lines is this project's choice. Large products reach some 70 to 80 % of a Hopper card's data sheet,
// copies some 85 to 95 %; half of what is possible is worth a look.
constexpr double good_share = 0.8, fair_share = 0.5;

std::string percent(double share) { return std::to_string(std::lround(100.0 * share)) + " %"; }

std::string grade(double share) {
  if (!(share > 0.0)) return "nothing to set it beside";
  return share >= good_share ? "good" : share >= fair_share ? "fair" : "low";
}

/// tf32 is half of bf16 on every card of the table (the same data sheets); fp32 does not run on tensor cores.
double peak_flop_per_s(CardPeak const& peak, NumberFormat precision) {
  if (precision == NumberFormat::bf16) return peak.bf16_flop_per_s;
  return precision == NumberFormat::tf32 ? peak.bf16_flop_per_s / 2.0 : 0.0;
}

Rating ceiling_rate(std::string what, std::string unit, double achieved, double peak, std::string const& source,
                    std::string const& advice) {
  Rating rate{.what = std::move(what), .unit = std::move(unit), .achieved = achieved, .ceiling = peak};
  if (peak > 0.0) rate.ceiling_is = "published, " + source;
  rate.verdict = grade(rate.share());
  if (peak > 0.0 && rate.share() < good_share) rate.verdict += ": " + advice;
  return rate;
}

Rating update_rate(TrainingJob const& job, Ceilings const& ceilings, TimedPart const& part) {
  Rating rate{.what = "optimizer",
              .unit = "B/s",
              .achieved = training_step(job, 1).update().bytes / part.seconds,
              .ceiling = ceilings.memory_Bps,
              .ceiling_is = "the copy measured here"};
  rate.verdict = grade(rate.share());
  if (rate.share() < fair_share)
    rate.verdict += ": few parameters, so that starting the work costs more than doing it?";
  return rate;
}

Rating compute_rate(TrainingJob const& job, Ceilings const& ceilings, TimedPart const& part) {
  auto const step = training_step(job, part.local_batch);
  auto rate = product_rating(part, step.compute().flop, ceilings.matrix_flop_per_s);
  if (!(rate.ceiling > 0.0 && ceilings.memory_Bps > 0.0)) return rate;
  double const of_roofline = roofline_s(step, ceilings) / part.seconds;
  rate.verdict += ", " + percent(of_roofline) + " of what these operations can reach";
  double const saved = part.graph_seconds > 0.0 ? 1.0 - part.graph_seconds / part.seconds : 0.0;
  if (saved > 0.05)
    rate.verdict += ": a CUDA graph would save " + percent(saved) + " of it, spent on launches";
  else if (rate.share() < fair_share && of_roofline >= good_share)
    rate.verdict += ": memory traffic is the limit, not arithmetic";
  else if (of_roofline < fair_share)
    rate.verdict += ": small or odd shapes; is the local batch large enough, are widths multiples of 64?";
  return rate;
}

}  // namespace

std::optional<CardPeak> published_peak(std::string const& device_name) {
  // The longest part that fits: "GH200" holds "H200" too, and "A100" holds "A10".
  KnownCard const* best = nullptr;
  for (auto const& card : known_cards)
    if (device_name.find(card.name_part) != std::string::npos &&
        (best == nullptr || std::string_view(card.name_part).size() > std::string_view(best->name_part).size()))
      best = &card;
  if (best == nullptr) return std::nullopt;
  return CardPeak{best->bf16_tflop_per_s * 1e12, best->memory_GBps * 1e9, best->source};
}

std::vector<Rating> judge_rates(TrainingJob const& job, std::string const& device_name, Ceilings const& ceilings,
                                std::span<TimedPart const> parts) {
  auto const peak = published_peak(device_name).value_or(CardPeak{});
  std::vector<Rating> rates{ceiling_rate("best product, " + std::string(to_text(job.precision)), "FLOP/s",
                                         ceilings.matrix_flop_per_s, peak_flop_per_s(peak, job.precision), peak.source,
                                         "is the card's power capped or its clock low, does another job run on it?"),
                            ceiling_rate("memory copy", "B/s", ceilings.memory_Bps, peak.memory_Bps, peak.source,
                                         "does another job run on the card?")};
  for (auto const& part : parts)
    rates.push_back(part.local_batch == 0 ? update_rate(job, ceilings, part) : compute_rate(job, ceilings, part));
  return rates;
}

Rating product_rating(TimedPart const& part, double flop, double best_flop_per_s) {
  Rating rating{.what = "compute, local batch " + std::to_string(part.local_batch),
                .unit = "FLOP/s",
                .achieved = flop / part.seconds,
                .ceiling = best_flop_per_s,
                .ceiling_is = "the best product measured here",
                .verdict = {}};
  rating.verdict = grade(rating.share());
  return rating;
}

double roofline_s(TrainingStep const& step, Ceilings const& ceilings) {
  double seconds = 0.0;
  for (auto const* side : {&step.forward, &step.backward})
    for (auto const& operation : *side) {
      auto const work = work_of(operation, step.precision);
      seconds += std::max(work.flop / ceilings.matrix_flop_per_s, work.bytes / ceilings.memory_Bps);
    }
  return seconds;
}

}  // namespace kurve::calibrate
