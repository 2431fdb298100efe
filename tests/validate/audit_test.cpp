// SPDX-License-Identifier: Apache-2.0
#include "validate/audit.hpp"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "data/input.hpp"
#include "data/philox.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"
#include "tests/validate/claimed_studies.hpp"

using namespace kurve;
using validate::Severity;

namespace {

/// 5 runs at each K of serial + w/K (strong) or serial + w (weak) + c log2 K, with 1 % noise; a normal by Box and
/// Muller.
std::string claim(double serial_s, double work_s, double growth_s, bool weak, std::uint64_t seed,
                  double baseline_factor = 1.0, std::string const& extra_header = "") {
  std::ostringstream text;
  text.precision(12);
  text << "# kurve: study/1\n# workload: synthetic\n# baseline: fastest single-worker build\n# warmup: excluded\n# "
          "setup: excluded\n"
       << extra_header << "K,global_batch,run,step_time_s\n";
  for (int k = 1; k <= 64; k *= 2)
    for (int run = 0; run < 5; ++run) {
      auto const u =
          data::uniforms(seed, static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(run), 0, data::Stream::noise);
      double const z = std::sqrt(-2.0 * std::log(u.first)) * std::cos(6.283185307179586 * u.second);
      double const time_s = (serial_s + work_s / (weak ? 1 : k) + growth_s * std::log2(k)) *
                            (k == 1 ? baseline_factor : 1.0) * (1.0 + 0.01 * z);
      text << k << "," << (weak ? 256 * k : 256) << "," << run << "," << time_s << "\n";
    }
  return text.str();
}

data::Study study_of(std::string const& text) {
  std::istringstream in(text);
  return data::read_study_csv(in, "claim.csv");
}

/// Severity with which a rule was found, none where it was not.
std::optional<Severity> found(validate::Audit const& audit, std::string const& rule) {
  for (auto const& finding : audit.findings)
    if (finding.rule.starts_with(rule)) return finding.severity;
  return std::nullopt;
}

std::optional<Severity> found_in(std::string const& text, std::string const& rule) {
  return found(validate::audit(study_of(text)), rule);
}

std::string const head = "# kurve: study/1\n# baseline: b\n# warmup: excluded\n# setup: excluded\n";

/// Rows "K,batch,time" three times each, 0.1 % apart.
std::string thrice(std::string const& header, std::vector<std::array<double, 3>> const& points) {
  std::ostringstream text;
  text << header << "K,global_batch,run,step_time_s\n";
  for (auto const& [k, batch, time_s] : points)
    for (int run = 0; run < 3; ++run)
      text << k << "," << batch << "," << run << "," << time_s * (1.0 + 0.001 * run) << "\n";
  return text.str();
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("audit: a baseline inflated 1.8 times is named and the reference gives the honest curve and bend") {
    // honest T = 0.011 + 0.7/K (as if T(1) took 0.711): E(64) is about 0.5; claimed T(1) is 1.8 times as long, E(64)
    // about 0.9
    auto const vendor = study_of(claim(0.011, 0.7, 0.0, false, 7, 1.8));
    auto const alone = validate::audit(vendor);
    CHECK(found(alone, "KV001") == Severity::error);
    CHECK(validate::has_error(alone));
    validate::AuditOptions options;
    options.reference_s = 0.711;
    auto const known = validate::audit(vendor, options);
    REQUIRE(known.rebased);
    CHECK(known.rebased->points.back().claimed == doctest::Approx(0.9).epsilon(0.02));
    CHECK(known.rebased->points.back().honest == doctest::Approx(0.5).epsilon(0.02));
    CHECK_FALSE(known.rebased->claimed_bend_ranks);
    CHECK(known.rebased->honest_bend_ranks == 32.0);  // 0.711 / (32 (0.011 + 0.7/32)) = 0.676
    CHECK(validate::to_text(known).find("0.50") != std::string::npos);
  }

  TEST_CASE("audit: exactly linear speedups are flagged with two mistakes and what to measure again") {
    auto const result = validate::audit(study_of(thrice(head, {{1, 8, 8.0}, {2, 8, 4.0}, {4, 8, 2.0}, {8, 8, 1.0}})));
    REQUIRE(found(result, "KV009") == Severity::error);
    auto const text = validate::to_text(result);
    CHECK(text.find("(1)") != std::string::npos);
    CHECK(text.find("(2)") != std::string::npos);
    CHECK(text.find("re-measure T at the smallest K") != std::string::npos);
  }

  TEST_CASE("audit: each rule of the problem has a study that trips it") {
    CHECK(found_in(thrice(head + "# regime: strong\n", {{1, 8, 1}, {2, 16, 1.01}, {4, 32, 1.02}}), "KV005") ==
          Severity::error);
    CHECK(found_in(thrice(head + "# regime: weak\n", {{1, 8, 1}, {2, 8, 0.6}, {4, 8, 0.4}}), "KV005") ==
          Severity::error);
    CHECK(found_in(thrice(head, {{1, 8, 1}, {2, 8, 0.6}, {4, 24, 0.7}}), "KV006") == Severity::warning);
    CHECK(found_in(thrice(head, {{1, 8, 1}, {2, 8, 0.6}, {4, 16, 0.61}}), "KV007") == Severity::warning);
    CHECK(found_in(thrice(head, {{1, 8, 1}, {2, 8, 0.4}}), "KV002") == Severity::error);
    CHECK(found_in(thrice(head, {{1, 8, 1.0}, {2, 8, 0.52}, {4, 8, 0.55}, {8, 8, 0.16}, {16, 8, 0.1}}), "KV010") ==
          Severity::error);
    CHECK(
        found_in(
            head +
                "# configuration: precision\nK,global_batch,run,step_time_s,precision\n1,8,0,1,fp32\n2,8,0,0.5,bf16\n",
            "KV008") == Severity::error);
    CHECK(found_in(
              head + "# configuration: grad_accum\nK,global_batch,run,step_time_s,grad_accum\n1,8,0,1,4\n2,8,0,0.6,1\n",
              "KV008") == Severity::warning);
    CHECK(found_in(head + "K,step_time_s\n1,1\n2,0.6\n", "KV019") == Severity::warning);
  }

  TEST_CASE("audit: each rule of the method has a study that trips it") {
    CHECK(found_in("# kurve: study/1\nK,step_time_s\n1,1\n2,0.6\n", "KV003") == Severity::warning);
    CHECK(found_in(head + "K,step_time_s\n4,1\n8,0.6\n", "KV004") == Severity::note);
    CHECK(found_in(head + "K,step_time_s\n1,1\n2,0.6\n", "KV011") == Severity::warning);
    CHECK(found_in(head + "K,run,step_time_s\n1,0,1\n1,1,1\n1,2,1\n2,0,0.6\n2,1,0.61\n2,2,0.6\n", "KV012") ==
          Severity::warning);
    CHECK(found_in(head + "# note: best of 5 runs\nK,step_time_s\n1,1\n2,0.6\n", "KV013") == Severity::warning);
    CHECK(found_in("# kurve: study/1\n# warmup: included\nK,step_time_s\n1,1\n2,0.6\n", "KV014") == Severity::warning);
    CHECK(found_in("# kurve: study/1\nK,step_time_s\n1,1\n2,0.6\n", "KV015") == Severity::note);
    CHECK(found_in("# kurve: study/1\n# setup: included\nK,step_time_s\n1,1\n2,0.6\n", "KV016") == Severity::warning);
    CHECK(found_in(head + "# claim: speedup 1.7 on 2 GPUs\nK,step_time_s\n1,1\n2,0.6\n", "KV017") == Severity::warning);
    auto const mine = study_of(thrice(head, {{1, 8, 1}, {2, 8, 0.6}})),
               other = study_of(thrice(head, {{1, 8, 1.5}, {4, 8, 0.4}}));
    validate::AuditOptions options;
    options.other_claims = {&other};
    CHECK(found(validate::audit(mine, options), "KV018") == Severity::error);
  }

  TEST_CASE("audit: a study that does all well trips no rule") {
    auto const result = validate::audit(study_of(claim(0.01, 1.0, 0.002, false, 5)));
    INFO(validate::to_text(result));
    CHECK(result.findings.empty());
    for (auto const& item : result.checklist) CHECK(item.status == validate::CheckStatus::pass);
    CHECK(result.verdict == "stands: no error and no warning");
  }

  TEST_CASE("audit: what only looks like a finding is none") {
    // a reference 3 % faster is another day, not another program
    validate::AuditOptions options;
    options.reference_s = 0.98;
    CHECK_FALSE(found(validate::audit(study_of(claim(0.01, 1.0, 0.002, false, 5)), options), "KV001"));
    // one of five repeats of T(1) met a straggler: its interval reaches down to the honest time
    auto hit = study_of(claim(0.01, 1.0, 0.0, false, 9));
    for (auto& row : hit.samples)
      if (row.ranks == 1 && row.run == 0) row.time_s *= 2.5;
    CHECK_FALSE(found(validate::audit(hit), "KV001"));
    // leaving the node costs a jump, honestly
    std::string const node = head + "# workers_per_node: 8\n";
    CHECK_FALSE(
        found_in(thrice(node, {{4, 8, 1.0}, {8, 8, 0.5}, {16, 8, 0.55}, {32, 8, 0.3}, {64, 8, 0.17}}), "KV010"));
    // a gain of 1 % lies within the rounding
    CHECK_FALSE(found_in(thrice(head, {{1, 8, 1}, {2, 8, 0.495}}), "KV002"));
    // a larger batch per worker may run better than the baseline's
    CHECK_FALSE(found_in(thrice(head, {{1, 8, 1}, {2, 8, 0.6}, {4, 64, 1.5}}), "KV002"));
    // linear up to 2 workers is ordinary
    CHECK_FALSE(found_in(thrice(head, {{1, 8, 8.0}, {2, 8, 4.0}}), "KV009"));
    CHECK_FALSE(found_in(head + "# claim: speedup 1.7 at efficiency 0.85\nK,step_time_s\n1,1\n2,0.6\n", "KV017"));
    CHECK_FALSE(found_in(
        head + "# configuration: grad_accum\nK,global_batch,run,step_time_s,grad_accum\n1,8,0,1,4\n2,8,0,0.6,4\n",
        "KV008"));
    auto const mine = study_of(thrice(head, {{1, 8, 1}, {2, 8, 0.6}})),
               same = study_of(thrice(head, {{1, 8, 1.01}, {4, 8, 0.4}}));
    validate::AuditOptions claims;
    claims.other_claims = {&same};
    CHECK_FALSE(found(validate::audit(mine, claims), "KV018"));
  }

  TEST_CASE("audit: honest curves that communicate much do not refute their baseline") {
    // Backward hides 60 % of compute: T = w/K + max(0, c (1 - 1/K) - 0.6 w/K), whose points fall as 0.4 w/K.
    auto const hidden = [](double k) { return 1.0 / k + std::max(0.0, 0.9 * (1.0 - 1.0 / k) - 0.6 / k); };
    std::vector<std::array<double, 3>> points;
    for (double const k : {1.0, 2.0, 4.0, 8.0, 16.0}) points.push_back({k, 8, hidden(k)});
    CHECK_FALSE(found_in(thrice(head, points), "KV001"));
    // A network of which the header says nothing: the jump lasts, so the point before it is the same job.
    CHECK_FALSE(found_in(
        thrice(head, {{1, 8, 1.0}, {2, 8, 0.5}, {4, 8, 0.25}, {8, 8, 0.125}, {16, 8, 0.17}, {32, 8, 0.135}}), "KV010"));
  }

  TEST_CASE("audit: what of the configuration may change with K") {
    auto const changed = [](std::string const& name, std::string const& first, std::string const& then) {
      return found_in(head + "# configuration: " + name + "\nK,global_batch,run,step_time_s," + name + "\n1,8,0,1," +
                          first + "\n2,8,0,0.6," + then + "\n",
                      "KV008");
    };
    for (auto const* layout :
         {"tp", "pp", "parallelism", "grad_accum_steps", "micro_batch", "batch_per_gpu", "gpus_per_node", "host"})
      CHECK_MESSAGE(changed(layout, "1", "2") == Severity::warning, layout);
    for (auto const* job : {"precision", "dtype", "accelerator", "gpu", "software", "nccl_version", "model", "seq_len",
                            "steps", "activation_checkpointing", "recompute"})
      CHECK_MESSAGE(changed(job, "a", "b") == Severity::error, job);
    CHECK_FALSE(found_in(head + "# configuration: seed\nK,global_batch,run,step_time_s,seed\n1,8,0,1,7\n1,8,1,1.01,8\n"
                                "2,8,0,0.6,8\n2,8,1,0.61,7\n",
                         "KV008"));
  }

  TEST_CASE("audit: a regime switches once or not at all") {
    auto const at = [](std::vector<double> const& batches) {
      std::vector<std::array<double, 3>> points;
      double k = 1.0;
      for (double const batch : batches) {
        points.push_back({k, batch, 1.0 / k + batch / 1e3});
        k *= 2.0;
      }
      return found_in(thrice(head, points), "KV007");
    };
    CHECK(at({8, 8, 8, 16, 32}) == Severity::warning);
    CHECK(at({8, 16, 32, 32}) == Severity::warning);
    CHECK_FALSE(at({8, 16, 8, 16}));      // up and down: no rule to switch
    CHECK_FALSE(at({8, 8, 16, 16, 32}));  // in turns
    CHECK_FALSE(at({8, 12, 16, 20}));     // grows all along
  }

  TEST_CASE("audit: weak scaling whose work grows with its layout is doubted and one that shrinks is refuted") {
    auto const weak = head + "# regime: weak\n";
    CHECK(found_in(thrice(weak, {{8, 64, 1}, {16, 144, 1.2}, {32, 256, 1.05}}), "KV005") == Severity::warning);
    CHECK(found_in(thrice(weak, {{8, 64, 1}, {16, 96, 0.8}, {32, 256, 1.05}}), "KV005") == Severity::error);
  }

  TEST_CASE("audit: weak times equal beyond what runs agree are doubted") {
    CHECK(found_in(thrice(head, {{1, 8, 1}, {2, 16, 1}, {4, 32, 1}, {8, 64, 1}}), "KV009") == Severity::warning);
    // MegaScale's 530B at 2240 to 11200 GPUs: MFU 54.3, 54.1, 54.3 %
    CHECK_FALSE(found_in(thrice(head, {{2240, 2240, 1}, {4480, 4480, 1.0037}, {6720, 6720, 1.001}, {11200, 11200, 1}}),
                         "KV009"));
  }

  TEST_CASE("audit: words that only sound like the best of several") {
    for (auto const* note :
         {"a minimum of 5 repeats each", "first 2 min of each run dropped", "best batch and precision"})
      CHECK_FALSE(found_in(head + "# note: " + note + "\nK,step_time_s\n1,1\n2,0.6\n", "KV013"));
    for (auto const* note : {"best of 5", "the minimum of 5 runs", "min over steps"})
      CHECK(found_in(head + "# note: " + note + "\nK,step_time_s\n1,1\n2,0.6\n", "KV013") == Severity::warning);
  }

  TEST_CASE("audit: a first step that is slow in every run is warm-up and one that is slow once is not") {
    auto const steps = [](int cold_runs) {
      std::string text = head + "K,run,step,step_time_s\n";
      for (int k = 1; k <= 4; k *= 2)
        for (int run = 0; run < 3; ++run)
          for (int step = 0; step < 8; ++step)
            text += std::to_string(k) + "," + std::to_string(run) + "," + std::to_string(step) + "," +
                    std::to_string((step == 0 && run < cold_runs && (cold_runs > 1 || k == 1)
                                        ? 2.0
                                        : 1.0 + 0.001 * ((step * 3 + run) % 5)) /
                                   k) +
                    "\n";
      return text;
    };
    CHECK(found_in(steps(3), "KV014") == Severity::warning);
    CHECK_FALSE(found_in(steps(1), "KV014"));
    CHECK_FALSE(found_in(steps(0), "KV014"));
  }

  TEST_CASE("audit: an all-reduce that backward cannot hide must show in the step") {
    // 2 nodes of 8: 2 (1/2) 10 GB at 10 GB/s is 1 s; ideal compute at K = 16 is 0.5 s, of which 2/3 hide 0.33 s: 0.67 s
    // must show
    std::string const text = head + "# workers_per_node: 8\n# gradient_bytes: 10e9\n";
    validate::AuditOptions options;
    options.node_bytes_per_s = 10e9;
    CHECK(found(validate::audit(study_of(thrice(text, {{8, 8, 1.0}, {16, 8, 0.55}}))), "KV009") ==
          std::nullopt);  // no link known
    CHECK(found(validate::audit(study_of(thrice(text, {{8, 8, 1.0}, {16, 8, 0.55}})), options), "KV009") ==
          Severity::error);
    CHECK_FALSE(found(validate::audit(study_of(thrice(text, {{8, 8, 1.0}, {16, 8, 1.2}})), options), "KV009"));
    CHECK(found_in(thrice(text + "# interconnect: 80 Gb/s Ethernet\n", {{8, 8, 1.0}, {16, 8, 0.55}}), "KV009") ==
          Severity::warning);
  }

  TEST_CASE("audit: half of the batch at the largest K is seen from its neighbours") {
    // T = 1/K + 0.004 with half the work at K = 64: E = 1, .99, .98, .97, .94, .89, then .0118 s where .0196 is due.
    std::vector<std::array<double, 3>> points;
    for (double k = 1.0; k <= 64.0; k *= 2.0) points.push_back({k, 64, (k == 64.0 ? 0.5 : 1.0) / k + 0.004});
    auto const result = validate::audit(study_of(thrice(head, points)));
    CHECK(found(result, "KV020") == Severity::error);
    CHECK(found(result, "KV021") == Severity::error);
    CHECK(validate::objection(result).find("This curve does not stand (") == 0);
    // A cache gains 12 % from K = 8 on: a reader must know, and nobody cheats.
    points.clear();
    for (double k = 1.0; k <= 64.0; k *= 2.0) points.push_back({k, 64, (k >= 8.0 ? 0.88 : 1.0) / k + 0.004});
    auto const cache = validate::audit(study_of(thrice(head, points)));
    CHECK(found(cache, "KV020") == Severity::warning);
    CHECK_FALSE(validate::has_error(cache));
    CHECK(validate::objection(cache).empty());
    // One slow point is no jump of the next.
    CHECK_FALSE(
        found_in(thrice(head, {{1, 8, 1.0}, {2, 8, 0.51}, {4, 8, 0.33}, {8, 8, 0.14}, {16, 8, 0.075}}), "KV020"));
  }

  TEST_CASE("audit: a batch in multiples of 8 or of the workers is no changed problem") {
    CHECK_FALSE(
        found_in(thrice(head + "# regime: weak\n", {{1, 33, 1}, {2, 64, 1}, {4, 136, 1.03}, {8, 264, 1.02}}), "KV005"));
    CHECK_FALSE(found_in(thrice(head, {{1, 1000, 1}, {16, 1008, 0.07}, {64, 1024, 0.02}}), "KV006"));
    CHECK(found_in(thrice(head + "# regime: weak\n", {{1, 33, 1}, {2, 64, 1}, {4, 136, 1}, {8, 132, 0.6}}), "KV005") ==
          Severity::error);
  }

  TEST_CASE("audit: accumulation that keeps the micro-batch changes because it must") {
    auto const rows = [](char const* accumulation, char const* micro_batch) {
      std::string text =
          head + "# configuration: grad_accum,micro_batch\nK,global_batch,run,step_time_s,grad_accum,micro_batch\n";
      std::array<char const*, 3> const times{"1", "0.52", "0.27"};
      for (int i = 0; i < 3; ++i)
        text += std::to_string(1 << i) + ",64,0," + times[i] + "," + accumulation[i] + "," + micro_batch[i] + "\n";
      return text;
    };
    CHECK_FALSE(found_in(rows("842", "888"), "KV008"));
    CHECK_FALSE(found_in(rows("888", "842"), "KV008"));
    CHECK(found_in(rows("841", "888"), "KV008") == Severity::warning);  // half of the batch at K = 4
  }

  TEST_CASE("audit: warm-up at the baseline alone is an error and several workers sold as one are doubted") {
    std::string text = head + "K,run,step,step_time_s\n";
    for (int k = 1; k <= 4; k *= 2)
      for (int run = 0; run < 2; ++run)
        for (int step = 0; step < 8; ++step)
          text += std::to_string(k) + "," + std::to_string(run) + "," + std::to_string(step) + "," +
                  std::to_string((k == 1 && step == 0 ? 2.0 : 1.0 + 0.001 * ((step * 3 + run) % 5)) / k) + "\n";
    auto const cold = validate::audit(study_of(text));
    REQUIRE(found(cold, "KV014") == Severity::error);
    // T = 4/(8 K) + 0.01 log2(8 K): K = 8 .. 64 called 1 .. 8
    CHECK(found_in(thrice(head, {{1, 8, 0.53}, {2, 8, 0.29}, {4, 8, 0.175}, {8, 8, 0.1225}}), "KV023") ==
          Severity::warning);
    CHECK_FALSE(found_in(thrice(head, {{1, 8, 4.0}, {2, 8, 2.01}, {4, 8, 1.02}, {8, 8, 0.53}}), "KV023"));
    CHECK(found_in(head + "K,nodes,step_time_s\n1,8,1\n2,16,0.6\n", "KV023") == Severity::error);
  }

  TEST_CASE("audit: a claim that the points do not show") {
    auto const of = [](std::string const& claim) {
      return found_in(head + "# claim: " + claim + "\nK,global_batch,step_time_s\n8,64,1\n16,64,0.55\n64,64,0.2\n",
                      "KV024");
    };
    CHECK(of("speedup 40 at efficiency 0.6") == Severity::error);  // 8 times the measured 5
    CHECK(of("speedup of 5.0, efficiency 0.62") == std::nullopt);
    CHECK(of("5.1x faster at efficiency 0.6") == std::nullopt);
    CHECK(of("efficiency 0.6 on 512 GPUs") == Severity::error);
    CHECK(of("64 GPUs at efficiency 0.6") == std::nullopt);
  }

  TEST_CASE("audit: times of weak scaling divided by K") {
    std::vector<std::array<double, 3>> shared, weak;
    for (double k = 1.0; k <= 64.0; k *= 2.0) {
      weak.push_back({k, 64, (1.0 + 0.015 * std::log2(k)) / k});
      shared.push_back({k, 64, 1.0 / k + 0.0015});
    }
    CHECK(found_in(thrice(head, weak), "KV022") == Severity::error);
    CHECK_FALSE(found_in(thrice(head, shared), "KV022"));
  }

  // 10 studies of each of 10 honest kinds and 13 of fraud, other sizes and noise every time (claimed_studies.hpp). A
  // fraud is named by an error or a warning of a rule that says what was done.
  TEST_CASE("audit: 100 honest studies and 130 planted frauds") {
    test::Dice dice(2026);
    int accused = 0, named = 0, total = 0;
    for (auto const* kind : test::honest_kinds)
      for (int i = 0; i < 10; ++i) {
        auto const result = validate::audit(study_of(test::honest_study(kind, dice)));
        accused += validate::has_error(result);
        if (validate::has_error(result)) MESSAGE(std::string(kind) << ": " << result.verdict);
      }
    for (auto const& kind : test::fraud_kinds()) {
      int of_kind = 0;
      for (int i = 0; i < 10; ++i, ++total) {
        auto const result = validate::audit(study_of(test::fraud_study(kind.name, dice)));
        of_kind += std::any_of(kind.rules.begin(), kind.rules.end(), [&](auto const& rule) {
          auto const severity = found(result, rule);
          return severity && *severity != Severity::note;
        });
      }
      if (of_kind < 10) MESSAGE(std::string(kind.name) << ": " << of_kind << " of 10 named");
      named += of_kind;
    }
    CHECK(accused <= 1);
    CHECK(named >= total * 16 / 21);
  }

  TEST_CASE("audit: honest mixed studies have no error") {
    // serial + w B/K + c log2 K with a batch that stays, doubles and stays
    static constexpr std::array<double, 7> batch{64, 64, 128, 128, 256, 512, 512};
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      std::ostringstream text;
      text << head << "# regime: mixed\nK,global_batch,run,step_time_s\n";
      for (std::size_t i = 0; i < batch.size(); ++i)
        for (int run = 0; run < 5; ++run) {
          int const k = 1 << i;
          auto const u = data::uniforms(seed, static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(run), 1,
                                        data::Stream::noise);
          double const z = std::sqrt(-2.0 * std::log(u.first)) * std::cos(6.283185307179586 * u.second);
          text << k << "," << batch[i] << "," << run << ","
               << (0.02 + batch[i] / 64.0 / k + 0.002 * static_cast<double>(seed % 5) * std::log2(k)) * (1.0 + 0.01 * z)
               << "\n";
        }
      auto const result = validate::audit(study_of(text.str()));
      INFO("seed ", seed, "\n", validate::to_text(result));
      CHECK(found(result, "KV006") == Severity::warning);
      CHECK_FALSE(validate::has_error(result));
    }
  }

