// SPDX-License-Identifier: Apache-2.0
#include "data/study.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <tuple>

#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

bool is_part_of_one_rank(Sample const& s) { return s.rank.has_value() && s.compute_s.has_value(); }

/// Whether the Study has nothing but parts of single ranks: all at one K, or at several.
enum class Parts { none, one_k, several_k };
Parts parts_of(std::vector<Sample> const& samples) {
  if (samples.empty() || !std::all_of(samples.begin(), samples.end(), is_part_of_one_rank)) return Parts::none;
  bool const one_k =
      std::all_of(samples.begin(), samples.end(), [&](auto const& s) { return s.ranks == samples.front().ranks; });
  return one_k ? Parts::one_k : Parts::several_k;
}

/// A batch is rounded to whole samples a worker or to a multiple of 8 samples, or by 1 % (to whole micro-batches), and
/// never by more than a tenth: the other batches that may have been meant. A doubling is far above it.
struct Meant {
  double low, high;
};
Meant batches_meant(double batch, double ranks) {
  static constexpr double relative = 0.01, samples = 4.0, most_relative = 0.1;
  double const off = std::min(std::max({relative * batch, samples, 0.5 * ranks}), most_relative * batch);
  return {batch - off, batch + off};
}

/// Whether all may have meant the same.
bool all_near(std::vector<Meant> const& values) {
  double low = values.front().low, high = values.front().high;
  for (auto const& v : values) {
    low = std::max(low, v.low);
    high = std::min(high, v.high);
  }
  return low < high;
}

}  // namespace

std::optional<std::string> Study::find(std::string const& key) const {
  for (auto const& [name, value] : header)
    if (name == key) return value;
  return std::nullopt;
}

std::optional<double> Study::find_number(std::string const& key) const {
  auto const text = find(key);
  if (!text) return std::nullopt;
  auto const number = number_from_text(*text);
  if (!number || !std::isfinite(*number) || *number <= 0.0)
    throw DataError(path, 0, "# " + key + ": '" + *text + "' (must be a positive number)");
  return number;
}

void Study::set(std::string const& key, std::string const& value) {
  for (auto& [name, old] : header)
    if (name == key) {
      old = value;
      return;
    }
  header.emplace_back(key, value);
}

StudyKind Study::kind() const {
  if (std::any_of(samples.begin(), samples.end(), [](auto const& s) { return s.op != Operation::step; }))
    return StudyKind::components;
  return parts_of(samples) == Parts::one_k ? StudyKind::per_rank : StudyKind::steps;
}

Inclusion Study::warmup() const {
  auto const text = find("warmup");
  if (!text || *text == "unknown") return Inclusion::unknown;
  if (*text == "excluded") return Inclusion::excluded;
  if (*text == "included") return Inclusion::included;
  throw DataError(path, 0, "# warmup: '" + *text + "' (must be excluded, included or unknown)");
}

std::optional<model::Regime> Study::declared_regime() const {
  auto const text = find("regime");
  if (!text) return std::nullopt;
  try {
    return model::regime_from_text(*text);
  } catch (InputError const& e) {
    throw DataError(path, 0, std::string("# regime: ") + e.what());
  }
}

std::optional<model::Regime> Study::derived_regime() const {
  bool const parts_are_steps = parts_of(samples) == Parts::several_k;
  std::vector<Meant> batch, batch_per_rank;
  bool one_k = true;
  int first_k = 0;
  for (auto const& s : samples) {
    if (s.op != Operation::step || (is_part_of_one_rank(s) && !parts_are_steps)) continue;
    if (!s.global_batch) return std::nullopt;
    if (batch.empty()) first_k = s.ranks;
    one_k = one_k && s.ranks == first_k;
    batch.push_back(batches_meant(*s.global_batch, s.ranks));
    batch_per_rank.push_back({batch.back().low / s.ranks, batch.back().high / s.ranks});
  }
  if (one_k) return std::nullopt;
  if (all_near(batch)) return model::Regime::strong;
  return all_near(batch_per_rank) ? model::Regime::weak : model::Regime::mixed;
}

model::Regime Study::regime() const {
  if (auto const derived = derived_regime()) return *derived;
  return declared_regime().value_or(model::Regime::strong);
}

std::vector<Sample> Study::steps() const {
  std::vector<Sample> steps;
  std::copy_if(samples.begin(), samples.end(), std::back_inserter(steps),
               [parts_are_steps = parts_of(samples) == Parts::several_k](auto const& s) {
                 return s.op == Operation::step && (parts_are_steps || !is_part_of_one_rank(s));
               });
  return steps;
}

std::vector<Sample> last_ranks(Study const& study) {
  auto const& columns = study.configuration_columns;
  auto const algorithm =
      static_cast<std::size_t>(std::find(columns.begin(), columns.end(), "algorithm") - columns.begin());
  std::map<std::tuple<int, std::int64_t, std::string, int, int>, std::size_t> seen;
  std::vector<Sample> rows;
  for (auto row : study.samples) {
    if (row.op != Operation::allreduce || !row.rank) {
      rows.push_back(std::move(row));
      continue;
    }
    row.rank.reset();
    auto const [at, fresh] = seen.try_emplace(
        {row.ranks, row.bytes.value_or(0), algorithm < row.configuration.size() ? row.configuration[algorithm] : "",
         row.run.value_or(0), row.step.value_or(0)},
        rows.size());
    if (fresh)
      rows.push_back(std::move(row));
    else if (auto& last = rows[at->second]; row.time_s > last.time_s)
      last = std::move(row);
  }
  return rows;
}

}  // namespace kurve::data
