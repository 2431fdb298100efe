// SPDX-License-Identifier: Apache-2.0
#include <calibrate/fit.hpp>
#include <cstdio>
#include <data/input.hpp>
#include <sim/simulate.hpp>

// Fits the study it is given and prints the predicted efficiency at 64 workers.
int main(int, char** argv) {
  auto const fitted = kurve::calibrate::fit_steps(kurve::data::read_study({argv[1]}), {});
  auto const curve = kurve::sim::simulate(fitted.model, {.ranks = {1, 64}});
  std::printf("E(64) = %.3f\n", curve.points[1].efficiency.centre);
}
