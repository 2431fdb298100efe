// SPDX-License-Identifier: Apache-2.0
#include "data/parallelism.hpp"

#include <algorithm>
#include <cctype>
#include <regex>

namespace kurve::data {
namespace {

std::string lower(std::string const& words) {
  std::string text = words.substr(0, 1000);  // a header line can be long; std::regex recurses on its length
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// The number after a word that no letter goes before: 8 in "pp8", "PP 8" and "pp=8", none in "vpp 8".
std::optional<double> number_after(std::string const& text, std::string const& word) {
  std::smatch match;
  if (!std::regex_search(text, match, std::regex("(?:^|[^a-z])" + word + R"([ =_:]?(\d{1,6}))"))) return std::nullopt;
  double const number = std::stod(match[1].str());
  return number > 0.0 ? std::optional(number) : std::nullopt;
}

}  // namespace

Parallelism parallelism_of(std::string const& words) {
  auto const text = lower(words);
  Parallelism p;
  p.stages = number_after(text, "pp").value_or(1.0);
  p.workers_per_replica = p.stages * number_after(text, "tp").value_or(1.0) * number_after(text, "cp").value_or(1.0);
  p.chunks = number_after(text, "vpp");
  p.micro_batch = number_after(text, "mbs");
  return p;
}

bool counts_micro_batches(std::string const& column) {
  return std::regex_search(lower(column), std::regex(R"(accum|micro_?batches)"));
}

std::string without_data_parallelism(std::string const& column, std::string const& value) {
  if (std::regex_search(lower(column), std::regex(R"(^(?:dp|data_?parallel))"))) return "";
  return std::regex_replace(value, std::regex(R"(\b[Dd][Pp][ =_:]?\d+[ ,x]*)"), "");
}

}  // namespace kurve::data
