// SPDX-License-Identifier: Apache-2.0
#include "validate/gnuplot.hpp"

#include <stdlib.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "data/descriptor.hpp"
#include "model/error.hpp"
#include "validate/number_text.hpp"

namespace kurve::validate {
namespace {

/// A folder of our own that is gone when the work is done.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::error_code error;
    std::string name = (std::filesystem::temp_directory_path(error) / "kurve-XXXXXX").string();
    if (error || mkdtemp(name.data()) == nullptr)
      throw InputError("TMPDIR (must be a folder that can be written: a plot is made there). Set it to another.");
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(ScratchFolder const&) = delete;
  ScratchFolder& operator=(ScratchFolder const&) = delete;
  [[nodiscard]] std::filesystem::path operator/(char const* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string contents_of(std::filesystem::path const& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string shell_quoted(std::filesystem::path const& path) {
  std::string quoted = "'";
  for (char const c : path.string()) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

std::string run_gnuplot(std::string const& script) {
  ScratchFolder const folder;
  auto const program = folder / "plot.gp", picture = folder / "picture", words = folder / "words";
  if (!(std::ofstream(program) << script << std::flush)) data::throw_unwritable("'" + program.string() + "'", errno);
  std::string const command =
      "gnuplot " + shell_quoted(program) + " >" + shell_quoted(picture) + " 2>" + shell_quoted(words);
  int const status = std::system(command.c_str());
  if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
    throw NotBuilt("gnuplot is not installed (it draws the plots). apt-get install gnuplot-nox?");
  std::string bytes = contents_of(picture);
  if (status != 0 || bytes.empty()) throw InputError("gnuplot failed (" + contents_of(words) + ")");
  return bytes;
}

std::string gnuplot_quoted(std::string const& text) {
  std::string quoted = "'";
  for (char const c : text) {
    if (c == '\'')
      quoted += "''";
    else
      quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return quoted + "'";
}

std::string power_of_two_tics(double low, double high) {
  constexpr int most_tics = 9;
  int const first = static_cast<int>(std::ceil(std::log2(low) - 1e-9)),
            last = static_cast<int>(std::floor(std::log2(high) + 1e-9));
  int const stride = 1 + (last - first) / most_tics;
  std::string tics;
  for (int e = first; e <= last; e += stride) {
    auto const value = number_text(std::exp2(e), 4);
    tics += (tics.empty() ? "(\"" : ", \"") + value + "\" " + value;
  }
  return tics.empty() ? "auto" : tics + ")";
}

}  // namespace kurve::validate
