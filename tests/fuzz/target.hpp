// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <utility>

#include "model/error.hpp"
#include "tests/support/temporary.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size);

namespace kurve::test {

/// Input as a file, for readers that take a path: one file, written anew for each input.
inline std::string input_file(std::string const& name, std::string const& text) {
  static TemporaryFolder const folder;
  return folder.write(name, text);
}

/// Only a user's error may leave Kurve, whatever it reads; anything else is a bug and ends the process.
template <typename Body>
int only_input_errors(Body&& body) noexcept {
  try {
    std::forward<Body>(body)();
  } catch (InputError const&) {
  } catch (std::exception const& e) {
    std::cerr << "not an InputError: " << e.what() << '\n';
    std::terminate();
  }
  return 0;
}

/// A property of what was read does not hold.
[[noreturn]] inline void broken(std::string const& what) {
  std::cerr << "broken: " << what << '\n';
  std::terminate();
}

inline std::string text_of(std::uint8_t const* bytes, std::size_t size) {
  return {reinterpret_cast<char const*>(bytes), size};
}

}  // namespace kurve::test
