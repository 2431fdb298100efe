// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "calibrate/backend.hpp"
#include "data/study.hpp"
#include "model/model.hpp"

namespace kurve::calibrate {

/// What a link can carry at best in one direction, and who says so.
struct Peak {
  double Bps = 0.0;  ///< 0: not known
  std::string is;    ///< "published, NVLink of H100 (NVIDIA data sheet)"
};

/// Of a worker's link inside its node, and of all links of a node to others.
struct LinkPeaks {
  Peak intra, inter;
};

/// Fills what is not known yet from a Study's header: NVLink or PCIe by `accelerator`, the network by the words of
/// `interconnect` (data/network_words.hpp).
void add_header_peaks(LinkPeaks& peaks, data::Study const& study);

/// What this host's network carries: the active InfiniBand ports (infiniband/*/ports/*/rate) where there are any, else
/// the physical interfaces that are up (net/*/speed; a virtual one's speed is a name, not a rate).
/// @param sys_class  where the kernel shows devices
[[nodiscard]] Peak host_network_peak(std::filesystem::path const& sys_class = "/sys/class");

/// What one core of this host copies in memory, measured now (some 0.1 s): the most that ranks on it can exchange.
[[nodiscard]] Peak memory_copy_peak();

/// Fills what is not known yet by what this host says of itself, for a backend of real ranks: memory where CPU ranks
/// share a node, the network where there are several.
void add_own_peaks(LinkPeaks& peaks, BackendInfo const& info);

/// What stands at a link's ends: what its latency can be depends on it.
enum class LinkEnds { gpu, cpu };
/// CPU ranks of Kurve's own and of OSU's benchmarks are known as such.
[[nodiscard]] LinkEnds link_ends(data::Study const& study);

/// Each alpha and bus bandwidth that the Model knows by measurement, beside the links' peaks and NCCL's own latencies,
/// with what to look at where it is low. Empty where no all-reduce was measured.
[[nodiscard]] std::vector<model::Rating> rate_links(model::Model const& model, LinkPeaks const& peaks, LinkEnds ends);

}  // namespace kurve::calibrate
