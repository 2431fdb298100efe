// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "data/study.hpp"

namespace kurve::test {

inline data::Study study_of(std::string const& csv) {
  std::istringstream in(csv);
  return data::read_study_csv(in, "test.csv");
}

inline data::Study study_at(std::filesystem::path const& path) {
  std::ifstream in(path);
  return data::read_study_csv(in, path.string());
}

/// The real data beside the repository; empty where it is absent.
inline std::filesystem::path shared_data() {
  for (std::filesystem::path const path : {KURVE_SOURCE_DIR "/../shared/data"})
    if (std::filesystem::exists(path)) return path;
  return {};
}

}  // namespace kurve::test
