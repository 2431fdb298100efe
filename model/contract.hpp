// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "model/error.hpp"

namespace kurve::detail {

[[noreturn]] inline void contract_violated(char const* condition, char const* file, int line) {
  throw ContractViolation(std::string(file) + ":" + std::to_string(line) + ": expected " + condition);
}

}  // namespace kurve::detail

/// Always on: the documented precondition of a public function.
#define KURVE_EXPECT(condition) \
  ((condition) ? static_cast<void>(0) : ::kurve::detail::contract_violated(#condition, __FILE__, __LINE__))

/// Debug builds only: invariants inside hot loops.
#ifdef NDEBUG
#define KURVE_ASSERT(condition) static_cast<void>(0)
#else
#define KURVE_ASSERT(condition) KURVE_EXPECT(condition)
#endif
