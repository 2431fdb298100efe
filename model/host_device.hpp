// SPDX-License-Identifier: Apache-2.0
#pragma once

// Marks what runs on the host, where it is tested, and the same lines on a GPU.
#ifdef __CUDACC__
#define KURVE_HOST_DEVICE __host__ __device__
#else
#define KURVE_HOST_DEVICE
#endif

/// Inlined everywhere: a caller compiled for FMA hardware gets hardware FMA, and to the same bits.
#define KURVE_INLINE [[gnu::always_inline]] KURVE_HOST_DEVICE inline
