// SPDX-License-Identifier: Apache-2.0
#include "model/model.hpp"

#include <algorithm>
#include <array>

#include "model/error.hpp"

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
  throw InputError(message + ")");
}

}  // namespace

std::string_view to_text(Source source) { return sources[static_cast<std::size_t>(source)]; }
Source source_from_text(std::string_view text) { return enum_from_text<Source>(sources, text, "source"); }
std::string_view to_text(Regime regime) { return regimes[static_cast<std::size_t>(regime)]; }
Regime regime_from_text(std::string_view text) { return enum_from_text<Regime>(regimes, text, "regime"); }

}  // namespace kurve::model
