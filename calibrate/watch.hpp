// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <utility>

#include "calibrate/calibrate.hpp"

namespace kurve::calibrate {

/// Says when measuring has to end: at the time limit, or when the caller asks for it.
class Watch {
 public:
  /// @param clock    seconds
  /// @param options  outlives the watch
  Watch(std::function<double()> clock, CalibrateOptions const& options)
      : clock_(std::move(clock)), options_(options), start_s_(clock_()) {}

  [[nodiscard]] double spent_s() const { return clock_() - start_s_; }
  [[nodiscard]] double left_s() const { return options_.time_limit_s - spent_s(); }
  [[nodiscard]] bool stopped() const { return options_.stop && options_.stop(); }
  [[nodiscard]] bool over() const { return stopped() || left_s() <= 0.0; }
  /// How measuring ended that did not fail. @param unfinished  whether points are left
  [[nodiscard]] Ended ended(bool unfinished) const {
    if (!unfinished) return Ended::complete;
    return stopped() ? Ended::stopped : Ended::out_of_time;
  }

 private:
  std::function<double()> clock_;
  CalibrateOptions const& options_;
  double start_s_;
};

}  // namespace kurve::calibrate
