// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include "data/model_file.hpp"
#include "tests/fuzz/target.hpp"

/// The Model's JSON. What was read can be written, and read again writes the same bytes.
int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  using namespace kurve;
  std::string const path = test::input_file("model.json", test::text_of(bytes, size));
  return test::only_input_errors([&] {
    auto const written = [](model::Model const& model) {
      std::ostringstream out;
      data::write_model(out, model, {});
      return out.str();
    };
    std::string const first = written(data::read_model(path));
    try {
      if (written(data::read_model(test::input_file("written.json", first))) != first)
        test::broken("a Model changes in writing");
    } catch (InputError const& e) {
      test::broken(std::string("what was written cannot be read: ") + e.what());
    }
  });
}
