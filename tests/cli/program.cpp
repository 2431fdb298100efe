// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/program.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace kurve::test {

std::string read_text(std::string const& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Run run_kurve(std::string const& arguments, std::string const& launcher) {
  TemporaryFolder const folder;
  std::string const out = folder.path("out"), err = folder.path("err");
  std::string const command = "cd '" KURVE_SOURCE_DIR "' && " + launcher + " '" KURVE_PROGRAM "' " + arguments + " >'" +
                              out + "' 2>'" + err + "' </dev/null";
  int const status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_text(out), read_text(err)};
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "kurve-test-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string TemporaryFolder::write(std::string const& name, std::string const& text) const {
  std::ofstream(folder_ / name, std::ios::binary) << text;
  return path(name);
}

std::size_t TemporaryFolder::files() const {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
}

std::string shared_data(std::string const& name) {
  std::string const path = std::string(KURVE_SOURCE_DIR) + "/../shared/data/" + name;
  if (std::filesystem::exists(path)) return path;
  MESSAGE("skipped: ", path, " is not here");
  return {};
}

}  // namespace kurve::test
