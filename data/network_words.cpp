// SPDX-License-Identifier: Apache-2.0
#include "data/network_words.hpp"

#include <algorithm>
#include <cctype>
#include <regex>
#include <utility>

namespace kurve::data {
namespace {

constexpr double Bps_per_Gbit = 1e9 / 8.0;

/// First capture of the pattern as a number, none without a match.
std::optional<double> number_in(std::string const& text, char const* pattern) {
  std::smatch match;
  if (!std::regex_search(text, match, std::regex(pattern))) return std::nullopt;
  return std::stod(match[1].str());
}

}  // namespace

std::optional<double> node_bandwidth_Bps(std::string const& words, double workers_per_node) {
  std::string text = words.substr(0, 1000);  // a header line can be long; std::regex recurses on its length
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (auto const whole = number_in(text, R"((\d{1,6})\s*gbps\s*node)")) return *whole * Bps_per_Gbit;

  double const links =
      number_in(text, R"((\d{1,3})\s*x\s*(?:\w+\s+)?(?:edr|fdr|hdr|ndr|xdr|ib|\d+\s*g))").value_or(1.0);
  static constexpr std::pair<char const*, double> infiniband[] = {
      {R"(\bxdr)", 800}, {R"(\bndr)", 400}, {R"(\bhdr\s*100)", 100}, {R"(\bhdr)", 200},
      {R"(\bedr)", 100}, {R"(\bfdr)", 56},  {R"(\bqdr)", 40}};
  for (auto const& [pattern, gbit] : infiniband)
    if (std::regex_search(text, std::regex(pattern))) return links * gbit * Bps_per_Gbit;
  if (auto const rate =
          number_in(text, R"((\d{1,6})\s*(?:gbe|gbps|gb/s|gbit/s|gbit|gb ethernet|gb ib|g ethernet|g roce))"))
    return links * *rate * Bps_per_Gbit;
  if (std::regex_search(text, std::regex(R"(sling\s*shot)"))) return 200.0 * workers_per_node * Bps_per_Gbit;
  return std::nullopt;
}

std::optional<double> gradient_bytes(Study const& study) {
  if (auto const bytes = study.find_number("gradient_bytes")) return bytes;
  if (auto const parameters = study.find_number("parameters")) return 4.0 * std::min(*parameters, 2e9);
  return std::nullopt;
}

}  // namespace kurve::data
