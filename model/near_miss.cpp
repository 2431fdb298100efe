// SPDX-License-Identifier: Apache-2.0
#include "model/near_miss.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace kurve {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t const substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row.back();
}

bool separates(char c) { return c == '.' || c == '-' || c == '_'; }

/// Whether `text` stands in `name` from one separator (or end) to another: "bandwidth" in "node-bandwidth".
bool is_part(std::string_view text, std::string_view name) {
  for (std::size_t at = name.find(text); at != std::string_view::npos; at = name.find(text, at + 1)) {
    std::size_t const end = at + text.size();
    if ((at == 0 || separates(name[at - 1])) && (end == name.size() || separates(name[end]))) return true;
  }
  return false;
}

}  // namespace

std::string_view near_miss(std::string_view text, std::span<std::string_view const> candidates) {
  if (text.empty() || text.size() > 64) return {};
  if (std::find(candidates.begin(), candidates.end(), text) != candidates.end()) return {};
  std::string_view best;
  std::size_t best_distance = text.size() >= 12 ? 4 : 3;
  for (auto const candidate : candidates) {
    // A name may be meant without its unit: network.inter.bandwidth_Bps.
    std::size_t const distance =
        std::min(edit_distance(text, candidate), edit_distance(text, candidate.substr(0, candidate.rfind('_'))));
    if (distance < best_distance && distance < candidate.size() && distance < text.size()) {
      best_distance = distance;
      best = candidate;
    }
  }
  if (!best.empty() || text.size() < 3) return best;
  auto const part = [&](std::string_view name) { return is_part(text, name); };
  if (std::count_if(candidates.begin(), candidates.end(), part) == 1)
    return *std::find_if(candidates.begin(), candidates.end(), part);
  return {};
}

std::string did_you_mean(std::string_view text, std::span<std::string_view const> candidates) {
  auto const near = near_miss(text, candidates);
  return near.empty() ? "" : ". Did you mean '" + std::string(near) + "'?";
}

}  // namespace kurve
