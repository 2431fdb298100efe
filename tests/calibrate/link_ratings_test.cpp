// SPDX-License-Identifier: Apache-2.0
#include "calibrate/link_ratings.hpp"

#include <algorithm>

#include "calibrate/fit_inputs.hpp"
#include "data/published.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/temporary.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {

/// A ring whose links were measured.
model::Model ring(double intra_s, double intra_Bps, double inter_s, double inter_Bps) {
  model::Model m;
  auto& p = m.parameters;
  p.intra_latency_s = intra_s;
  p.intra_bandwidth_Bps = intra_Bps;
  p.inter_latency_s = inter_s;
  p.inter_bandwidth_Bps = inter_Bps;
  for (char const* name :
       {"network.intra.latency", "network.intra.bandwidth_Bps", "network.inter.latency", "network.inter.bandwidth_Bps"})
    m.knowledge[name] = {.source = model::Source::measured, .sd = 0.0, .identified = true, .note = {}};
  return m;
}

model::Rating rating_of(std::vector<model::Rating> const& ratings, std::string const& what) {
  auto const found = std::find_if(ratings.begin(), ratings.end(), [&](auto const& r) { return r.what == what; });
  REQUIRE(found != ratings.end());
  return *found;
}

bool begins(std::string const& text, std::string const& with) { return text.rfind(with, 0) == 0; }

LinkPeaks header_peaks(std::string const& accelerator, std::string const& interconnect) {
  data::Study study;
  study.set("accelerator", accelerator);
  study.set("interconnect", interconnect);
  study.set("workers_per_node", "8");
  LinkPeaks peaks;
  add_header_peaks(peaks, study);
  return peaks;
}

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("link peaks: the card says its NVLink and words say the network and what is given stays") {
  auto const h100 = header_peaks("8 x NVIDIA H100 80GB HBM3", "8x NDR InfiniBand");
  CHECK(h100.intra.Bps == 450e9);
  CHECK(h100.intra.is == "NVLink of H100 (NVIDIA data sheet)");
  CHECK(h100.inter.Bps == 8 * 50e9);
  CHECK(header_peaks("NVIDIA H100 PCIe", "").intra.Bps == 63e9);
  CHECK(header_peaks("GB200", "").intra.Bps == 900e9);
  CHECK(header_peaks("CPU core", "").intra.Bps == 0.0);
  CHECK(header_peaks("", "something fast").inter.Bps == 0.0);
  data::Study study;
  study.set("accelerator", "A100");
  LinkPeaks peaks{.intra = {1e9, "--intra-peak"}, .inter = {}};
  add_header_peaks(peaks, study);
  CHECK(peaks.intra.Bps == 1e9);
}

TEST_CASE("link peaks: this host's are its InfiniBand ports else the real interfaces that are up") {
  test::TemporaryFolder const folder;
  auto const write = [&](std::string const& path, std::string const& text) { folder.write(path, text); };
  CHECK(host_network_peak(folder.path("nothing")).Bps == 0.0);
  for (char const* up : {"net/eth0", "net/eth1", "net/down"}) write(std::string(up) + "/device/vendor", "0x8086\n");
  write("net/eth0/operstate", "up\n");
  write("net/eth0/speed", "100000\n");
  write("net/eth1/operstate", "up\n");
  write("net/eth1/speed", "-1\n");  // the driver does not say
  write("net/down/operstate", "down\n");
  write("net/down/speed", "25000\n");
  write("net/veth0/operstate", "up\n");  // no device behind it
  write("net/veth0/speed", "10000\n");
  auto const ethernet = host_network_peak(folder.path(""));
  CHECK(ethernet.Bps == 12.5e9);
  CHECK(ethernet.is == "eth0 100 Gbit/s, as the kernel says");
  for (int i = 0; i < 2; ++i) {
    auto const port = "infiniband/mlx5_" + std::to_string(i) + "/ports/1/";
    write(port + "state", "4: ACTIVE\n");
    write(port + "rate", "400 Gb/sec (4X NDR)\n");
  }
  write("infiniband/mlx5_2/ports/1/state", "1: DOWN\n");
  write("infiniband/mlx5_2/ports/1/rate", "400 Gb/sec (4X NDR)\n");
  auto const fabric = host_network_peak(folder.path(""));
  CHECK(fabric.Bps == 100e9);
  CHECK(fabric.is == "mlx5_0 400 Gbit/s, mlx5_1 400 Gbit/s, as the kernel says");
}

TEST_CASE("link peaks: only a backend of real ranks asks this host") {
  LinkPeaks peaks;
  add_own_peaks(peaks, {.name = "synthetic", .max_ranks = 8, .workers_per_node = 4});
  CHECK(peaks.intra.Bps == 0.0);
  CHECK(peaks.inter.Bps == 0.0);
  add_own_peaks(peaks, {.name = "host", .max_ranks = 2, .workers_per_node = 2});
  CHECK(peaks.intra.Bps > 1e8);  // any memory moves 100 MB/s
  CHECK(peaks.inter.Bps == 0.0);
}

