// SPDX-License-Identifier: Apache-2.0
#include "data/money_text.hpp"

#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::data;

namespace {

template <typename Call>
std::string error_of(Call&& call) {
  return test::message_of<InputError>(call);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("money: amounts with and without a currency") {
    CHECK(money_from_text("2M").amount == 2e6);
    CHECK(money_from_text("2M").currency.empty());
    for (auto const* text : {"450k USD", "$450k", "USD 450k", "450kUSD", " 0.45 M $ "}) {
      CHECK(money_from_text(text).amount == 450e3);
      CHECK(money_from_text(text).currency == "USD");
    }
    CHECK(money_from_text("\u20ac1.5B").currency == "EUR");
    CHECK(error_of([] { return money_from_text("lots"); }) ==
          "amount of money 'lots' (expected a number, such as 2M or 450k USD)");
    CHECK(error_of([] { return money_from_text("2 MB"); }).find("unknown unit 'MB'") != std::string::npos);
    CHECK(error_of([] { return money_from_text("-2"); }).find("from 0 to 1e18") != std::string::npos);
    CHECK(error_of([] { return money_from_text("inf"); }).find("from 0 to 1e18") != std::string::npos);
    CHECK(error_of([] { return money_from_text(""); }).find("expected a number") != std::string::npos);
  }

  TEST_CASE("money: prices read what they print") {
    for (auto const* text : {"2.5/gpu-hour", "20 USD/node-hour", "450000 EUR/month"}) {
      auto const price = price_from_text(text);
      CHECK(price_text(price) == text);
      CHECK(price_text(price_from_text(price_text(price))) == text);
    }
    CHECK(price_from_text("2.5").by == PricedBy::gpu_hour);
    CHECK(price_from_text("450k/month").money.amount == 450e3);
    REQUIRE(prices_from_text("2.5,1.9").size() == 2);
    CHECK(prices_from_text("2.5,1.9")[1].money.amount == 1.9);
    CHECK(error_of([] { return price_from_text("2.5/gpu"); }) ==
          "price '2.5/gpu' (unknown unit 'gpu'; expected gpu-hour, node-hour or month)");
    CHECK(error_of([] { return prices_from_text("2.5,"); }).find("expected a number") != std::string::npos);
  }

  TEST_CASE("money: amounts and durations print three digits") {
    CHECK(money_text(1'234'567, "USD") == "1.23 M USD");
    CHECK(money_text(999'900, "") == "1.00 M");
    CHECK(money_text(450, "") == "450");
    CHECK(money_text(0.5, "") == "0.50");
    CHECK(duration_text(Seconds{540000}) == "6.25 d");
    CHECK(duration_text(Seconds{86400}) == "1.00 d");
    CHECK(duration_text(Seconds{2700}) == "45.0 min");
    CHECK(duration_text(Seconds{0.0015}) == "1.50 ms");
    CHECK(seconds_from_text("2w").count() == 1209600.0);
  }

  TEST_CASE("money: counts have multiples and are positive") {
    CHECK(count_from_text("15T") == 15e12);
    CHECK(count_from_text("500000") == 500000);
    CHECK(count_from_text("1.5e3k") == 1.5e6);
    CHECK(error_of([] { return count_from_text("0"); }) == "count '0' (must be positive)");
    CHECK(error_of([] { return count_from_text("many"); }).find("expected a number") != std::string::npos);
  }
}
