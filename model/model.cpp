// SPDX-License-Identifier: Apache-2.0
#include "model/model.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "model/error.hpp"
#include "model/near_miss.hpp"

namespace kurve::model {
namespace {

constexpr std::array<std::string_view, 5> sources{"measured", "fitted", "imported", "published", "assumed"};
constexpr std::array<std::string_view, 3> regimes{"strong", "weak", "mixed"};

template <typename Enum, typename Names>
Enum enum_from_text(Names const& names, std::string_view text, std::string_view what) {
  auto const found = std::find(names.begin(), names.end(), text);
  if (found != names.end()) return static_cast<Enum>(found - names.begin());
  std::string message = std::string(what) + " '" + std::string(text) + "' (must be one of";
  for (auto const name : names) message += " " + std::string(name);
  throw InputError(message + ")" + did_you_mean(text, names));
}

}  // namespace

std::optional<double> Model::replicas(double ranks) const {
  if (replica_workers.empty()) return ranks;
  std::optional<double> copies;
  for (double const workers : replica_workers)  // ascending
    if (std::fmod(ranks, workers) == 0.0) copies = ranks / workers;
  return copies;
}

std::string_view to_text(Source source) { return sources[static_cast<std::size_t>(source)]; }
Source source_from_text(std::string_view text) { return enum_from_text<Source>(sources, text, "source"); }
std::string_view to_text(Regime regime) { return regimes[static_cast<std::size_t>(regime)]; }
Regime regime_from_text(std::string_view text) { return enum_from_text<Regime>(regimes, text, "regime"); }

}  // namespace kurve::model
