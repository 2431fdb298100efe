// SPDX-License-Identifier: Apache-2.0
#include "calibrate/link_ratings.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

#include "data/network_words.hpp"
#include "data/quantity_text.hpp"

namespace kurve::calibrate {
namespace {

using model::Rating;

struct KnownLink {
  char const* card_part;
  double GBps;  ///< one direction, all links of a card
  char const* what;
};
// By part of the card's name, the longest that fits. NVIDIA's data sheets give both directions together: NVLink 300
// (V100), 600 (A100), 900 (H100, H200, GH200), 1800 (Blackwell) GB/s; PCIe 4.0 and 5.0 x16 64 and 128.
constexpr std::array<KnownLink, 17> known_links{{{"V100", 150.0, "NVLink"},
                                                 {"A100", 300.0, "NVLink"},
                                                 {"A100 PCIe", 31.5, "PCIe 4.0 x16"},
                                                 {"A100 80GB PCIe", 31.5, "PCIe 4.0 x16"},
                                                 {"A100-PCIE", 31.5, "PCIe 4.0 x16"},
                                                 {"H100", 450.0, "NVLink"},
                                                 {"H100 PCIe", 63.0, "PCIe 5.0 x16"},
                                                 {"H20", 450.0, "NVLink"},
                                                 {"H200", 450.0, "NVLink"},
                                                 {"GH200", 450.0, "NVLink"},
                                                 {"B200", 900.0, "NVLink"},
                                                 {"B300", 900.0, "NVLink"},
                                                 {"GB200", 900.0, "NVLink"},
                                                 {"GB300", 900.0, "NVLink"},
                                                 {"L40S", 31.5, "PCIe 4.0 x16"},
                                                 {"A10", 31.5, "PCIe 4.0 x16"},
                                                 {"L4", 15.8, "PCIe 4.0 x8"}}};

// Where to draw the lines is this project's choice. nccl-tests of healthy machines reach 74 to 96 % of the wire (A100
// NVLink 78 %, H200 ring 82 %, NDR 92 to 96 %, EFA of B200 74 %; ml-engineering, nccl-tests issues 212 and 290), TCP
// with frames of 1500 bytes 95 %.
constexpr double good_share = 0.7, fair_share = 0.5;
// A bus bandwidth counts bytes as a ring moves them; switches that add up move fewer, so that it passes the wire's.
constexpr double above_wire = 1.02;

/// NCCL's own latencies of one hop of a ring (src/graph/tuning.cc, 2.23 to 2.30), by protocol.
struct HopLatency {
  double LL_s, simple_s;
  char const* link;
};
constexpr HopLatency nvlink_hop{0.6e-6, 3.4e-6, "NVLink"}, network_hop{2.7e-6, 14e-6, "a network"};
// What CPU ranks can expect, this project's experience: shared memory while every rank spins on its own core, and TCP
// through two kernels.
constexpr double cpu_in_node_s = 5e-6, tcp_s = 60e-6;

std::string times(double factor) {
  std::ostringstream text;
  text.precision(factor < 9.5 ? 2 : 3);
  text << factor;
  return text.str() + " times";
}

std::string microseconds(double seconds) {
  std::ostringstream text;
  text.precision(3);
  text << seconds * 1e6;
  return text.str() + " us";
}

std::string bandwidth_verdict(double share, std::string const& option, std::string const& advice) {
  if (!(share > 0.0)) return "nothing to set it beside. What is the link's rate (" + option + ")?";
  if (share > above_wire)
    return "above what the wire carries: the switches add up (NVLS, SHARP), or the peak named is not this link's";
  if (share >= good_share) return "good";
  return (share >= fair_share ? "fair: " : "low: ") + advice;
}

/// @param option  by which a peak that is not known can be said
Rating bandwidth_rating(std::string what, double measured_Bps, Peak const& peak, std::string const& option,
                        std::string const& advice) {
  Rating rating{.what = std::move(what),
                .unit = "B/s",
                .achieved = measured_Bps,
                .ceiling = peak.Bps,
                .ceiling_is = peak.is,
                .verdict = {}};
  rating.verdict = bandwidth_verdict(rating.share(), option, advice);
  return rating;
}

std::string latency_verdict(double alpha_s, HopLatency const& hop, LinkEnds ends, bool in_node) {
  if (alpha_s <= 2.0 * hop.LL_s) return "good";
  std::string const beside = times(alpha_s / hop.LL_s) + " NCCL's hop";
  if (ends == LinkEnds::cpu && in_node)
    return alpha_s <= cpu_in_node_s ? "usual of CPU ranks that each have a core, " + beside
                                    : "low, " + beside +
                                          ": ranks that sleep while they wait are woken by the scheduler. Has each a "
                                          "core of its own (mpirun --bind-to core)?";
  if (ends == LinkEnds::cpu)
    return alpha_s <= tcp_s
               ? "usual of TCP, " + beside + ": RDMA takes 1 to 3 us. Is there a fabric that MPI does not use?"
               : "low even of TCP, " + beside + ": do ranks share cores, does the NIC coalesce interrupts or sleep?";
  if (alpha_s <= 1.5 * hop.simple_s)
    return "fair: between NCCL's LL and Simple (" + microseconds(hop.simple_s) + "), as rings of large messages are";
  return "low, " + beside +
         (in_node ? ": do the GPUs reach each other directly (nvidia-smi topo -m), is P2P disabled?"
                  : ": is RDMA in use (NCCL_DEBUG=INFO names the network), is the GPU's NIC near it "
                    "(GPUDirect), is the CPU's clock low?");
}

Rating latency_rating(double alpha_s, HopLatency const& hop, LinkEnds ends, bool in_node) {
  return {.what = in_node ? "alpha in a node" : "alpha between nodes",
          .unit = "s",
          .achieved = alpha_s,
          .ceiling = hop.LL_s,
          .ceiling_is = std::string("NCCL's own for a hop through ") + hop.link + ", LL",
          .verdict = latency_verdict(alpha_s, hop, ends, in_node)};
}

/// Where NCCL's cost model is the law, its latencies are scaled: the smallest all-reduce beside NCCL's own of it.
std::optional<Rating> smallest_rating(model::StepParameters const& p) {
  if (!p.measured_allreduce) return std::nullopt;
  auto const& points = p.measured_allreduce->points();
  auto const smallest = std::min_element(points.begin(), points.end(), [](auto const& a, auto const& b) {
    return a.bytes != b.bytes ? a.bytes < b.bytes : a.ranks > b.ranks;
  });
  auto own = p;
  own.nccl_latency_scale = 1.0;
  Rating rating{.what = "all-reduce of " + data::number_text(smallest->bytes) + " bytes on " +
                        data::number_text(smallest->ranks) + " ranks",
                .unit = "s",
                .achieved = smallest->time_s,
                .ceiling = model::allreduce_law_s(own, smallest->ranks, smallest->bytes),
                .ceiling_is = "NCCL's own cost model",
                .verdict = {}};
  rating.verdict =
      rating.share() >= good_share ? "good"
      : rating.share() >= 1.0 / 3.0
          ? "fair: is RDMA direct from the GPU (NCCL_DEBUG=INFO: GDR), is the CPU's clock low?"
          : "low: is this network without RDMA (TCP, first EFA), is a protocol or plugin forced or missing?";
  return rating;
}

std::string file_line(std::filesystem::path const& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

std::string Gbit_text(double Bps) { return data::number_text(std::round(Bps * 8e-6) / 1e3) + " Gbit/s"; }

struct Port {
  std::string name;
  double Bps;
};

/// Folders in a folder, in the order of their names; none where it is absent.
std::vector<std::filesystem::path> entries_of(std::filesystem::path const& folder) {
  std::vector<std::filesystem::path> entries;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    entries.push_back(at->path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::vector<Port> infiniband_ports(std::filesystem::path const& sys_class) {
  std::vector<Port> ports;
  for (auto const& device : entries_of(sys_class / "infiniband"))
    for (auto const& port : entries_of(device / "ports")) {
      std::istringstream rate(file_line(port / "rate"));  // "400 Gb/sec (4X NDR)"
      double Gbit = 0.0;
      if (file_line(port / "state").find("ACTIVE") != std::string::npos && rate >> Gbit && Gbit > 0.0)
        ports.push_back({device.filename().string(), Gbit * 1e9 / 8.0});
    }
  return ports;
}

std::vector<Port> ethernet_ports(std::filesystem::path const& sys_class) {
  std::vector<Port> ports;
  for (auto const& device : entries_of(sys_class / "net")) {
    std::error_code error;
    if (!std::filesystem::exists(device / "device", error) || file_line(device / "operstate") != "up") continue;
    double Mbit = 0.0;  // the kernel's unit; -1 where the driver does not say
    std::istringstream speed(file_line(device / "speed"));
    if (speed >> Mbit && Mbit > 0.0) ports.push_back({device.filename().string(), Mbit * 1e6 / 8.0});
  }
  return ports;
}

}  // namespace

void add_header_peaks(LinkPeaks& peaks, data::Study const& study) {
  auto const card = study.find("accelerator").value_or("");
  KnownLink const* best = nullptr;
  for (auto const& link : known_links)
    if (card.find(link.card_part) != std::string::npos &&
        (best == nullptr || std::string_view(link.card_part).size() > std::string_view(best->card_part).size()))
      best = &link;
  if (best != nullptr && !(peaks.intra.Bps > 0.0))
    peaks.intra = {best->GBps * 1e9, std::string(best->what) + " of " + best->card_part + " (NVIDIA data sheet)"};
  auto const words = study.find("interconnect").value_or("");
  auto const node_Bps = data::node_bandwidth_Bps(words, study.find_number("workers_per_node").value_or(1.0));
  if (node_Bps && !(peaks.inter.Bps > 0.0)) peaks.inter = {*node_Bps, words.substr(0, 80)};
}

Peak host_network_peak(std::filesystem::path const& sys_class) {
  auto ports = infiniband_ports(sys_class);
  if (ports.empty()) ports = ethernet_ports(sys_class);
  Peak peak;
  for (auto const& port : ports) {
    peak.Bps += port.Bps;
    peak.is += (peak.is.empty() ? "" : ", ") + port.name + " " + Gbit_text(port.Bps);
  }
  if (peak.Bps > 0.0) peak.is += ", as the kernel says";
  return peak;
}

Peak memory_copy_peak() {
  using Clock = std::chrono::steady_clock;
  constexpr std::size_t bytes = std::size_t{64} << 20;  // beyond the caches of most CPUs
  std::vector<char> from(bytes, 1), to(bytes, 2);
  double best_s = 1e9;
  for (int i = 0; i < 5; ++i) {
    auto const start = Clock::now();
    std::memcpy(to.data(), from.data(), bytes);
    best_s = std::min(best_s, std::chrono::duration<double>(Clock::now() - start).count());
    from[static_cast<std::size_t>(to[bytes - 1])] = to[bytes / 2];  // so that no copy can be left out
  }
  return {static_cast<double>(bytes) / best_s, "a copy in memory by one core, measured here"};
}

void add_own_peaks(LinkPeaks& peaks, BackendInfo const& info) {
  bool const mpi = info.name == "mpi";
  if ((mpi || info.name == "host") && info.workers_per_node > 1 && !(peaks.intra.Bps > 0.0))
    peaks.intra = memory_copy_peak();
  if ((mpi || info.name == "nccl") && info.max_ranks > info.workers_per_node && !(peaks.inter.Bps > 0.0))
    peaks.inter = host_network_peak();
}

LinkEnds link_ends(data::Study const& study) {
  auto const worker = study.find("accelerator"), format = study.find("imported_from");
  return worker == "CPU core" || worker == "timed wait" || format == "OSU" ? LinkEnds::cpu : LinkEnds::gpu;
}

std::vector<Rating> rate_links(model::Model const& model, LinkPeaks const& peaks, LinkEnds ends) {
  using model::AllreduceAlgorithm;
  auto const& p = model.parameters;
  auto const measured = [&](char const* name, double value) {
    auto const known = model.knowledge.find(name);
    return value > 0.0 && known != model.knowledge.end() && known->second.identified &&
           known->second.source != model::Source::assumed;
  };
  bool const nccl_law = p.allreduce == AllreduceAlgorithm::nccl || p.allreduce == AllreduceAlgorithm::nccl_nvls ||
                        p.allreduce == AllreduceAlgorithm::nccl_ring;
  bool const gpu = ends == LinkEnds::gpu;
  std::vector<Rating> ratings;
  if (nccl_law) {
    if (auto const smallest = smallest_rating(p)) ratings.push_back(*smallest);
  } else {
    if (measured("network.intra.latency", p.intra_latency_s))
      ratings.push_back(latency_rating(p.intra_latency_s, nvlink_hop, ends, true));
    if (measured("network.inter.latency", p.inter_latency_s))
      ratings.push_back(latency_rating(p.inter_latency_s, network_hop, ends, false));
  }
  if (measured("network.intra.bandwidth_Bps", p.intra_bandwidth_Bps))
    ratings.push_back(bandwidth_rating(
        "bus bandwidth in a node", p.intra_bandwidth_Bps, peaks.intra, "--intra-peak",
        gpu ? "are all links up (nvidia-smi nvlink -s, topo -m), is P2P disabled, do messages reach 256 MiB?"
            : "each byte is copied and added on the way, and the ranks share the memory. Are they bound to cores?"));
  if (measured("network.inter.bandwidth_Bps", p.inter_bandwidth_Bps))
    ratings.push_back(bandwidth_rating(
        "bus bandwidth between nodes", p.inter_bandwidth_Bps, peaks.inter, "--inter-peak",
        gpu ? "are all NICs in use (NCCL_IB_HCA, NCCL_DEBUG=INFO), is GPUDirect RDMA on, do routes collide, do "
              "messages "
              "reach 256 MiB?"
            : "is it this interface that MPI uses (--mca btl_tcp_if_include), at its full rate (ethtool), and alone?"));
  return ratings;
}

}  // namespace kurve::calibrate
