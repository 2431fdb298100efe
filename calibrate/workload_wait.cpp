// SPDX-License-Identifier: Apache-2.0
#include "calibrate/workload_wait.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "data/philox.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

constexpr Bytes largest_gradient{std::int64_t{16}
                                 << 30};  // as much as the largest all-reduce that is measured anywhere

}  // namespace

WaitTimes wait_times(data::KeyedText& text) {
  WaitTimes t;
  t.fixed = text.seconds("fixed", t.fixed);
  t.per_sample = text.seconds("per_sample", t.per_sample);
  t.serial = text.seconds("serial", t.serial);
  t.gradient = text.bytes("gradient", t.gradient);
  if (t.gradient > largest_gradient)
    throw InputError("wait: gradient='" + data::bytes_text(t.gradient) + "' (must be at most " +
                     data::bytes_text(largest_gradient) + ": every rank holds it in memory)");
  t.noise = text.number("noise", t.noise, 0.0, 10.0);
  t.straggler_probability = text.number("straggler_probability", t.straggler_probability, 0.0, 1.0);
  t.straggler_slowdown = text.number("straggler_slowdown", t.straggler_slowdown, 1.0, 1e6);
  t.straggler_spread = text.number("straggler_spread", t.straggler_spread, 0.0, 10.0);
  t.imbalance = text.number("imbalance", t.imbalance, 0.0, 10.0);
  t.seed = text.whole("seed", t.seed, 0, 1'000'000'000);
  return t;
}

TimedWait::TimedWait(WaitTimes const& times)
    : times_(times),
      noise_(model::factor_law(model::Shape::lognormal, times.noise)),
      straggler_(model::factor_law(model::Shape::exponential, times.straggler_spread)),
      imbalance_(model::factor_law(model::Shape::gumbel, times.imbalance)),
      gradient_(static_cast<std::size_t>(times.gradient.count) / sizeof(float), 0.0f) {}

void TimedWait::reset(std::uint64_t seed) {
  job_ = seed;
  ++run_;
  step_ = 0;
}

double TimedWait::next_compute_s(int local_batch, Place place) const {
  using data::Stream;
  auto const rank = static_cast<std::uint32_t>(place.rank);
  auto const key = static_cast<std::uint64_t>(times_.seed) << 32 ^ job_;
  auto const factor = [](model::FactorLaw const& law, double u) {
    return std::max(0.0, model::quantile(law, u, 1.0 - u));
  };
  double time_s = times_.fixed.count() + times_.per_sample.count() * local_batch;
  // The run takes the draw's place: a later run of the same job differs.
  if (place.ranks > 1) time_s *= factor(imbalance_, data::uniforms(key, 0, rank, run_, Stream::imbalance).first);
  auto const [noise, whether] = data::uniforms(key, step_, rank, run_, Stream::noise);
  time_s *= factor(noise_, noise);
  if (whether < times_.straggler_probability) {
    double const how = data::uniforms(key, step_, rank, run_, Stream::straggler).first;
    time_s *= 1.0 + (times_.straggler_slowdown - 1.0) * factor(straggler_, how);
  }
  return time_s;
}

void TimedWait::forward_backward(int local_batch, Place place) {
  wait_for(Seconds{next_compute_s(local_batch, place)});
  ++step_;
}

void TimedWait::update(float) { wait_for(times_.serial); }

std::string TimedWait::description() const {
  auto const number = [](double x) { return data::number_text(x); };
  std::string text = "timed wait in place of an accelerator: " + number(1e3 * times_.fixed.count()) + " ms + " +
                     number(1e3 * times_.per_sample.count()) + " ms a sample, serial " +
                     number(1e3 * times_.serial.count()) + " ms, gradient " + data::bytes_text(times_.gradient);
  if (times_.noise > 0.0) text += ", noise " + number(times_.noise);
  if (times_.straggler_probability > 0.0)
    text += ", stragglers " + number(times_.straggler_probability) + " times " + number(times_.straggler_slowdown);
  if (times_.imbalance > 0.0) text += ", imbalance " + number(times_.imbalance);
  return text;
}

void wait_for(Seconds time) {
  using Clock = std::chrono::steady_clock;
  // What is left for spinning: a sleep without slack ends some 5 us late on an idle core. More would take the core from
  // ranks that share it.
  constexpr auto spin = std::chrono::microseconds(15);
  auto const end = Clock::now() + std::chrono::duration_cast<Clock::duration>(time);
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // of this thread, and a rank's thread may be new each time
  std::this_thread::sleep_until(end - spin);
  while (Clock::now() < end) {
  }
}

}  // namespace kurve::calibrate
