// SPDX-License-Identifier: Apache-2.0
// Mutates seed inputs and runs one target on them: the same inputs on every machine, so a find can be shown again.
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>

#include "tests/fuzz/mutate.hpp"
#include "tests/fuzz/target.hpp"

namespace {

std::uint64_t current_input = 0;

void run(std::string const& text) {
  LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(text.data()), text.size());
}

[[noreturn]] void name_the_input() {
  std::cerr << "input " << current_input << " (see it with: --show " << current_input << ")\n";
  std::abort();
}

std::string whole(std::filesystem::path const& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

/// FIRST COUNT FILES...: runs the files as they are, then COUNT mutated inputs from number FIRST on.
/// --show NUMBER FILES...: writes that input to standard output instead.
int main(int argc, char** argv) {
  std::set_terminate(name_the_input);
  if (argc < 4) {
    std::cerr << "usage: " << argv[0] << " FIRST COUNT SEED-FILE... | --show NUMBER SEED-FILE...\n";
    return 2;
  }
  std::vector<std::string> seeds;
  for (int i = 3; i < argc; ++i) seeds.push_back(whole(argv[i]));
  if (std::string(argv[1]) == "--show") {
    std::cout << kurve::test::mutated(seeds, std::stoull(argv[2]));
    return 0;
  }
  for (auto const& seed : seeds) run(seed);
  std::uint64_t const first = std::stoull(argv[1]), count = std::stoull(argv[2]);
  double slowest_s = 0.0;
  std::uint64_t slowest = first, over_1_s = 0;
  for (current_input = first; current_input < first + count; ++current_input) {
    std::string const text = kurve::test::mutated(seeds, current_input);
    std::clock_t const start = std::clock();  // of this process: other programs' turns on the core are no hang
    run(text);
    double const time_s = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    over_1_s += time_s > 1.0 ? 1 : 0;
    if (time_s > slowest_s) {
      slowest_s = time_s;
      slowest = current_input;
    }
  }
  std::cout << count << " inputs; slowest " << slowest_s << " s (input " << slowest << "); over 1 s: " << over_1_s
            << '\n';
}
