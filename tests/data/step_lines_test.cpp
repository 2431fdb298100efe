// SPDX-License-Identifier: Apache-2.0
#include "data/logs/step_lines.hpp"

#include <sstream>

#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::data;

namespace {

StepLines read(std::string const& text, std::string const& pattern = "", double unit_s = 1.0) {
  std::istringstream in(text);
  return read_step_lines(in, "run.log", pattern.empty() ? StepPattern() : StepPattern(pattern), unit_s);
}

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("step lines: a named time is found wherever it stands in whatever unit its name has") {
  auto const lines = read(
      "loading\n"
      "step_time_s=0.5\n"
      "epoch 3 step_time_s: 0.25 loss=7.1\n"
      "{\"step\": 4, \"step_time_s\": 1e-1, \"loss\": 2}\n"
      "step 5 step_time_ms=40, lr=1\n"
      "step_time_us=2000\n"
      "step_time_seconds=9\n"
      "step_time_s=\n"
      "42\n");
  CHECK(lines.times_s == std::vector<double>{0.5, 0.25, 0.1, 0.04, 0.002});
  CHECK(lines.how == "lines with `step_time_s=...`");
  CHECK(lines.last_lines.size() == 5);
  CHECK(lines.last_lines.back() == "42");
}

TEST_CASE("step lines: one number a line counts where nothing better is there") {
  auto const lines = read("start\n12.5\r\n  13\n0\n-1\nnan\n1e1\n12 13\n", "", 1e-3);
  CHECK(lines.times_s == std::vector<double>{12.5 * 1e-3, 13.0 * 1e-3, 10.0 * 1e-3});
  CHECK(lines.how == "one number a line, in units of 0.001 s");
  CHECK(read("1e-323\n1e308\n2\n", "", 1e-3).times_s == std::vector<double>{1e308 * 1e-3, 2e-3});  // the first is 0 s
  CHECK(read("").times_s.empty());
  CHECK(read("nothing here\n").last_lines == std::vector<std::string>{"nothing here"});
}

TEST_CASE("step lines: a pattern takes its group and only its group") {
  auto const text = "step_time_s=9\niteration 7 | elapsed time per iteration (ms): 1234.5 | lr 3\nother\n";
  CHECK(read(text, R"(per iteration \(ms\): ([0-9.]+))", 1e-3).times_s == std::vector<double>{1.2345});
  CHECK(read(text, "([0-9]+) parsecs").times_s.empty());
  // Expressions that a backtracking matcher tries for ever, on lines that would exhaust its stack.
  CHECK(read(std::string(1 << 19, 'a') + "\nt=1\n", "(?:a*)*t=(.*)").times_s == std::vector<double>{1.0});
  CHECK(read(std::string(1000, 'a') + "\n", "((?:a|aa)+)b").times_s.empty());
  CHECK(test::message_of<InputError>([] { return StepPattern("a(b"); }).find("--pattern 'a(b'") == 0);
  CHECK(test::message_of<InputError>([] {
          return StepPattern("(a" + std::string(2000, 'a') + ")");
        }).find("has 2003 characters (at most 1000)") != std::string::npos);
  CHECK(test::message_of<InputError>([] { return StepPattern("(?=a)(b)"); }).find("(invalid perl operator") !=
        std::string::npos);
  CHECK(test::message_of<InputError>([] { return StepPattern("(a)(b)"); }).find("has 2 groups") != std::string::npos);
  CHECK(test::message_of<DataError>([&] { return read("x=fast\n", "x=(.*)"); }) ==
        "run.log:1: --pattern found 'fast' (not a number)");
  CHECK(test::message_of<DataError>([&] { return read("\nx=-2\n", "x=(.*)"); }).find("run.log:2: step time -2") == 0);
}

TEST_SUITE_END();
