// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace kurve::cli {

/// A file of the page, built into the program (cmake/EmbedFiles.cmake).
struct PageFile {
  std::string_view path;  ///< "/page.js"
  std::string_view type;
  std::string_view bytes;
};
[[nodiscard]] std::span<PageFile const> page_files();

}  // namespace kurve::cli
