// SPDX-License-Identifier: Apache-2.0
#include "data/parallelism.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <regex>
#include <set>
#include <utility>

namespace kurve::data {
namespace {

std::string lower(std::string const& words) {
  std::string text = words.substr(0, 1000);  // a header line can be long; std::regex recurses on its length
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// The number after a word that no letter goes before: 8 in "pp8", "PP 8", "pp = 8" and "pipeline_parallel: 8", none in
/// "vpp 8". @param words  alternatives of a regular expression
std::optional<double> number_after(std::string const& text, std::string const& words) {
  std::smatch match;
  std::string const pattern = "(?:^|[^a-z])(?:" + words + R"() ?[=_:]? ?(\d{1,6}))";
  if (!std::regex_search(text, match, std::regex(pattern))) return std::nullopt;
  double const number = std::stod(match[1].str());
  return number > 0.0 ? std::optional(number) : std::nullopt;
}

/// "tp", "tensor parallel", "tensor-model-parallel-size", "tensor_parallelism".
std::string degree(std::string const& letters, std::string const& word) {
  return letters + "|" + word + "(?:[-_ ]model)?[-_ ]parallel(?:ism)?(?:[-_ ](?:size|degree))?";
}

}  // namespace

Parallelism parallelism_of(std::string const& words) {
  auto const text = lower(words);
  Parallelism p;
  auto const pipeline = number_after(text, degree("pp", "pipeline")),
             tensor = number_after(text, degree("tp", "tensor")), context = number_after(text, degree("cp", "context"));
  p.told = pipeline || tensor || context;
  p.stages = pipeline.value_or(1.0);
  p.workers_per_replica = p.stages * tensor.value_or(1.0) * context.value_or(1.0);
  p.chunks = number_after(text, "vpp");
  p.micro_batch = number_after(text, "mbs");
  return p;
}

Parallelism parallelism_of(Study const& study, std::vector<std::string> const& configuration) {
  std::string words;
  for (std::size_t c = 0; c < configuration.size(); ++c)
    words += study.configuration_columns[c] + ' ' + configuration[c] + ' ';
  return parallelism_of(words + study.find("parallelism").value_or(""));
}

std::vector<double> replica_workers(Study const& study) {
  std::set<double> cuts;
  std::set<std::pair<int, std::vector<std::string>>> seen;  // rows repeat what is told of a point
  for (auto const& row : study.samples) {
    if (row.op != Operation::step || !seen.insert({row.ranks, row.configuration}).second) continue;
    auto const cut = parallelism_of(study, row.configuration);
    if (cut.told && std::fmod(row.ranks, cut.workers_per_replica) == 0.0) cuts.insert(cut.workers_per_replica);
  }
  if (cuts.contains(1.0)) return {};
  return {cuts.begin(), cuts.end()};
}

bool counts_micro_batches(std::string const& column) {
  return std::regex_search(lower(column), std::regex(R"(accum|micro_?batches)"));
}

std::string without_data_parallelism(std::string const& column, std::string const& value) {
  if (std::regex_search(lower(column), std::regex(R"(^(?:dp|data_?parallel))"))) return "";
  return std::regex_replace(value, std::regex(R"(\b[Dd][Pp][ =_:]?\d+[ ,x]*)"), "");
}

}  // namespace kurve::data
