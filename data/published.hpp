// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "data/study.hpp"

namespace kurve::data {

/// All-reduces that others measured and printed: a table of data/sets/networks, inside the program.
struct PublishedNetwork {
  std::string_view name;       ///< "h100-ib-ndr-x8"
  std::string_view study_csv;  ///< as the file holds it; its header names the source
};

/// By name.
[[nodiscard]] std::span<PublishedNetwork const> published_networks();

/// The Study of one, with a header key `published`. @throws InputError listing the names
[[nodiscard]] Study published_network(std::string_view name);

}  // namespace kurve::data
