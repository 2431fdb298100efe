// SPDX-License-Identifier: Apache-2.0
#include "data/published.hpp"

#include <algorithm>
#include <sstream>

#include "model/error.hpp"

namespace kurve::data {

Study published_network(std::string_view name) {
  auto const all = published_networks();
  auto const found = std::find_if(all.begin(), all.end(), [&](auto const& network) { return network.name == name; });
  if (found == all.end()) {
    std::string names;
    for (auto const& network : all) names += (names.empty() ? "" : ", ") + std::string(network.name);
    throw InputError("no published network '" + std::string(name) + "' (there are " + names + ")");
  }
  std::istringstream in{std::string(found->study_csv)};
  return read_study_csv(in, "published network " + std::string(name));
}

}  // namespace kurve::data
