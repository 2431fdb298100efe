// SPDX-License-Identifier: Apache-2.0
#include "data/printable.hpp"

#include <cstdio>

#include "data/atomic_file.hpp"
#include "data/json_text.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/temporary.hpp"

using namespace kurve;
using namespace kurve::data;

TEST_SUITE("unit") {
  TEST_CASE("printable: control characters and broken UTF-8 are shown and text is kept") {
    CHECK(printable("T\xC3\xA9xt, 100 %\n\tend") == "T\xC3\xA9xt, 100 %\n\tend");
    CHECK(printable("\x1b[2J\x07\x7f\r") == "\\u001b[2J\\u0007\\u007f\\u000d");
    CHECK(printable("\xC2\x9B"
                    "31m\xC2\xA0") == "\\u009b31m\xC2\xA0");
    CHECK(printable("\xFF\xC3") == "\\u00ff\\u00c3");
    CHECK(printable(std::string_view("a\0b", 3)) == "a\\u0000b");
    CHECK(printable_line("a\nb\tc") == "a\\u000ab\\u0009c");
    CHECK(printable_line(printable_line("\x1b\n")) == printable_line("\x1b\n"));
  }

  TEST_CASE("shell quoted: bash reads every argument back on one line") {
    for (std::string const argument :
         {"plain.csv", "", "a b", "it's", "$HOME`x`", "a\nb", "\x1b[2J'\\", "*?[x]", "\xC3\xA9\n"}) {
      std::string const quoted = shell_quoted(argument);
      CHECK(quoted.find('\n') == std::string::npos);
      test::TemporaryFolder const folder;
      auto const script = folder.write("script", "printf '%s.' " + quoted + "\n");
      FILE* const pipe = popen(("bash '" + script + "'").c_str(), "r");
      REQUIRE(pipe != nullptr);
      std::string read(256, '\0');
      read.resize(fread(read.data(), 1, read.size(), pipe));
      pclose(pipe);
      CHECK(read == argument + ".");
    }
    CHECK(shell_quoted("plain.csv") == "plain.csv");
  }

  TEST_CASE("line of: the value that a pointer names or the last of its steps there") {
    std::string const text =
        "{\n \"a\": [1,\n  {\"b\": \"}]\\\"\", \"c\":\n -1e5}\n ],\n \"d\" : null,\n\"e/\": {}\n}\n";
    CHECK(line_of(text, "") == 1);
    CHECK(line_of(text, "/a") == 2);
    CHECK(line_of(text, "/a/1") == 3);
    CHECK(line_of(text, "/a/1/b") == 3);
    CHECK(line_of(text, "/a/1/c") == 4);
    CHECK(line_of(text, "/d") == 6);
    CHECK(line_of(text, "/a/7/x") == 2);
    CHECK(line_of(text, "/z") == 1);
    CHECK(line_of("7", "/z") == 1);
  }

  TEST_CASE("same file: by every link and where none is yet") {
    test::TemporaryFolder const folder;
    auto const a = folder.write("a", "a"), b = folder.write("b", "b");
    std::filesystem::create_hard_link(a, folder.path("hard"));
    std::filesystem::create_symlink("a", folder.path("soft"));
    std::filesystem::create_symlink("none", folder.path("dangling"));
    CHECK(is_same_file(a, folder.path("hard")));
    CHECK(is_same_file(folder.path("soft"), a));
    CHECK(is_same_file(folder.path("none"), folder.path("./dangling")));
    CHECK_FALSE(is_same_file(a, b));
    CHECK_FALSE(is_same_file(a, folder.path("none")));
    CHECK_FALSE(is_same_file(folder.path("none"), a));
    CHECK_FALSE(is_same_file("/dev/null", "/dev/null"));
  }
}