TEST_CASE("link ratings: GPUs beside wire and NCCL's own latencies") {
  LinkPeaks const peaks{.intra = {450e9, "NVLink"}, .inter = {50e9, "NDR"}};
  auto const good = rate_links(ring(1e-6, 370e9, 5e-6, 47e9), peaks, LinkEnds::gpu);
  REQUIRE(good.size() == 4);
  for (auto const& r : good) CHECK(r.verdict == "good");
  CHECK_CLOSE(rating_of(good, "bus bandwidth in a node").share(), 370.0 / 450.0, 1e-12);
  CHECK_CLOSE(rating_of(good, "alpha between nodes").share(), 2.7 / 5.0, 1e-12);
  CHECK(rating_of(good, "alpha in a node").ceiling_is == "NCCL's own for a hop through NVLink, LL");
  auto const bad = rate_links(ring(20e-6, 100e9, 15e-6, 30e9), peaks, LinkEnds::gpu);
  CHECK(begins(rating_of(bad, "alpha in a node").verdict, "low, 33.3 times NCCL's hop"));
  CHECK(begins(rating_of(bad, "bus bandwidth in a node").verdict, "low: are all links up (nvidia-smi"));
  CHECK(begins(rating_of(bad, "alpha between nodes").verdict, "fair: between NCCL's LL and Simple (14 us)"));
  CHECK(begins(rating_of(bad, "bus bandwidth between nodes").verdict, "fair: are all NICs in use"));
  auto const in_switch = rate_links(ring(1e-6, 480e9, 5e-6, 47e9), peaks, LinkEnds::gpu);
  CHECK(begins(rating_of(in_switch, "bus bandwidth in a node").verdict, "above what the wire carries"));
}

TEST_CASE("link ratings: CPU ranks are told what is usual of them and a link without a peak says so") {
  LinkPeaks const peaks{.intra = {}, .inter = {12.5e6, "--inter-peak"}};
  auto const r = rate_links(ring(3e-6, 2e9, 40e-6, 5e6), peaks, LinkEnds::cpu);
  CHECK(begins(rating_of(r, "alpha in a node").verdict, "usual of CPU ranks"));
  CHECK(begins(rating_of(r, "alpha between nodes").verdict, "usual of TCP, 14.8 times NCCL's hop"));
  CHECK(begins(rating_of(r, "bus bandwidth in a node").verdict,
               "nothing to set it beside. What is the link's rate (--intra-peak)?"));
  CHECK(begins(rating_of(r, "bus bandwidth between nodes").verdict, "low: is it this interface"));
  auto const slow = rate_links(ring(80e-6, 2e9, 500e-6, 12e6), peaks, LinkEnds::cpu);
  CHECK(begins(rating_of(slow, "alpha in a node").verdict, "low, 133 times NCCL's hop: ranks that sleep"));
  CHECK(begins(rating_of(slow, "alpha between nodes").verdict, "low even of TCP"));
  CHECK(rating_of(slow, "bus bandwidth between nodes").verdict == "good");
}

TEST_CASE("link ratings: what was not measured has none") {
  auto m = ring(1e-6, 370e9, 5e-6, 47e9);
  m.knowledge["network.inter.latency"].source = model::Source::assumed;
  m.knowledge["network.inter.bandwidth_Bps"].identified = false;
  CHECK(rate_links(m, {}, LinkEnds::gpu).size() == 2);
  CHECK(rate_links(model::Model{}, {}, LinkEnds::gpu).empty());
}

TEST_CASE("link ratings: published networks are what their vendors say or are told what is low") {
  auto const rated = [](char const* name) {
    std::vector<data::Study> studies{data::published_network(name)};
    LinkPeaks peaks;
    add_header_peaks(peaks, studies.front());
    return rate_links(fit_model(sort_inputs(std::move(studies)), {}).model, peaks, LinkEnds::gpu);
  };
  // nccl-tests issue 309: 8 bytes on 32 H100 in 34.6 us, NCCL's own model 35.2; 8 NICs of 50 GB/s.
  auto const ndr = rated("h100-ib-ndr-x8");
  CHECK(ndr.front().unit == "s");
  CHECK(ndr.front().verdict == "good");
  CHECK_CLOSE(rating_of(ndr, "bus bandwidth between nodes").ceiling, 400e9, 1e-12);
  CHECK(rating_of(ndr, "bus bandwidth between nodes").verdict == "good");
  // One node of H100: NVLS, 422 to 480 of NVLink's 450 GB/s.
  CHECK(rating_of(rated("h100-nvlink"), "bus bandwidth in a node").share() > 0.9);
  // First EFA: no RDMA from the GPU, latencies some six times NCCL's.
  CHECK(begins(rated("a100-efa-p4d").front().verdict, "low: is this network without RDMA"));
}

TEST_SUITE_END();
