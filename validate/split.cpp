// SPDX-License-Identifier: Apache-2.0
#include "validate/split.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "validate/number_text.hpp"

namespace kurve::validate {
namespace {

using Relation = SplitClause::Relation;

std::string_view trimmed(std::string_view text) {
  auto const first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

[[noreturn]] void refuse(std::string_view expression, std::string const& reason) {
  throw InputError("split '" + std::string(expression) + "' (" + reason +
                   "). Write it as 'K<=8', 'K in 1,2,4' or 'B==2048'?");
}

double parse_number(std::string_view text, std::string_view expression) {
  text = trimmed(text);
  auto const value = data::plain_from_text(text);
  if (!value || !(*value > 0.0)) refuse(expression, "'" + std::string(text) + "' is not a positive number");
  return *value;
}

SplitClause parse_clause(std::string_view clause, std::string_view expression) {
  // Two-character signs first, or '<=' would be read as '<'.
  static constexpr std::array<std::pair<std::string_view, Relation>, 8> relations{{{"<=", Relation::less_equal},
                                                                                   {">=", Relation::greater_equal},
                                                                                   {"==", Relation::equal},
                                                                                   {"!=", Relation::not_equal},
                                                                                   {"<", Relation::less},
                                                                                   {">", Relation::greater},
                                                                                   {"=", Relation::equal},
                                                                                   {" in ", Relation::in}}};
  auto const found = std::find_if(relations.begin(), relations.end(),
                                  [&](auto const& r) { return clause.find(r.first) != std::string_view::npos; });
  if (found == relations.end()) refuse(expression, "no comparison in '" + std::string(clause) + "'");
  auto const at = clause.find(found->first);
  auto const name = trimmed(clause.substr(0, at));
  SplitClause result{.relation = found->second, .values = {}};
  if (name == "B" || name == "global_batch")
    result.column = SplitClause::Column::global_batch;
  else if (name != "K")
    refuse(expression, "'" + std::string(name) + "' is neither K nor B");

  auto rest = clause.substr(at + found->first.size());
  for (auto comma = rest.find(','); found->second == Relation::in && comma != std::string_view::npos;
       comma = rest.find(',')) {
    result.values.push_back(parse_number(rest.substr(0, comma), expression));
    rest.remove_prefix(comma + 1);
  }
  result.values.push_back(parse_number(rest, expression));
  return result;
}

bool holds(SplitClause const& clause, double x) {
  double const value = clause.values.front();
  switch (clause.relation) {
    case Relation::less:
      return x < value;
    case Relation::less_equal:
      return x <= value;
    case Relation::greater:
      return x > value;
    case Relation::greater_equal:
      return x >= value;
    case Relation::equal:
      return x == value;
    case Relation::not_equal:
      return x != value;
    case Relation::in:
      return std::find(clause.values.begin(), clause.values.end(), x) != clause.values.end();
  }
  return false;
}

}  // namespace

Split parse_split(std::string_view expression) {
  Split split{.rule = Split::Rule::clauses, .clauses = {}, .text = std::string(trimmed(expression))};
  std::string_view rest = trimmed(expression);
  constexpr std::string_view conjunction = " and ";
  for (;;) {
    auto const at = rest.find(conjunction);
    split.clauses.push_back(parse_clause(rest.substr(0, at), expression));
    if (at == std::string_view::npos) return split;
    rest.remove_prefix(at + conjunction.size());
  }
}

Split ratio_split(double ratio) {
  if (!(ratio > 1.0) || !std::isfinite(ratio))
    throw InputError("ratio=" + number_text(ratio, 6) + " (must be above 1: the fit sees K <= Kmax/ratio). Try 4?");
  return {.rule = Split::Rule::ratio, .clauses = {}, .ratio = ratio, .text = "K <= Kmax/" + number_text(ratio, 6)};
}

Split leave_largest_split() { return {.rule = Split::Rule::leave_largest, .clauses = {}, .text = "K < Kmax"}; }

bool is_fitted(Split const& split, data::Sample const& sample, double largest_ranks) {
  auto const ranks = static_cast<double>(sample.ranks);
  switch (split.rule) {
    case Split::Rule::ratio:
      return ranks <= largest_ranks / split.ratio;
    case Split::Rule::leave_largest:
      return ranks < largest_ranks;
    case Split::Rule::clauses:
      break;
  }
  return std::all_of(split.clauses.begin(), split.clauses.end(), [&](SplitClause const& clause) {
    if (clause.column == SplitClause::Column::ranks) return holds(clause, ranks);
    return sample.global_batch && holds(clause, *sample.global_batch);
  });
}

data::Study fitted_part(data::Study const& study, Split const& split) {
  double largest = 0.0;
  auto const steps = study.steps();
  for (auto const& sample : steps) largest = std::max(largest, static_cast<double>(sample.ranks));
  data::Study part{.path = "fitted part",
                   .header = study.header,
                   .configuration_columns = study.configuration_columns,
                   .samples = {},
                   .notes = {},
                   .time_column = study.time_column};
  for (auto const& sample : steps)
    if (is_fitted(split, sample, largest)) part.samples.push_back(sample);
  std::string const reach = " (largest K is " + number_text(largest, 6) + "). Choose another split?";
  if (part.samples.empty()) throw DataError(study.path, 0, "split '" + split.text + "' leaves nothing to fit" + reach);
  if (part.samples.size() == steps.size())
    throw DataError(study.path, 0, "split '" + split.text + "' holds nothing out" + reach);
  return part;
}

}  // namespace kurve::validate
