// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kurve::data {

/// Text as a terminal and a file may get it: control characters (C0 but line end and tab, DEL, C1) and bytes that are
/// no UTF-8 are shown as \u001b, so that no input moves the cursor or sets a title. What is JSON stays JSON.
[[nodiscard]] std::string printable(std::string_view text);
/// The same on one line: line ends and tabs are shown too.
[[nodiscard]] std::string printable_line(std::string_view text);

/// An argument as a shell would need it typed, on one line.
[[nodiscard]] std::string shell_quoted(std::string_view argument);

}  // namespace kurve::data
