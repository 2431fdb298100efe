// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

/// A CUDA runtime without a GPU, to run the host's side of the GPU backends: device memory is host memory, a stream is
/// a thread that works off its queue, an event is the moment its stream came by, a graph is a list of what was queued.
/// What the kernels compute is computed; what only takes time (operands of a gigabyte) is left out.
namespace kurve::fake {

inline constexpr int devices = 3;
/// Work on more bytes than this is left out.
inline constexpr std::size_t skipped_above_bytes = std::size_t{16} << 20;

/// Puts work on the stream, or into the graph that is being captured from it.
void enqueue(cudaStream_t stream, std::function<void()> work);
/// Of this thread.
int current_device();

/// From now on ncclCommGetAsyncError reports a remote error, and all-reduces of more than one rank hang until aborted.
void break_network(bool broken);
/// Bytes that rank 0 has all-reduced since the last call.
std::size_t take_summed_bytes();

}  // namespace kurve::fake
