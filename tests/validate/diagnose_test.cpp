// SPDX-License-Identifier: Apache-2.0
#include "validate/diagnose.hpp"

#include <doctest/doctest.h>

#include <array>
#include <fstream>
#include <map>
#include <sstream>

#include "model/error.hpp"
#include "tests/support/checks.hpp"
#include "tests/validate/labelled_studies.hpp"

using namespace kurve;
using validate::Cause;

namespace {

constexpr std::array<Cause, 4> causes{Cause::communication, Cause::straggler, Cause::imbalance, Cause::serial};

data::Study from_text(std::string const& text) {
  std::istringstream in(text);
  return data::read_study_csv(in, "test.csv");
}

struct Score {
  int total = 0, answered = 0, right = 0;
  void count(Cause truth, Cause answer) {
    ++total;
    answered += answer != Cause::undetermined;
    right += answer == truth;
  }
  [[nodiscard]] double answered_share() const { return static_cast<double>(answered) / total; }
  [[nodiscard]] double right_share() const { return static_cast<double>(right) / std::max(answered, 1); }
};

/// T(K) = C/K with what `extra_s` adds, three repeats that differ by +-0.3 %.
template <typename Extra>
data::Study strong_study(Extra const& extra_s) {
  data::Study study;
  for (int const ranks : test::doubling_to(64))
    for (int run = 0; run < 3; ++run) {
      auto row = test::row_at(ranks, (1.0 / ranks + extra_s(ranks)) * (1.0 + 0.003 * (run - 1)));
      row.global_batch = 1024.0;
      row.run = run;
      study.samples.push_back(row);
    }
  return study;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("diagnose: a cost that grows with log2 K is communication") {
    auto const d = validate::diagnose(strong_study([](int k) { return 0.003 * std::log2(k); }));
    CHECK(d.cause == Cause::communication);
    CHECK(d.evidence.size() >= 3);
    CHECK_FALSE(d.persistent.has_value());
    double sum = 0.0;
    for (auto const& [cause, probability] : d.probabilities) sum += probability;
    CHECK(sum == doctest::Approx(1.0));
  }
  TEST_CASE("diagnose: a constant cost under strong scaling is serial") {
    CHECK(validate::diagnose(strong_study([](int) { return 0.01; })).cause == Cause::serial);
  }
  TEST_CASE("diagnose: an ideal strong curve has no cause") {
    CHECK(validate::diagnose(strong_study([](int) { return 0.0; })).cause == Cause::none);
  }
  TEST_CASE("diagnose: a flat weak curve does not exclude a constant serial part") {
    data::Study study;
    for (int const ranks : test::doubling_to(64))
      for (int run = 0; run < 3; ++run) {
        auto row = test::row_at(ranks, 1.0 + 0.002 * run);
        row.global_batch = 32.0 * ranks;
        study.samples.push_back(row);
      }
    auto const d = validate::diagnose(study);
    CHECK(d.cause == Cause::undetermined);
    CHECK(d.probabilities.at(Cause::none) > 0.6);  // a quarter of it is kept for the serial part
    CHECK(d.evidence.back().find("weak scaling hides") != std::string::npos);
  }
  TEST_CASE("diagnose: the example of the scaling chapter is communication alone or beside serial work") {
    std::ifstream in(KURVE_SOURCE_DIR "/../shared/data/book_code_5_2_1.csv");
    if (!in) {
      MESSAGE("skipped: ../shared/data is absent");
      return;
    }
    // The latency of a tree beside a constant: serial work, or the bytes of the same all-reduce, whose T differs by 1/K
    // as compute does. No point tells them apart.
    auto const p = validate::diagnose(data::read_study_csv(in, "book")).probabilities;
    CHECK(p.at(Cause::communication) + p.at(Cause::communication | Cause::serial) > 0.9);
  }
  TEST_CASE("diagnose: one noisy point does not make a smooth curve a straggler") {
    // As ssd of HPE in MLPerf v2.1 (../shared/data/mlperf/s4): runs at the largest K spread by 5 %, the others by 0.3
    // %.
    auto study = strong_study([](int k) { return 0.002 * std::log2(k); });
    int n = 0;
    for (auto& row : study.samples)
      if (row.ranks == 64) row.time_s *= n++ == 0 ? 1.09 : 1.0;
    CHECK(validate::diagnose(study).cause == Cause::communication);
  }
  TEST_CASE("diagnose: without repeats no spread speaks for a straggler") {
    // 1-bit Adam's InfiniBand table (../shared/data/published): the jump and the rise are its network's.
    auto const d = validate::diagnose(from_text(
        "# workers_per_node: 8\nK,global_batch,step_time_s\n8,128,0.20\n16,256,0.37\n32,512,0.50\n64,1024,0.54\n"));
    CHECK(d.cause == Cause::undetermined);
    CHECK(d.probabilities.at(Cause::straggler) < 0.6);
    CHECK(d.evidence.front().find("one value at most points") == 0);
  }
  TEST_CASE("diagnose: the launch-bound floor of compute is no communication") {
    // (t_l^q + (t_1 b)^q)^(1/q) with q = 2.46, the floor of a V100 in single precision (FACTS B), from 256 samples
    // down.
    auto const d = validate::diagnose(strong_study([](int k) {
      double const work = 1.0 / k, floor = 0.02;
      return std::pow(std::pow(work, 2.46) + std::pow(floor, 2.46), 1 / 2.46) - work;
    }));
    CHECK(d.cause == Cause::serial);
    CHECK(d.evidence[1].find("launch-bound floor") != std::string::npos);
  }
  TEST_CASE("diagnose: one slow run of many is not a straggler") {
    auto study = strong_study([](int k) { return 0.004 * std::log2(k); });
    study.samples[10].time_s *= 4.0;  // one of three at K = 8
    auto const d = validate::diagnose(study);
    CHECK(d.cause == Cause::communication);
    CHECK(d.evidence[2].find("one value is far slower") == 0);
  }
  TEST_CASE("diagnose: two causes are named together and in one order") {
    CHECK(to_text(Cause::serial | Cause::imbalance) == "imbalance+serial");
    CHECK(includes(Cause::serial | Cause::imbalance, Cause::serial));
    CHECK_FALSE(includes(Cause::serial | Cause::imbalance, Cause::straggler));
    // Every step waits for a pause of one of K, which shows in the spread, and pays a tree.
    test::Dice dice(3);
    data::Study study;
    for (int const ranks : test::doubling_to(64))
      for (int run = 0; run < 10; ++run) {
        bool const hit = dice.uniform() < 1.0 - std::pow(1.0 - 0.012, ranks);
        auto row = test::row_at(
            ranks, (1.0 / ranks + 0.002 * std::log2(ranks) + (hit ? 0.025 : 0.0)) * (1.0 + 0.003 * dice.normal()));
        row.global_batch = 1024.0;
        row.run = run;
        study.samples.push_back(row);
      }
    CHECK(validate::diagnose(study).cause == (Cause::communication | Cause::straggler));
  }
  TEST_CASE("diagnose: points that no law meets have no cause but a hint") {
    auto const d = validate::diagnose(from_text(
        "K,global_batch,run,step_time_s\n8,64,0,1.000\n8,64,1,1.001\n16,64,0,0.56\n16,64,1,0.561\n32,64,0,0.47\n"
        "32,64,1,0.471\n64,64,0,0.206\n64,64,1,0.207\n128,320,0,0.372\n128,320,1,0.373\n"));
    CHECK(d.cause == Cause::undetermined);
    CHECK(d.evidence.front().find("from K = 32 to 64 each worker becomes 13.9 % faster") == 0);
  }
  TEST_CASE("diagnose: one K or one row abstains") {
    auto const one = from_text("K,step_time_s\n4,1.0\n");
    CHECK(validate::diagnose(one).cause == Cause::undetermined);
    auto const same = from_text("K,step_time_s\n4,1.0\n4,1.1\n4,1.0\n");
    CHECK(validate::diagnose(same).cause == Cause::undetermined);
    auto const two = from_text("K,step_time_s\n1,1.0\n2,0.9\n");
    CHECK(validate::diagnose(two).cause == Cause::undetermined);
  }
  TEST_CASE("diagnose: extreme times and K neither throw nor loop") {
    auto const odd = from_text("K,step_time_s\n1,1e-300\n2,1e300\n1000000000,1e-12\n");
    CHECK_NOTHROW(static_cast<void>(validate::diagnose(odd)));
    std::string text = "K,step_time_s\n";
    for (int k = 1; k <= 3000; ++k) text += std::to_string(k) + ",0.5\n";
    CHECK_NOTHROW(static_cast<void>(validate::diagnose(from_text(text))));
  }
  TEST_CASE("diagnose: options out of range are refused by name") {
    auto const study = from_text("K,step_time_s\n1,1.0\n2,0.6\n");
    auto const message = [&](validate::DiagnoseOptions const& options) {
      return test::message_of<InputError>([&] { return validate::diagnose(study, options); });
    };
    CHECK(message({.answer_at = 0.5}).find("answer_at=0.5") == 0);
    CHECK(message({.answer_at = 0.8, .negligible_loss = 0.0}).find("negligible_loss=0") == 0);
  }

  TEST_CASE("diagnose per rank: a rank that is always slow is a persistent straggler and named") {
    std::string text = "step,rank,compute_s,comm_s\n";
    for (int step = 0; step < 10; ++step)
      for (int rank = 0; rank < 8; ++rank)
        text += std::to_string(step) + "," + std::to_string(rank) + "," +
                std::to_string((rank == 5 ? 1.4 : 1.0) + 0.002 * ((step * 7 + rank * 3) % 5)) + ",0.01\n";
    auto const d = validate::diagnose(from_text(text));
    CHECK(d.cause == Cause::straggler);
    CHECK(d.persistent == true);
    CHECK(d.ranks == std::vector<int>{5});
    // Load balance by hand: mean (7 + 1.4)/8 over 1.4 = 0.75; always the same rank, so nothing is lost to
    // serialization.
    REQUIRE(d.pop.size() == 1);
    CHECK(d.pop[0].load_balance == doctest::Approx(0.75).epsilon(0.01));
    CHECK(d.pop[0].serialization == doctest::Approx(1.0).epsilon(0.01));
    CHECK(d.pop[0].transfer == doctest::Approx(1.404 / 1.414).epsilon(0.01));
  }
  TEST_CASE("diagnose per rank: a rank whose device waits for its host is the straggler and not the network") {
    // Equal compute; rank 2 stands still for 0.5 s, which the others spend inside their all-reduce.
    std::string stalled = "step,rank,step_time_s,compute_s,comm_s\n", waiting = stalled;
    for (int step = 0; step < 10; ++step)
      for (int rank = 0; rank < 4; ++rank) {
        std::string const at = std::to_string(step) + "," + std::to_string(rank) + ",1.61,";
        stalled += at + "1.0," + (rank == 2 ? "0.1" : "0.6") + "\n";
        // The same device times where waiting is outside of the collective: then rank 2 is the one that computes more.
        waiting += at + (rank == 2 ? "1.5" : "1.0") + ",0.1\n";
      }
    for (auto const& text : {stalled, waiting}) {
      auto const d = validate::diagnose(from_text(text));
      CHECK(d.cause == Cause::straggler);
      CHECK(d.persistent == true);
      CHECK(d.ranks == std::vector<int>{2});
      CHECK((d.evidence[1].find("its device waits") != std::string::npos) == (text == stalled));
      REQUIRE(d.pop.size() == 1);
      CHECK(d.pop[0].load_balance == doctest::Approx(4.5 / 4 / 1.5));
      CHECK(d.pop[0].transfer == doctest::Approx(1.5 / 1.61));
    }
  }
  TEST_CASE("diagnose per rank: a slow rank beside as much transfer is both") {
    std::string text = "step,rank,compute_s,comm_s\n";
    for (int step = 0; step < 10; ++step)
      for (int rank = 0; rank < 8; ++rank)
        text += std::to_string(step) + "," + std::to_string(rank) + "," +
                std::to_string((rank == 5 ? 1.4 : 1.0) + 0.002 * ((step * 7 + rank * 3) % 5)) + ",0.35\n";
    auto const d = validate::diagnose(from_text(text));
    CHECK(d.cause == (Cause::communication | Cause::straggler));
    CHECK(d.ranks == std::vector<int>{5});
  }
  TEST_CASE("diagnose per rank: a slow pipeline stage is not a straggler") {
    std::string text = "step,stage,rank,compute_s\n";
    for (int step = 0; step < 10; ++step)
      for (int stage = 0; stage < 4; ++stage)
        for (int rank = 0; rank < 4; ++rank)
          text += std::to_string(step) + "," + std::to_string(stage) + "," + std::to_string(rank) + "," +
                  std::to_string((stage == 3 ? 1.63 : 1.0) * (1.0 + 0.001 * ((step * 5 + rank * 3 + stage) % 7))) +
                  "\n";
    auto const d = validate::diagnose(from_text(text));
    CHECK(d.cause == Cause::imbalance);
    CHECK(d.ranks.empty());
    CHECK(d.evidence.back().find("unequal stages") != std::string::npos);
  }
  TEST_CASE("diagnose per rank: equal ranks and cheap transfer have no cause") {
    std::string text = "step,rank,compute_s,comm_s\n";
    for (int step = 0; step < 10; ++step)
      for (int rank = 0; rank < 8; ++rank)
        text += std::to_string(step) + "," + std::to_string(rank) + "," +
                std::to_string(1.0 + 0.002 * ((step * 7 + rank * 3) % 5)) + ",0.01\n";
    CHECK(validate::diagnose(from_text(text)).cause == Cause::none);
  }
  TEST_CASE("diagnose per rank: the trace with one slow worker names it") {
    std::ifstream in(KURVE_SOURCE_DIR "/../shared/data/traces/bytedance_ar_compute_per_rank.csv");
    if (!in) {
      MESSAGE("skipped: ../shared/data is absent");
      return;
    }
    auto const d = validate::diagnose(data::read_study_csv(in, "trace"));
    CHECK(d.cause == Cause::straggler);
    CHECK(d.persistent == true);
    CHECK(d.ranks == std::vector<int>{0});
    CHECK(d.stage == 0);
  }
}

TEST_SUITE("stat") {
  // 600 studies with weak serial ones flat (a constant part, as a step time hides it). The limits are the issue's; at
  // 85 % and 500 answers the binomial error is 1.6 %, so the measured 95 % is 6 standard errors above them.
  TEST_CASE("diagnose: 600 synthetic studies from step times alone") {
    Score score;
    std::map<std::string, int> confusion;
    test::Dice dice(20240531);
    for (auto const cause : causes)
      for (bool const weak : {false, true})
        for (int i = 0; i < 75; ++i) {
          auto const job = test::draw_job(cause, weak, dice);
          auto const d = validate::diagnose(test::step_study(job, 1000 + score.total, i % 3 == 0 && job.steps > 1));
          score.count(cause, d.cause);
          ++confusion[to_text(cause) + (weak ? " weak" : " strong") + " -> " + to_text(d.cause)];
        }
    for (auto const& [what, n] : confusion) MESSAGE(what << ": " << n);
    MESSAGE("answered " << 100.0 * score.answered_share() << " %, of them right " << 100.0 * score.right_share()
                        << " %");
    CHECK(score.right_share() >= 0.85);
    CHECK(score.answered_share() >= 0.60);
  }
  TEST_CASE("diagnose: 600 synthetic studies with per-rank times") {
    Score score;
    test::Dice dice(77);
    for (auto const cause : causes)
      for (bool const weak : {false, true})
        for (int i = 0; i < 75; ++i) {
          auto const job = test::draw_job(cause, weak, dice);
          auto const log = i % 2 == 0 ? test::RankLog::comm_waits : test::RankLog::bare_transfer;
          auto const d =
              validate::diagnose(test::rank_study(job, 5000 + score.total, log, /*smallest*/ i % 3 == 0 ? 64 : 1));
          score.count(cause, d.cause);
        }
    double const right_of_all = static_cast<double>(score.right) / score.total;
    MESSAGE("right " << 100.0 * right_of_all << " % of all, answered " << 100.0 * score.answered_share() << " %");
    CHECK(right_of_all >= 0.97);
  }
  // Other sizes, noise, K and repeats every time (labelled_studies.hpp). Three kinds have no name, so that any name put
  // to them is wrong; mixtures, one value a point and noise of 3 to 5 % are mostly left open, as they must.
  TEST_CASE("diagnose: 750 labelled studies of 25 kinds") {
    int total = 0, answered = 0, wrong = 0;
    test::Dice dice(31);
    for (auto const* kind : test::labelled_kinds) {
      std::map<std::string, int> answers;
      for (int i = 0; i < 30; ++i) {
        auto const labelled = test::labelled_study(kind, dice);
        auto const cause = validate::diagnose(labelled.study).cause;
        ++total;
        answered += cause != Cause::undetermined;
        wrong += cause != Cause::undetermined && cause != labelled.truth;
        ++answers[to_text(cause)];
      }
      for (auto const& [answer, n] : answers) MESSAGE(std::string(kind) << " -> " << answer << ": " << n);
    }
    MESSAGE("answered " << answered << " of " << total << ", wrong " << wrong);
    CHECK(answered >= total * 45 / 100);
    CHECK(wrong <= answered * 6 / 100);
  }
}
