// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace kurve::test {

/// What a run of the program left.
struct Run {
  int code = -1;  ///< exit code; 128 + signal if it was killed
  std::string out, err;
};

/// `kurve <arguments>` through the shell, in the source tree, without a terminal.
/// @param launcher  goes before the program: mpirun and its options
Run run_kurve(std::string const& arguments, std::string const& launcher = {});

/// A folder of this test's own, removed with its contents at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(TemporaryFolder const&) = delete;
  TemporaryFolder& operator=(TemporaryFolder const&) = delete;
  [[nodiscard]] std::string path(std::string const& name) const { return (folder_ / name).string(); }
  /// Writes a file and returns its path.
  std::string write(std::string const& name, std::string const& text) const;
  [[nodiscard]] std::size_t files() const;

 private:
  std::filesystem::path folder_;
};

std::string read_text(std::string const& path);

/// A file of ../shared/data, "" (after saying so) where that folder is not beside the project.
std::string shared_data(std::string const& name);

}  // namespace kurve::test
