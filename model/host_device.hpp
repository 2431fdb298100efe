// SPDX-License-Identifier: Apache-2.0
#pragma once

// Marks what runs on the host, where it is tested, and the same lines on a GPU.
#ifdef __CUDACC__
#define KURVE_HOST_DEVICE __host__ __device__
#else
#define KURVE_HOST_DEVICE
#endif