  TEST_CASE("audit: honest studies of each regime have no error") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
      for (bool const weak : {false, true}) {
        double const growth_s = 0.002 * static_cast<double>(seed % 5);
        auto const result =
            validate::audit(study_of(claim(0.01 + 0.002 * static_cast<double>(seed % 7), 1.0, growth_s, weak, seed)));
        INFO("seed ", seed, weak ? " weak\n" : " strong\n", validate::to_text(result));
        CHECK_FALSE(validate::has_error(result));
      }
  }

  TEST_CASE("audit: findings on real studies") {
    std::string const folder = KURVE_SOURCE_DIR "/../shared/data/mlperf/";
    if (!std::ifstream(folder + "s5_resnet_hpe_v2_1.csv")) {
      MESSAGE("skipped: ../shared/data is not here");
      return;
    }
    auto const of = [&](char const* name) { return validate::audit(data::read_study({folder + name})); };
    auto const s5 = of("s5_resnet_hpe_v2_1.csv");
    REQUIRE(found(s5, "KV010") == Severity::error);
    CHECK(s5.findings.front().evidence.find("T(32)") != std::string::npos);
    auto const p1 = of("p1_gpt3_nvidia_v3_1.csv");
    CHECK(found(p1, "KV006"));
    CHECK_FALSE(found(p1, "KV008"));  // accumulation follows B/K at one micro-batch
    CHECK_FALSE(validate::has_error(p1));
    CHECK_FALSE(found(p1, "KV007"));
    for (auto const* name : {"m1_resnet_nvidia_v2_0.csv", "m2_unet3d_nvidia_v3_1.csv", "s9a_resnet_dell_v3_0.csv"}) {
      auto const result = of(name);
      CHECK(found(result, "KV006") == Severity::warning);  // the batch grows with K
      CHECK(found(result, "KV007") == Severity::warning);  // but for a part of the curve
      CHECK_FALSE(validate::has_error(result));
      CHECK(result.findings.size() == 3);  // and that K0 > 1
    }
    auto const s4 = of("s4_ssd_hpe_v2_1.csv");  // 512 at one K, 256 at the others
    CHECK(found(s4, "KV006") == Severity::warning);
    CHECK(s4.findings.size() == 2);
    CHECK(of("s7_ssd_azure_v2_0.csv").verdict == "stands: no error and no warning");
  }

  TEST_CASE("audit: six rows of the checklist and writers that programs can read") {
    auto const result = validate::audit(study_of(claim(0.01, 1.0, 0.0, false, 3)));
    CHECK(result.checklist.size() == 6);
    auto const json = nlohmann::json::parse(validate::to_json(result));
    CHECK(json["checklist"].size() == 6);
    for (auto const* key : {"findings", "verdict"}) CHECK(json.contains(key));
    auto const sarif = nlohmann::json::parse(
        validate::to_sarif(validate::audit(study_of("# kurve: study/1\nK,step_time_s\n1,1\n2,0.6\n")), "1.0.0"));
    CHECK(sarif["version"] == "2.1.0");
    CHECK(sarif["runs"][0]["tool"]["driver"]["rules"].size() == validate::audit_rules().size());
    for (auto const& rule : sarif["runs"][0]["tool"]["driver"]["rules"])
      for (auto const* key : {"shortDescription", "fullDescription", "help"})  // GitHub's code scanning asks for them
        CHECK_FALSE(rule[key]["text"].get<std::string>().empty());
    CHECK(sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "claim.csv");
    std::istringstream lines(validate::to_text(result));
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 80);
  }

  TEST_CASE("audit: options out of range are refused") {
    validate::AuditOptions options;
    options.reference_s = -1.0;
    CHECK_THROWS_AS(static_cast<void>(validate::audit(study_of(claim(0.01, 1, 0, false, 1)), options)), InputError);
  }
}
