// SPDX-License-Identifier: Apache-2.0
#include <boost/program_options/errors.hpp>

#include "cli/what_if.hpp"
#include "tests/fuzz/target.hpp"

/// What the page may be asked, all the way to the answer. Curves stay short: what a question says is fuzzed, not the
/// engine.
int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  using namespace kurve;
  static cli::WhatIf const what_if({cli::lesson_model()});
  return test::only_input_errors([&] {
    try {
      auto const answer = what_if.answer(test::text_of(bytes, size));
      for (auto const* word : {":nan", ":inf", ":-nan", ":-inf"})
        if (answer.find(word) != std::string::npos) test::broken("the answer holds " + std::string(word));
    } catch (boost::program_options::error const&) {  // shown as they are
    }
  });
}
