// SPDX-License-Identifier: Apache-2.0
#include "validate/plan.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "model/error.hpp"
#include "sim/step.hpp"
#include "tests/support/checks.hpp"
#include "validate/present_plan.hpp"

using namespace kurve;
using namespace kurve::validate;

namespace {

constexpr double hour = 3600.0, day = 24.0 * hour;

/// T = serial + work/K: known exactly, so that only failures are random.
Offer line_offer(double serial_s, double work_s, std::string const& price = "2.5/gpu-hour") {
  Offer offer{.name = "line", .model = {}, .price = data::price_from_text(price), .gpus = {}};
  offer.model.global_batch = 1024;
  offer.model.parameters.serial_s = serial_s;
  offer.model.parameters.compute_per_sample_s = work_s / 1024.0;
  return offer;
}

PlanOptions job_of(double steps, std::vector<double> ranks) {
  return {.job = {.steps = steps, .samples = {}, .least_steps = {}, .critical_batch = {}},
          .failures = failures_from_text("none"),
          .ranks = std::move(ranks),
          .global_batches = {},
          .deadline_s = {},
          .budget = {},
          .value_per_s = {},
          .watts = {},
          .draws = 50};
}

std::vector<double> doubling(double first, double last) {
  std::vector<double> ranks;
  for (double k = first; k <= last; k *= 2.0) ranks.push_back(k);
  return ranks;
}

double recommended(Plan const& plan) {
  REQUIRE(plan.recommended.has_value());
  return plan.offers[plan.recommended->offer].options[plan.recommended->option].ranks;
}

/// Serial, work and log2 K such that E(32) = 0.7 and E(64) = 0.5, T(1) = 1 s: s + w = 1, s + w/32 + 5c = 1/22.4,
/// s + w/64 + 6c = 1/32, solved by hand.
Offer chapter_offer() {
  double const drop = 1.0 / 32.0 - 1.0 / 22.4;  // c - w/64
  double const w = (1.0 - 1.0 / 22.4 + 5.0 * drop) / (31.0 / 32.0 - 5.0 / 64.0), c = w / 64.0 + drop;
  auto offer = line_offer(1.0 - w, w);
  offer.model.parameters.extra_per_log2_s = c;
  offer.gpus = 64.0;
  return offer;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("plan: the chapter's purchase of 64 GPUs is 32 at threshold 0.7 and says what the rest would idle") {
    auto const plan = make_plan({chapter_offer()}, job_of(1e7, doubling(1, 64)));
    CHECK(recommended(plan) == 32.0);
    auto const& options = plan.offers[0].options;
    CHECK_CLOSE(options[5].efficiency, 0.7, 1e-12);
    CHECK_CLOSE(options[6].efficiency, 0.5, 1e-12);
    // S(64) - S(32) = 32 - 22.4 = 9.6 of the other 32: 70 % idle, 22.4 GPUs for 1e7 / 32 s = 1944 GPU-hours, 4861.
    auto const& why = plan.recommended->why;
    for (auto const* words : {"other 32 of the 64", "work of 9.6", "idle 70 %", "1944 GPU-hours", "4.86 k"})
      CHECK_MESSAGE(why.find(words) != std::string::npos, words, " in ", why);
    auto higher = job_of(1e7, doubling(1, 64));
    higher.threshold = 0.72;
    CHECK(recommended(make_plan({chapter_offer()}, higher)) == 16.0);
  }

  TEST_CASE("plan: with a value of time the best K is sqrt of v w over p t0") {
    // p K (t0 + w/K) + v (t0 + w/K): v = 2000/h, w = 100 s, p = 5/h, t0 = 0.1 s give K* = 632.5.
    auto options = job_of(1e5, {});
    for (double k = 500; k <= 800; k += 1) options.ranks.push_back(k);
    options.value_per_s = 2000.0 / hour;
    CHECK(recommended(make_plan({line_offer(0.1, 100.0, "5/gpu-hour")}, options)) ==
          std::round(std::sqrt(2000. * 100. / (5. * 0.1))));
  }

  TEST_CASE("plan: without failures a run costs never less on more GPUs") {
    auto const offer = chapter_offer();
    auto const plan = make_plan({offer}, job_of(1e6, doubling(1, 64)));
    auto const& options = plan.offers[0].options;
    for (std::size_t i = 1; i < options.size(); ++i) CHECK(options[i].cost->median >= options[i - 1].cost->median);
    CHECK(plan.offers[0].cheapest_ranks == 1.0);
    CHECK_CLOSE(options[0].time_s.median, 1e6, 1e-12);
    CHECK_CLOSE(options[0].cost->median, 1e6 / hour * 2.5, 1e-12);
  }

  TEST_CASE("plan: more GPUs lose time beyond the K of the least time") {
    auto offer = line_offer(0.0, 100.0);
    offer.model.parameters.extra_per_rank_s = 100.0 / (64.0 * 64.0);  // t = w/K + c (K-1): K* = sqrt(w/c) = 64
    CHECK(make_plan({offer}, job_of(1000, doubling(1, 1024))).offers[0].fastest_ranks == 64.0);
  }

  TEST_CASE("plan: the cheapest K that keeps the deadline and both probabilities with certainty known") {
    auto options = job_of(1e5, doubling(1, 1024));
    options.deadline_s = 1.01e5 * 100.0 / 64.0;  // K = 64 takes 1e5 * 100/64 s
    auto const plan = make_plan({line_offer(0.0, 100.0)}, options);
    CHECK(recommended(plan) == 64.0);
    for (auto const& option : plan.offers[0].options) CHECK(*option.p_deadline == (option.ranks >= 64 ? 1.0 : 0.0));
    options.budget = data::Money{1.0, ""};
    CHECK_FALSE(make_plan({line_offer(0.0, 100.0)}, options).recommended.has_value());
  }

  TEST_CASE("plan: an impossible deadline is said with the best there is and what would help") {
    auto offer = line_offer(0.5, 100.0);
    offer.model.parameters.gradient_bytes = 8e9;
    offer.model.parameters.inter_bandwidth_Bps = 1e10;
    auto options = job_of(1e5, doubling(8, 4096));
    options.deadline_s = 1.7e5;  // 0.5 s serial and about 1.6 s of all-reduce a step: 2.1e5 s; half of it: 1.3e5 s
    auto const plan = make_plan({offer}, options);
    CHECK_FALSE(plan.recommended.has_value());
    CHECK(plan.verdict.find("no K up to 4096 meets 1.97 d with 90 %: K = ") == 0);
    CHECK(plan.verdict.find(" comes nearest, in ") != std::string::npos);
    CHECK(plan.verdict.find("what would: twice the bandwidth") != std::string::npos);
    CHECK(plan.verdict.find("half the latency") == std::string::npos);  // would not: there is none
    CHECK(to_text(plan).find("Nothing to recommend") != std::string::npos);
  }

  TEST_CASE("plan: steps by samples and by the critical batch") {
    model::Model m;
    m.global_batch = 1000;
    CHECK(steps_of({.steps = {}, .samples = 1e6, .least_steps = {}, .critical_batch = {}}, m, 1000, 500) == 2000.0);
    // 1000 steps of 1000 samples are 250 of 4000
    CHECK(steps_of({.steps = 1000.0, .samples = {}, .least_steps = {}, .critical_batch = {}}, m, 1000, 4000) == 250.0);
    CHECK(steps_of({.steps = 1000.0, .samples = {}, .least_steps = {}, .critical_batch = {}}, m, 4000, 4000) == 1000.0);
    // steps(B) = N_min (1 + B_crit/B): B = B_crit doubles them
    CHECK(steps_of({.steps = {}, .samples = {}, .least_steps = 100.0, .critical_batch = 4000.0}, m, 1000, 4000) ==
          200.0);
    // 1e6 samples at B0 = 1000 are 1000 steps = N_min (1 + 4): N_min = 200, and at B = 4000 400 steps, 1.6e6 samples
    CHECK_CLOSE(steps_of({.steps = {}, .samples = 1e6, .least_steps = {}, .critical_batch = 4000.0}, m, 1000, 4000),
                400.0, 1e-12);
    CHECK(test::message_of<InputError>([&] { return steps_of({}, m, 1, 1); }).find("said nowhere") !=
          std::string::npos);
  }

  TEST_CASE("plan: a weak Model says what the grown batch does or that it does not know") {
    auto offer = line_offer(0.1, 1.0);
    offer.model.regime = model::Regime::weak;
    auto options = job_of(0, doubling(1, 16));
    options.job = {.steps = {}, .samples = 1e6, .least_steps = {}, .critical_batch = {}};
    auto const unsure = make_plan({offer}, options);
    CHECK(unsure.notes.front().find("is not known here") != std::string::npos);
    options.job.critical_batch = 1024.0;
    auto const sure = make_plan({offer}, options);
    // samples grow (1 + B/Bc)/(1 + B0/Bc) = 17/2
    CHECK(sure.notes.front().find("samples to the target grow 8.50-fold") != std::string::npos);
  }

  TEST_CASE("plan: the steps of a weak Model are so many samples") {
    // Fixed work a worker: T is 1.1 s at every K but for the serial part, and K times the samples in each step.
    auto offer = line_offer(0.1, 1.0);
    offer.model.regime = model::Regime::weak;
    auto const plan = make_plan({offer}, job_of(1e6, doubling(1, 16)));
    auto const& options = plan.offers[0].options;
    for (auto const& option : options) {
      CHECK(option.steps == 1e6 / option.ranks);
      CHECK_CLOSE(option.time_s.median, 1.1e6 / option.ranks, 1e-9);
      CHECK_CLOSE(option.cost->median, options[0].cost->median, 1e-9);
    }
    CHECK(job_sentence(plan, 0).find("1000000 steps of 1024 samples, 1024000000 in all") != std::string::npos);
    // Two Models of other batches: a number of steps is not the same job.
    auto other = offer;
    other.model.global_batch = 2048;
    CHECK(test::message_of<InputError>([&] {
            return make_plan({offer, other}, job_of(1e6, {1}));
          }).find("Give --samples.") != std::string::npos);
  }

  TEST_CASE("plan: the recommended K is never both slower and dearer than another") {
    // Waste grows with K in steps of a block: 65 of blocks of 64 pays for 128, and every node adds latency.
    std::mt19937 engine(7);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    for (int i = 0; i < 200; ++i) {
      auto offer = line_offer(0.2 * uniform(engine), 10.0 + 90.0 * uniform(engine), "3/gpu-hour");
      offer.model.parameters.extra_per_rank_s = 0.02 * uniform(engine) * uniform(engine);
      offer.model.parameters.workers_per_node = 8;
      offer.model.parameters.extra_cross_node_s = 2.0 * uniform(engine) * uniform(engine);
      offer.block = uniform(engine) < 0.5 ? 16 : 1;
      auto options = job_of(1e5, {1, 2, 4, 7, 8, 9, 12, 16, 17, 24, 31, 32, 33, 64, 65});
      options.threshold = 0.3 + 0.6 * uniform(engine);
      if (i % 3 == 1) options.deadline_s = 1e5 * (2.0 + 10.0 * uniform(engine));
      if (i % 3 == 2) options.value_per_s = uniform(engine) / 100.0;
      if (i % 2 == 0) options.failures = failures_from_text("500h/gpu");
      options.draws = 4;
      options.runs = 1;
      auto second = offer;
      second.price = data::price_from_text("4/gpu-hour");
      second.model.parameters.compute_per_sample_s *= 0.5 + uniform(engine);
      auto const plan = i % 5 == 0 ? make_plan({offer, second}, options) : make_plan({offer}, options);
      if (!plan.recommended) continue;
      auto const& best = plan.offers[plan.recommended->offer].options[plan.recommended->option];
      for (auto const& rows : plan.offers)
        for (auto const& row : rows.options)
          CHECK_FALSE((row.feasible && row.time_s.median < best.time_s.median && row.cost->median < best.cost->median));
    }
  }

  TEST_CASE("plan: K that the parallelism or the batch excludes is shown and never recommended") {
    auto offer = line_offer(0.0, 100.0);
    offer.model.replica_workers = {32};
    offer.model.global_batch = 4;
    offer.model.parameters.compute_per_sample_s = 25.0;
    auto options = job_of(1e5, {16, 32, 48, 64, 128, 256});
    auto const plan = make_plan({offer}, options);
    auto const& rows = plan.offers[0].options;
    CHECK(rows[0].impossible == "no multiple of TP x PP x CP = 32");
    CHECK(rows[2].impossible == rows[0].impossible);
    CHECK(rows[3].impossible.empty());
    CHECK(rows[4].impossible.empty());  // 4 samples on 4 replicas
    CHECK(rows[5].impossible == "a replica has less than one sample");
    CHECK(recommended(plan) == 128.0);
    CHECK(plan.offers[0].fastest_ranks == 128.0);
    CHECK(limits_sentence(plan, 0).find("Up to K = 128 more GPUs save time") == 0);
    CHECK(to_text(plan).find("K = 16, 48 (x) cannot run this job: no multiple of TP x PP x CP = 32") !=
          std::string::npos);
    options.ranks = {16, 48};
    auto const none = make_plan({offer}, options);
    CHECK_FALSE(none.recommended.has_value());
    CHECK(none.verdict.find("can run this job") != std::string::npos);
    offer.model.replica_workers = {16, 24};  // cut in either way
    auto const either = make_plan({offer}, job_of(1e5, {16, 24, 40, 48}));
    CHECK(either.offers[0].options[1].impossible.empty());
    CHECK(either.offers[0].options[2].impossible == "no multiple of TP x PP x CP = 16 or 24");
  }

  TEST_CASE("plan: one Model at two prices is one future") {
    auto a = line_offer(0.1, 100.0, "2/gpu-hour"), b = a;
    for (int i = 0; i < 50; ++i) {
      a.model.draws.push_back(a.model.parameters);
      a.model.draws.back().serial_s = 0.05 + 0.002 * i;
    }
    b.model = a.model;
    b.price = data::price_from_text("3/gpu-hour");
    a.model.parameters.noise_run_cv = b.model.parameters.noise_run_cv = 0.05;
    auto options = job_of(1e5, doubling(8, 64));
    options.failures = failures_from_text("llama3");
    auto const plan = make_plan({a, b}, options);
    REQUIRE(plan.comparison.has_value());
    CHECK(plan.comparison->one_model);
    for (std::size_t i = 0; i < 4; ++i) CHECK(plan.offers[0].options[i].times_s == plan.offers[1].options[i].times_s);
    for (auto const& row : plan.comparison->rows) {
      CHECK(row.p_first_cheaper == 1.0);
      CHECK(row.p_first_faster == 0.5);
    }
    b.model.parameters.serial_s = 0.11;  // another machine
    CHECK(make_plan({a, b}, options).offers[1].options[0].times_s != plan.offers[0].options[0].times_s);
    CHECK_FALSE(make_plan({a, b}, options).comparison->one_model);
  }

  TEST_CASE("plan: where nothing can keep the deadline the nearest is by the median, not by the widest interval") {
    // Beyond K = 32 time grows, and doubt with it: at K = 512 one draw in a hundred is fast enough.
    auto offer = line_offer(0.5, 32.0, "2/gpu-hour");
    offer.model.parameters.extra_per_rank_s = 0.01;
    for (int i = 0; i < 100; ++i) {
      offer.model.draws.push_back(offer.model.parameters);
      if (i == 0) offer.model.draws.back().extra_per_rank_s = offer.model.draws.back().serial_s = 0.0;
    }
    auto options = job_of(1e5, doubling(8, 512));
    options.draws = 100;
    options.deadline_s = 1e5 * 0.1;
    auto const plan = make_plan({offer}, options);
    REQUIRE_FALSE(plan.recommended.has_value());
    CHECK(*plan.offers[0].options.back().p_deadline > 0.0);
    // T(64) = 0.5 + 0.5 + 0.63 s is the least of these: 1.63e5 s on 64 GPUs at 2 an hour are 5796.
    CHECK(plan.verdict.find("K = 64 comes nearest, in 1.89 d for 5.80 k (0 %)") != std::string::npos);
    // Where the odds are better than even, they decide.
    options.deadline_s = 1.7e5;
    options.budget = data::Money{5.5e3, ""};
    CHECK(make_plan({offer}, options).verdict.find("comes nearest") != std::string::npos);
  }

  TEST_CASE("plan: a run of more than a thousand years never ends") {
    auto const plan = make_plan({line_offer(0.0, 1e6)}, job_of(1e6, {1, 100, 100000}));
    auto const& rows = plan.offers[0].options;
    CHECK_FALSE(rows[0].feasible);  // 1e12 s are 31,710 years
    CHECK(rows[1].feasible);
    CHECK(to_text(plan).find("never") != std::string::npos);
    auto const none = make_plan({line_offer(0.0, 1e6)}, job_of(1e9, {1, 2}));
    CHECK(none.verdict == "no K up to 2 ends within a thousand years");
  }

  TEST_CASE("plan: blocks and nodes and months are paid whole") {
    CHECK(cost_of(data::price_from_text("2/gpu-hour"), 64, 8, 7200) == 256.0);
    CHECK(cost_of(data::price_from_text("10/node-hour"), 20, 8, 3600) == 30.0);
    CHECK(cost_of(data::price_from_text("100k/month"), 64, 8, 31.0 * day) == 200e3);
    auto offer = line_offer(0.0, 100.0);
    offer.block = 64;
    auto const blocks = make_plan({offer}, job_of(1e5, {32, 64, 96}));
    CHECK(blocks.offers[0].options[0].gpus_paid == 64.0);
    CHECK(blocks.offers[0].options[2].gpus_paid == 128.0);
    CHECK_CLOSE(blocks.offers[0].options[0].cost->median, 2.5 * 64 * 1e5 * 100 / 32 / hour, 1e-12);
    auto options = job_of(1e5, {4, 8, 12, 16});
    options.nodes_only = true;
    offer.model.parameters.workers_per_node = 8;
    CHECK(make_plan({offer}, options).offers[0].options.size() == 2);
  }

  TEST_CASE("plan: of two offers the cheaper at each K and the K at which they cross") {
    // a: 0.1 + 100/K at 2.5; b: 100/K + 0 but 4 an hour: a costs 2.5 (0.1 K + 100), b 400: equal at K = 600.
    auto const a = line_offer(0.1, 100.0, "2.5/gpu-hour"), b = line_offer(0.0, 100.0, "4/gpu-hour");
    auto const plan = make_plan({a, b}, job_of(1e5, {400, 500, 600.5, 700, 800}));
    REQUIRE(plan.comparison.has_value());
    auto const& c = *plan.comparison;
    CHECK(c.rows.front().p_first_cheaper == 1.0);
    CHECK(c.rows.back().p_first_cheaper == 0.0);
    CHECK(c.p_crosses == 1.0);
    CHECK_CLOSE(c.crossing_ranks->median, 600.0, 0.003);  // log interpolation between 500 and 600.5
    CHECK(comparison_sentence(plan).find("from about K = 600 on") != std::string::npos);
  }

  TEST_CASE("plan: what cannot be is refused with a reason") {
    auto const message = [](Offer const& offer, PlanOptions const& o) {
      return test::message_of<InputError>([&] { return make_plan({offer}, o); });
    };
    auto offer = line_offer(0.1, 1.0, "2.5 USD/gpu-hour");
    auto options = job_of(1e5, {1, 2});
    options.budget = data::Money{1e6, "EUR"};
    CHECK(message(offer, options).find("currencies USD and EUR") == 0);
    options.budget.reset();
    offer.gpus = 1;
    options.ranks = {2, 4};
    CHECK(message(offer, options).find("no K is left") == 0);
    CHECK(message(line_offer(0.1, 1.0, "100k/month"), options).find("--gpus") != std::string::npos);
    options.ranks.clear();
    CHECK(message(line_offer(0.1, 1.0), options).find("number of K=0") == 0);
    CHECK(test::message_of<InputError>([] { return failures_from_text("7d"); }).find("llama3") != std::string::npos);
  }

  TEST_CASE("plan: json has the keys that programs rely on and nothing infinite") {
    auto options = job_of(1e5, doubling(1, 8));
    options.deadline_s = 1e7;
    auto const json = nlohmann::json::parse(to_json(make_plan({line_offer(0.1, 1.0)}, options)));
    REQUIRE(json["options"].size() == 4);
    for (auto const* key : {"K", "time_s", "cost", "efficiency", "p_deadline", "feasible"})
      CHECK_MESSAGE(json["options"][0].contains(key), key);
    for (auto const* key : {"median", "low", "high"}) CHECK(json["options"][0]["cost"].contains(key));
    CHECK(json["recommended"]["K"].is_number());
    CHECK(json["recommended"]["why"].is_string());
    CHECK(json["options"][0]["mean_between_s"].is_null());
  }

  TEST_CASE("plan: the text fits 80 columns") {
    auto options = job_of(1e5, doubling(1, 16384));
    options.deadline_s = 1e6;
    options.budget = data::Money{2e6, "USD"};
    options.watts = 700.0;
    options.failures = failures_from_text("llama3");
    auto offer = line_offer(0.1, 100.0, "2.5 USD/gpu-hour");
    offer.block = 64;
    std::istringstream lines(to_text(make_plan({offer, offer}, options)));
    for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(text_width(line) <= 80, line);
  }

  TEST_CASE("plan: a run whose failures never let it end is not feasible") {
    auto options = job_of(1e5, {1, 1000000});
    options.failures = failures_from_text("10h/gpu");
    options.failures.restart_s = hour;
    auto const plan = make_plan({line_offer(0.1, 100.0)}, options);
    CHECK(plan.offers[0].options[0].feasible);
    CHECK_FALSE(plan.offers[0].options[1].feasible);
    CHECK(to_text(plan).find("never") != std::string::npos);
    CHECK(recommended(plan) == 1.0);
  }
}

TEST_SUITE("stat") {
  TEST_CASE("plan: Llama 3's numbers give 3.1 h between failures and the exact slowdown") {
    auto options = job_of(1e5, {16384});
    options.failures = failures_from_text("llama3");
    options.failures.each_log_sd = 0.0;  // this very fleet
    options.failures.checkpoint_s = 300.0;
    options.failures.restart_s = 1200.0;
    options.draws = 2000;
    auto const plan = make_plan({line_offer(0.0, 16384.0 * 46.0)}, options);  // 46 s a step: 53 d
    auto const& option = plan.offers[0].options[0];
    CHECK_CLOSE(option.mean_between_s / hour, 3.093, 1e-3);
    CHECK_CLOSE(option.interval_s / hour, 0.664, 2e-3);  // 0.653 at M = 3 h exactly; sqrt-like in M
    double const exact = 1.0 / option.goodput;           // model::expected_run_s, itself checked against Daly's formula
    // At the optimum (e^(x+d) - 1)/x = e^(x+d), so the slowdown is e^((R + tau + delta)/M) = 1.418 (1.428 at M = 3 h);
    // the last checkpoint, not taken, is one of 1960.
    CHECK_CLOSE(exact, std::exp((1200.0 + option.interval_s + 300.0) / option.mean_between_s), 1e-3);
    CHECK(option.times_s.size() == 8000);
    CHECK_MEAN(option.times_s, exact * 46e5);
  }

  TEST_CASE("plan: a failure rate that is not known for sure is in the interval") {
    auto const known = failures_from_text("40000h/gpu"), unsure = failures_from_text("20000h..80000h/gpu");
    CHECK(known.each_log_sd == 0.0);
    CHECK(each_interval_s(known, 0.9).low == known.each_s);
    auto const each = each_interval_s(unsure, 0.9);
    CHECK_CLOSE(each.median / hour, 40'000.0, 1e-12);
    CHECK_CLOSE(each.low / hour, 20'000.0, 1e-9);
    CHECK_CLOSE(each.high / hour, 80'000.0, 1e-9);
    // The three published fleets: log sd of 50,677, 153.8 * 24 * 8 and 427.4 * 24 * 8 hours a GPU.
    double const logs[] = {std::log(50'677.0), std::log(1000.0 / 6.5 * 192.0), std::log(1000.0 / 2.34 * 192.0)};
    double const mean = (logs[0] + logs[1] + logs[2]) / 3.0;
    double squares = 0.0;
    for (double const x : logs) squares += (x - mean) * (x - mean);
    CHECK_CLOSE(failures_from_text("llama3").each_log_sd, std::sqrt(squares / 2.0), 5e-3);
    CHECK_THROWS_WITH_AS((void)failures_from_text("80000h..20000h/gpu"), doctest::Contains("lower end comes first"),
                         InputError);
    CHECK_THROWS_AS((void)failures_from_text("..20000h/gpu"), InputError);

    auto options = job_of(1e5, {16384});
    options.draws = 4000;
    options.runs = 1;
    auto const plan_of = [&](FailurePolicy const& failures) {
      options.failures = failures;
      options.failures.interval_s = hour;
      return make_plan({line_offer(0.0, 16384.0 * 46.0)}, options).offers[0].options[0];
    };
    auto const sure = plan_of(known), wide = plan_of(unsure);
    CHECK(wide.time_s.high - wide.time_s.low > 5.0 * (sure.time_s.high - sure.time_s.low));
    // Failures are so many that a run's time is nearly a function of the rate alone: the 5th and 95th of a hundred runs
    // are the expected run at the ends of the rate's interval. A 95 % quantile of n normal z errs by sqrt(.05*.95/n) /
    // phi(1.645) = 0.033 at n = 4000, and the chance of failures at one rate (1 % of T) moves it little.
    double const work_s = 46e5;
    auto const expected_s = [&](double z) {
      model::Failures f{.mean_between_s = unsure.each_s / 16384.0 * std::exp(-z * unsure.each_log_sd)};
      f.checkpoint_s = unsure.checkpoint_s;
      f.restart_s = unsure.restart_s;
      return model::expected_run_s(f, work_s, model::segment_count(work_s, hour));
    };
    double const z = 1.6449, error = 4.0 * 0.033;
    CHECK(wide.time_s.high > 0.99 * expected_s(z - error));
    CHECK(wide.time_s.high < 1.01 * expected_s(z + error));
    CHECK(wide.time_s.low > 0.99 * expected_s(-z - error));
    CHECK(wide.time_s.low < 1.01 * expected_s(-z + error));
  }

  TEST_CASE("plan: goes on from steps already simulated to the same numbers") {
    auto offer = chapter_offer();
    offer.model.parameters.noise_cv = 0.1;
    auto options = job_of(1e4, {8, 16, 32, 64});
    options.failures = failures_from_text("rsc1");
    options.deadline_s = 3000.0;
    sim::SimulateOptions const same{.ranks = options.ranks,
                                    .global_batches = {},
                                    .threshold = options.threshold,
                                    .confidence = options.confidence,
                                    .draws = options.draws,
                                    .seed = options.seed,
                                    .quantile_levels = {0.5},
                                    .progress = {}};
    CHECK(to_json(make_plan(offer, options, sim::simulate_with_draws(offer.model, same))) ==
          to_json(make_plan({offer}, options)));
  }

  TEST_CASE("plan: the probability column agrees with 100000 runs simulated step by step") {
    // 40 noisy steps on 8 workers, a checkpoint after every 10, a failure in 3 runs of 4: each simulated run draws its
    // steps from sim::StepSampler and its failures from the standard library, attempt by attempt.
    auto offer = line_offer(10.0, 400.0);
    auto& p = offer.model.parameters;
    p.noise_cv = 0.2;
    auto options = job_of(40, {8});
    options.failures = {.each_s = 8.0 * 2000.0,
                        .source = "assumed",
                        .note = "",
                        .checkpoint_s = 30.0,
                        .restart_s = 100.0,
                        .interval_s = {}};
    options.draws = 2000;
    options.runs = 10;
    sim::StepSampler const sampler(p, 8, 1024, 3);
    std::mt19937_64 engine(1);
    std::exponential_distribution<double> life(1.0 / 2000.0);
    int const n = 100'000, segments = 4;
    options.failures.interval_s = 750.0;  // 40 steps of about 75 s in 4 segments
    std::vector<double> simulated_s;
    std::uint32_t step = 0;
    std::vector<double> steps_s(10);
    for (int run = 0; run < n; ++run) {
      double total_s = 0.0;
      for (int s = 0; s < segments; ++s) {
        double busy_s = s + 1 < segments ? 30.0 : 0.0;
        sampler.by_order_statistics_s(step, steps_s);
        step += 10;
        for (double const step_s : steps_s) busy_s += step_s;
        for (double x = life(engine); x < busy_s; x = life(engine)) {
          total_s += x;
          double y = life(engine);
          for (; y < 100.0; y = life(engine)) total_s += y;
          total_s += 100.0;
        }
        total_s += busy_s;
      }
      simulated_s.push_back(total_s);
    }
    for (double const deadline_s : {3100.0, 3500.0, 4500.0}) {
      options.deadline_s = deadline_s;
      auto const plan = make_plan({offer}, options);
      auto const met = std::count_if(simulated_s.begin(), simulated_s.end(), [&](double t) { return t <= deadline_s; });
      double const simulated = static_cast<double>(met) / n, planned = *plan.offers[0].options[0].p_deadline;
      INFO("deadline ", deadline_s, ": simulated ", simulated, ", planned ", planned);
      CHECK(simulated > 0.05);
      CHECK(simulated < 0.95);
      // both are proportions: of 1e5 runs, and of 2e4
      CHECK(std::abs(simulated - planned) <= 4.0 * std::sqrt(simulated * (1.0 - simulated) * (1.0 / n + 1.0 / 20'000)));
    }
  }
}
