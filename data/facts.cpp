// SPDX-License-Identifier: Apache-2.0
#include "data/facts.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "model/near_miss.hpp"

namespace kurve::data {
namespace {

/// Header keys that a fact may fill in; the other facts are asked for by readers.
constexpr std::array<std::string_view, 11> header_facts{
    "workload",   "regime",         "baseline",    "warmup",       "setup",      "workers_per_node",
    "parameters", "gradient_bytes", "accelerator", "interconnect", "parallelism"};
constexpr std::array<std::string_view, 22> known_facts{
    "workload",   "regime",         "baseline",    "warmup",       "setup",     "workers_per_node",
    "parameters", "gradient_bytes", "accelerator", "interconnect", "ranks",     "rank",
    "steps",      "global_batch",   "local_batch", "op",           "benchmark", "argument",
    "metric",     "callpath",       "parameter",   "parallelism"};

void check_header_fact(std::string const& key, std::string const& value) {
  if (key == "regime") {
    static_cast<void>(model::regime_from_text(value));
  } else if (key == "warmup" || key == "setup") {
    if (value != "excluded" && value != "included" && value != "unknown")
      throw InputError("--assume " + key + "=" + value + " (must be excluded, included or unknown)");
  } else if (key == "workers_per_node" || key == "parameters" || key == "gradient_bytes") {
    auto const number = number_from_text(value);
    if (!number || !std::isfinite(*number) || *number <= 0.0)
      throw InputError("--assume " + key + "=" + value + " (must be a positive number)");
  }
}

/// Facts that are numbers, as a Study writes them: `--assume gradient_bytes=2.8GB` is 2800000000 there.
std::string plain_value(std::string const& key, std::string const& value) {
  if (key == "gradient_bytes" && value.find_first_not_of("0123456789.eE+-") != std::string::npos)
    return number_text(static_cast<double>(bytes_from_text(value).count));
  bool const counts = key == "parameters" || key == "workers_per_node" || key == "ranks" || key == "steps" ||
                      key == "global_batch" || key == "local_batch";
  auto const number = counts ? plain_from_text(value) : std::nullopt;
  return number ? number_text(*number) : value;
}

/// Whether a header's text and a fact say the same: as numbers where both are.
bool agree(std::string const& stated, std::string const& assumed) {
  auto const a = number_from_text(stated), b = number_from_text(assumed);
  return a && b ? *a == *b : stated == assumed;
}

}  // namespace

Assumption assumption_from_text(std::string const& text) {
  auto const equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    throw InputError("--assume '" + text + "' (must be KEY=VALUE or FILE:KEY=VALUE). Such as --assume ranks=16?");
  // The value may hold colons, the key may not: the file ends at the last colon before `=`.
  auto const colon = text.rfind(':', equals);
  std::size_t const start = colon == std::string::npos ? 0 : colon + 1;
  Assumption assumption{.file = text.substr(0, start == 0 ? 0 : start - 1),
                        .key = text.substr(start, equals - start),
                        .value = text.substr(equals + 1)};
  if (std::find(known_facts.begin(), known_facts.end(), assumption.key) == known_facts.end()) {
    std::string known;
    for (auto const name : known_facts) known += (known.empty() ? "" : ", ") + std::string(name);
    auto const near = near_miss(assumption.key, known_facts);
    throw InputError("--assume " + assumption.key + " (no reader asks for it; facts are " + known + ")." +
                     (near.empty() ? "" : " Did you mean '" + std::string(near) + "'?"));
  }
  assumption.value = plain_value(assumption.key, assumption.value);
  check_header_fact(assumption.key, assumption.value);
  return assumption;
}

Facts::Facts(std::string const& path, std::span<Assumption const> given) {
  for (auto const& fact : given)  // a fact for this file wins over one for all
    if (fact.file.empty()) given_.insert_or_assign(fact.key, fact.value);
  for (auto const& fact : given)
    if (fact.file == path) given_.insert_or_assign(fact.key, fact.value);
}

std::optional<std::string> Facts::text(std::string const& key) {
  auto const found = given_.find(key);
  if (found == given_.end()) return std::nullopt;
  used_.insert(*found);
  return found->second;
}

std::optional<int> Facts::whole(std::string const& key, int least) {
  auto const value = text(key);
  if (!value) return std::nullopt;
  auto const number = number_from_text(*value);
  if (!number || *number != std::floor(*number) || *number < least || *number > 1e9)
    throw InputError("--assume " + key + "=" + *value + " (must be a whole number, at least " + std::to_string(least) +
                     ")");
  return static_cast<int>(*number);
}

std::optional<double> Facts::positive(std::string const& key) {
  auto const value = text(key);
  if (!value) return std::nullopt;
  auto const number = number_from_text(*value);
  if (!number || !std::isfinite(*number) || *number <= 0.0)
    throw InputError("--assume " + key + "=" + *value + " (must be a positive number)");
  return number;
}

void Facts::complete(Study& study) {
  for (auto const key : header_facts) {
    std::string const name(key);
    auto const fact = given_.find(name);
    if (fact == given_.end()) continue;
    auto const stated = study.find(name);
    if (stated && !used_.contains(name) && !agree(*stated, fact->second))
      throw DataError(study.path, 0, name + " is '" + *stated + "' here (--assume says '" + fact->second + "')");
    if (stated) continue;
    study.set(name, fact->second);
    used_.insert(*fact);
  }
  for (auto& sample : study.samples) {
    if (sample.op != Operation::step || sample.global_batch) continue;
    if (auto const global = positive("global_batch"))
      sample.global_batch = global;
    else if (auto const local = positive("local_batch"))
      sample.global_batch = *local * sample.ranks;
  }
  std::string assumed;
  for (auto const& [key, value] : used_) assumed += (assumed.empty() ? "" : ", ") + key + "=" + value;
  if (!assumed.empty()) study.set("assumed", assumed);
}

void ask_for(std::string const& path, std::string const& problem, std::string const& example) {
  throw DataError(path, 0, problem + ". Add --assume " + example + "?");
}

}  // namespace kurve::data
