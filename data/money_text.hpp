// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kurve::data {

/// An amount in a currency as the user wrote it ("USD", "EUR", ...); "" where none was named.
struct Money {
  double amount = 0.0;
  std::string currency;
};

/// What a price is paid for.
enum class PricedBy { gpu_hour, node_hour, month };

struct Price {
  Money money;
  PricedBy by = PricedBy::gpu_hour;
};

inline constexpr double hour_s = 3600.0;
inline constexpr double month_s = 730.0 * hour_s;  ///< 8760 h a year over 12, as clouds bill a month

/// `2M`, `450k`, `1.5e6`, `$2M`, `2M USD`, `EUR 450k`: k, M, B (10^9); `$` is USD, `€` is EUR, a currency is three
/// capitals. @throws InputError naming what is expected; if negative or not finite
[[nodiscard]] Money money_from_text(std::string_view text);

/// `2.5`, `2.5/gpu-hour`, `$20/node-hour`, `450k EUR/month`; without a unit it is for a GPU-hour. @throws InputError
[[nodiscard]] Price price_from_text(std::string_view text);

/// `2.5,1.9`: one for each offer. @throws InputError
[[nodiscard]] std::vector<Price> prices_from_text(std::string_view text);

/// Three digits and k, M or B, with the currency: `1.23 M USD`, `450`.
[[nodiscard]] std::string money_text(double amount, std::string const& currency);
/// As price_from_text reads it: `2.5 USD/gpu-hour`.
[[nodiscard]] std::string price_text(Price const& price);

/// A positive count of steps or samples: `500000`, `500k`, `15T`, `1.5e12`; k, M, B or G, T. @throws InputError
[[nodiscard]] double count_from_text(std::string_view text);

}  // namespace kurve::data
