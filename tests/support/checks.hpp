// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <span>
#include <string>

namespace kurve::test {

/// Mean, unbiased standard deviation and standard error of a sample of independent values.
struct Moments {
  double mean, sd, standard_error;
};
inline Moments moments(std::span<double const> x) {
  double mean = 0.0, m2 = 0.0;
  double n = 0.0;
  for (double const v : x) {
    n += 1.0;
    double const delta = v - mean;
    mean += delta / n;
    m2 += delta * (v - mean);
  }
  double const sd = std::sqrt(m2 / (n - 1.0));
  return {mean, sd, sd / std::sqrt(n)};
}

/// Message of the exception that `call` throws, "" if it throws nothing; other types than E pass through.
template <typename E, typename Call>
std::string message_of(Call&& call) {
  try {
    static_cast<void>(call());
  } catch (E const& e) {
    return e.what();
  }
  return {};
}

}  // namespace kurve::test

/// |mean - truth| <= 4 standard errors: a correct sampler fails one check in 16 000.
#define CHECK_MEAN(sample, truth)                                                                \
  do {                                                                                           \
    auto const kurve_m = ::kurve::test::moments(sample);                                         \
    INFO("mean ", kurve_m.mean, " truth ", (truth), " standard error ", kurve_m.standard_error); \
    CHECK(std::abs(kurve_m.mean - (truth)) <= 4.0 * kurve_m.standard_error);                     \
  } while (false)

/// Relative closeness for closed forms; `tolerance` is derived beside the check.
#define CHECK_CLOSE(value, truth, tolerance)                             \
  do {                                                                   \
    double const kurve_v = (value), kurve_t = (truth);                   \
    INFO(#value " = ", kurve_v, ", expected ", kurve_t);                 \
    CHECK(std::abs(kurve_v - kurve_t) <= (tolerance)*std::abs(kurve_t)); \
  } while (false)
