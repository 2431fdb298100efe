// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kurve::test {

/// A seed with one to four of: flipped bytes, chunks cut, copied, swapped or taken from another seed, lines doubled or
/// dropped, a number replaced, a token put in that readers must not trip over. Pure function of (seeds, number).
[[nodiscard]] std::string mutated(std::vector<std::string> const& seeds, std::uint64_t number);

}  // namespace kurve::test
