// SPDX-License-Identifier: Apache-2.0
#include "data/money_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "data/csv.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

struct Multiple {
  std::string_view name;
  double factor;
};
constexpr std::array<Multiple, 5> multiples{{{"k", 1e3}, {"M", 1e6}, {"B", 1e9}, {"G", 1e9}, {"T", 1e12}}};

struct PriceUnit {
  std::string_view name;
  PricedBy by;
};
constexpr std::array<PriceUnit, 7> price_units{{{"gpu-hour", PricedBy::gpu_hour},
                                                {"node-hour", PricedBy::node_hour},
                                                {"month", PricedBy::month},
                                                {"gpu-h", PricedBy::gpu_hour},
                                                {"gpuh", PricedBy::gpu_hour},
                                                {"node-h", PricedBy::node_hour},
                                                {"mo", PricedBy::month}}};

/// More than there is of anything counted here, and no product of two overflows. A choice.
constexpr double most = 1e18;

[[noreturn]] void reject(std::string_view what, std::string_view text, std::string const& reason) {
  throw InputError(std::string(what) + " '" + std::string(text) + "' (" + reason + ")");
}

/// Takes a currency off one end of `body`; "" where there is none.
std::string take_currency(std::string_view& body) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> signs{
      {{"$", "USD"}, {"\u20ac", "EUR"}, {"\u00a3", "GBP"}}};
  for (auto const& [sign, name] : signs) {
    if (body.starts_with(sign)) {
      body = trimmed(body.substr(sign.size()));
      return std::string(name);
    }
    if (body.ends_with(sign)) {
      body = trimmed(body.substr(0, body.size() - sign.size()));
      return std::string(name);
    }
  }
  auto const is_code = [](std::string_view s) {
    return s.size() == 3 && std::all_of(s.begin(), s.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  };
  std::string code;
  if (body.size() > 3 && is_code(body.substr(0, 3))) {
    code = body.substr(0, 3);
    body = trimmed(body.substr(3));
  } else if (body.size() > 3 && is_code(body.substr(body.size() - 3))) {
    code = body.substr(body.size() - 3);
    body = trimmed(body.substr(0, body.size() - 3));
  }
  return code;
}

/// A finite number of at least 0 with one of the multiples behind it. @param whole  the text a message names
double multiple_of(std::string_view what, std::string_view body, std::string_view whole, std::string const& example) {
  double value = 0.0;
  auto const [end, error] = std::from_chars(body.data(), body.data() + body.size(), value);
  std::string_view const unit = trimmed(body.substr(static_cast<std::size_t>(end - body.data())));
  if (error != std::errc{}) reject(what, whole, "expected a number, such as " + example);
  if (!(value >= 0.0 && value <= most)) reject(what, whole, "must be from 0 to 1e18");
  if (unit.empty()) return value;
  auto const found = std::find_if(multiples.begin(), multiples.end(), [&](auto const& m) { return m.name == unit; });
  if (found == multiples.end())
    reject(what, whole,
           "unknown unit '" + std::string(unit) + "'; expected k, M, B or T after the number, such as " + example);
  if (!(value * found->factor <= most)) reject(what, whole, "must be from 0 to 1e18");
  return value * found->factor;
}

}  // namespace

Money money_from_text(std::string_view text) {
  std::string_view body = trimmed(text);
  Money money{0.0, take_currency(body)};
  money.amount = multiple_of("amount of money", body, text, "2M or 450k USD");
  return money;
}

Price price_from_text(std::string_view text) {
  auto const slash = text.find('/');
  Price price;
  if (slash != std::string_view::npos) {
    std::string_view const unit = trimmed(text.substr(slash + 1));
    auto const found =
        std::find_if(price_units.begin(), price_units.end(), [&](auto const& u) { return u.name == unit; });
    if (found == price_units.end())
      reject("price", text, "unknown unit '" + std::string(unit) + "'; expected gpu-hour, node-hour or month");
    price.by = found->by;
  }
  std::string_view body = trimmed(text.substr(0, slash));
  price.money.currency = take_currency(body);
  price.money.amount = multiple_of("price", body, text, "2.5/gpu-hour or 450k/month");
  return price;
}

std::vector<Price> prices_from_text(std::string_view text) {
  std::vector<Price> prices;
  for (std::size_t start = 0; start <= text.size();) {
    std::size_t const end = std::min(text.find(',', start), text.size());
    prices.push_back(price_from_text(text.substr(start, end - start)));
    start = end + 1;
  }
  return prices;
}

std::string money_text(double amount, std::string const& currency) {
  if (!std::isfinite(amount)) return "-";
  struct Step {
    double factor;
    char const* name;
  };
  constexpr std::array<Step, 4> steps{{{1e9, " B"}, {1e6, " M"}, {1e3, " k"}, {1.0, ""}}};
  auto const* step =
      std::find_if(steps.begin(), steps.end() - 1, [&](auto const& s) { return amount >= 0.9995 * s.factor; });
  double const shown = amount / step->factor;
  int const decimals = shown >= 99.95 ? 0 : shown >= 9.995 ? 1 : 2;
  std::array<char, 64> buffer{};
  bool const is_wide = shown >= 1e7;  // an exponent is as wide
  auto const [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), shown,
                    is_wide ? std::chars_format::scientific : std::chars_format::fixed, is_wide ? 2 : decimals);
  return std::string(buffer.data(), end) + step->name + (currency.empty() ? "" : " " + currency);
}

std::string price_text(Price const& price) {
  std::array<char, 64> buffer{};
  double const amount = price.money.amount;
  bool const is_plain = amount == 0.0 || amount >= 1e-6;  // no exponent: 100000/month
  auto const [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), amount,
                                          is_plain ? std::chars_format::fixed : std::chars_format::general);
  return std::string(buffer.data(), end) + (price.money.currency.empty() ? "" : " " + price.money.currency) + "/" +
         std::string(price_units[static_cast<std::size_t>(price.by)].name);
}

double count_from_text(std::string_view text) {
  double const count = multiple_of("count", trimmed(text), text, "500k or 15T");
  if (!(count > 0.0)) reject("count", text, "must be positive");
  return count;
}

}  // namespace kurve::data
