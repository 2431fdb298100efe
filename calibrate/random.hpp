// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "data/philox.hpp"
#include "model/elementary.hpp"

namespace kurve::calibrate {

/// Random bits as a pure function of (seed, stream, index): Philox, as everywhere in Kurve. @param stream below 2^32
[[nodiscard]] inline std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  auto const x =
      data::philox4x32({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                        static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(data::Stream::calibrate)},
                       {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  return std::uint64_t{x[1]} << 32 | x[0];
}

/// Uniform in (0, 1), neither end included.
[[nodiscard]] inline double random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return (static_cast<double>(random_bits(seed, stream, index) >> 12) + 0.5) * 0x1p-52;
}

/// Standard normal by inversion.
[[nodiscard]] inline double random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  double const u = random_uniform(seed, stream, index);
  return u <= 0.5 ? -model::elementary::normal_upper(u) : model::elementary::normal_upper(1.0 - u);
}

}  // namespace kurve::calibrate
