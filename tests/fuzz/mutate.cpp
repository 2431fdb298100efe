// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/mutate.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "data/philox.hpp"

namespace kurve::test {
namespace {

constexpr std::size_t longest_input_bytes = 1 << 16;

constexpr std::array<std::string_view, 66> tokens{"nan",
                                                  "inf",
                                                  "-inf",
                                                  "1e400",
                                                  "-1e400",
                                                  "1e-400",
                                                  "5e-324",
                                                  "1.7976931348623157e308",
                                                  "1e308",
                                                  "1e-308",
                                                  "0",
                                                  "-0",
                                                  "-1",
                                                  "1",
                                                  "2147483647",
                                                  "2147483648",
                                                  "9223372036854775807",
                                                  "9223372036854775808",
                                                  "18446744073709551616",
                                                  "0x10",
                                                  "1_000",
                                                  "1,000",
                                                  "1.5",
                                                  "00",
                                                  "+1",
                                                  ".",
                                                  "e",
                                                  "\"",
                                                  "\"\"",
                                                  "'",
                                                  ",",
                                                  ",,",
                                                  ";",
                                                  "\t",
                                                  "\n",
                                                  "\r\n",
                                                  "\r",
                                                  "\n\n",
                                                  "#",
                                                  "# ",
                                                  ": ",
                                                  "\\",
                                                  "{",
                                                  "}",
                                                  "[",
                                                  "]",
                                                  "null",
                                                  "true",
                                                  "\xEF\xBB\xBF",
                                                  "\xff",
                                                  "\xc3",
                                                  std::string_view("\0", 1),
                                                  "# regime: weak\n",
                                                  "# regime: mixed\n",
                                                  "# warmup: included\n",
                                                  "# parameters: 1e300\n",
                                                  "# gradient_bytes: 1\n",
                                                  "# workers_per_node: 1\n",
                                                  "# interconnect: InfiniBand NDR\n",
                                                  "# configuration: run\n",
                                                  "K,step_time_s\n",
                                                  ",rank,compute_s,comm_s",
                                                  "=== system\n",
                                                  ":::MLLOG {\"key\": \"block_stop\", \"time_ms\": \"1\"}\n",
                                                  "allreduce",
                                                  "10:00:01 1024 256 float sum -1 20.0 0.05 0.05 0 10.0 0.10 0.10 0\n"};

/// Random numbers of one input, in order.
class Dice {
 public:
  explicit Dice(std::uint64_t number) : number_(number) {}
  std::size_t below(std::size_t limit) {
    auto const bits = data::philox4x32(
        {static_cast<std::uint32_t>(number_), static_cast<std::uint32_t>(number_ >> 32), draw_++, 0}, {2026, 11});
    return limit == 0 ? 0 : (std::uint64_t{bits[0]} << 32 | bits[1]) % limit;
  }

 private:
  std::uint64_t number_;
  std::uint32_t draw_ = 0;
};

struct Range {
  std::size_t at = 0, length = 0;
};

Range some_chunk(std::string const& text, Dice& dice) {
  std::size_t const at = dice.below(text.size() + 1);
  return {at, dice.below(std::min<std::size_t>(text.size() - at, 64) + 1)};
}

Range some_line(std::string const& text, Dice& dice) {
  std::size_t const at = dice.below(text.size() + 1);
  std::size_t const before = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
  std::size_t const start = before == std::string::npos ? 0 : before + 1;
  std::size_t const end = text.find('\n', start);
  return {start, (end == std::string::npos ? text.size() : end + 1) - start};
}

Range some_number(std::string const& text, Dice& dice) {
  auto const is_part = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.'; };
  std::size_t at = dice.below(text.size() + 1);
  while (at < text.size() && !is_part(text[at])) ++at;
  while (at > 0 && at < text.size() && is_part(text[at - 1])) --at;
  std::size_t end = at;
  while (end < text.size() && is_part(text[end])) ++end;
  return {at, end - at};
}

std::string some_value(Dice& dice) {
  switch (dice.below(4)) {
    case 0:
      return std::string(tokens[dice.below(tokens.size())]);
    case 1:
      return std::to_string(dice.below(100));
    case 2:
      return std::string(1 + dice.below(400), static_cast<char>('0' + dice.below(10)));  // a very long number
    default:
      return std::to_string(1 + dice.below(9)) + "e" + std::to_string(static_cast<int>(dice.below(640)) - 330);
  }
}

void mutate_once(std::string& text, std::string const& other, Dice& dice) {
  switch (dice.below(10)) {
    case 0:
      if (!text.empty()) text[dice.below(text.size())] ^= static_cast<char>(1 << dice.below(8));
      break;
    case 1: {
      auto const cut = some_chunk(text, dice);
      text.erase(cut.at, cut.length);
      break;
    }
    case 2: {
      auto const from = some_chunk(text, dice);
      text.insert(dice.below(text.size() + 1), text.substr(from.at, from.length));
      break;
    }
    case 3: {  // two chunks change places
      auto const a = some_chunk(text, dice);
      std::string const chunk = text.substr(a.at, a.length);
      text.erase(a.at, a.length);
      text.insert(dice.below(text.size() + 1), chunk);
      break;
    }
    case 4: {
      auto const from = some_line(other, dice);
      text.insert(some_line(text, dice).at, other.substr(from.at, from.length));
      break;
    }
    case 5: {
      auto const line = some_line(text, dice);
      std::string const copy = text.substr(line.at, line.length);
      for (std::size_t i = dice.below(8); i > 0; --i) text.insert(line.at, copy);
      break;
    }
    case 6: {
      auto const line = some_line(text, dice);
      text.erase(line.at, line.length);
      break;
    }
    case 7:
      text.insert(dice.below(text.size() + 1), tokens[dice.below(tokens.size())]);
      break;
    case 8:
      text.resize(dice.below(text.size() + 1));
      break;  // cut off
    default: {
      auto const number = some_number(text, dice);
      text.replace(number.at, number.length, some_value(dice));
      break;
    }
  }
  if (text.size() > longest_input_bytes) text.resize(longest_input_bytes);
}

}  // namespace

std::string mutated(std::vector<std::string> const& seeds, std::uint64_t number) {
  Dice dice(number);
  std::string text = seeds[dice.below(seeds.size())];
  for (std::size_t i = 1 + dice.below(4); i > 0; --i) mutate_once(text, seeds[dice.below(seeds.size())], dice);
  return text;
}

}  // namespace kurve::test
