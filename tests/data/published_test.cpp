// SPDX-License-Identifier: Apache-2.0
#include "data/published.hpp"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;

TEST_SUITE_BEGIN("unit");

TEST_CASE("published networks: the program holds every table of the folder and each names its source") {
  std::filesystem::path const folder = std::filesystem::path(KURVE_SOURCE_DIR) / "data/sets/networks";
  std::set<std::string> inside, there;
  for (auto const& network : data::published_networks()) {
    inside.emplace(network.name);
    auto const study = data::published_network(network.name);
    CHECK(study.find("published") == std::string(network.name));
    CHECK(study.find("source").has_value());
    CHECK(study.find_number("workers_per_node").has_value());
    CHECK(study.samples.size() >= 4);
    CHECK(std::filesystem::exists(folder / network.name / "README.md"));
    std::ifstream file(folder / network.name / "allreduce.csv");
    std::stringstream text;
    text << file.rdbuf();
    CHECK(text.str() == network.study_csv);
  }
  for (auto const& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_directory()) there.insert(entry.path().filename().string());
  CHECK(inside == there);
}

TEST_CASE("published networks: an unknown name lists those there are") {
  auto const text = test::message_of<InputError>([] { return data::published_network("token-ring"); });
  CHECK(text.find("no published network 'token-ring' (there are ") == 0);
  CHECK(text.find("h100-ib-ndr-x8") != std::string::npos);
}

TEST_SUITE_END();
