// SPDX-License-Identifier: Apache-2.0
// Read before Highway by every file that uses it: instruction sets without a fused multiply-add are left out, because
// rounding twice would give other bits. What is left on x86: AVX-512, AVX2 with FMA, and plain C++ with std::fma.
#pragma once

// SSE2 is a target of Highway 1.2 and has no name in 1.0.3, which leaves its bit unused.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | (1LL << 14))

/// Whether this pass compiles the plain C++ fallback, which has no vectors.
#define KURVE_PLAIN_TARGET (HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128)
