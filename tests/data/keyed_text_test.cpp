// SPDX-License-Identifier: Apache-2.0
#include "data/keyed_text.hpp"

#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using data::KeyedText;

TEST_SUITE_BEGIN("unit");

TEST_CASE("keyed text: values by type and what is left out by its default") {
  KeyedText text(" wait : fixed=5ms, gradient=2MiB,noise=0.02 ,layers=3,precision=bf16,");
  CHECK(text.name() == "wait");
  CHECK(text.seconds("fixed", Seconds{1.0}).count() == 5e-3);
  CHECK(text.seconds("serial", Seconds{2e-3}).count() == 2e-3);
  CHECK(text.bytes("gradient", {0}).count == 2 << 20);
  CHECK(text.number("noise", 0.0, 0.0, 1.0) == 0.02);
  CHECK(text.whole("layers", 1, 1, 9) == 3);
  CHECK(text.text("precision", "fp32") == "bf16");
  CHECK_NOTHROW(text.expect_no_more());
  CHECK(KeyedText("mlp").name() == "mlp");
  CHECK(KeyedText("mlp:").name() == "mlp");
}

TEST_CASE("keyed text: mistakes are named") {
  auto const message = [](char const* text) {
    return test::message_of<InputError>([&] {
      KeyedText keyed(text);
      static_cast<void>(keyed.number("noise", 0.0, 0.0, 1.0));
      static_cast<void>(keyed.whole("layers", 1, 1, 9));
      keyed.expect_no_more();
    });
  };
  CHECK(message("") == "'' (expected name: key=value,key=value)");
  CHECK(message("noise=1") == "'noise=1' (expected name: key=value,key=value)");
  CHECK(message("wait: noise") == "wait: 'noise' (expected key=value)");
  CHECK(message("wait: =1") == "wait: '=1' (expected key=value)");
  CHECK(message("wait: noise=1,noise=0") == "wait: 'noise' is given twice (one value each)");
  CHECK(message("wait: noise=2") == "wait: noise='2' (must be a number from 0 to 1)");
  CHECK(message("wait: noise=nan") == "wait: noise='nan' (must be a number from 0 to 1)");
  CHECK(message("wait: layers=1.5") == "wait: layers=1.5 (must be a whole number)");
  CHECK(message("wait: nose=1") == "wait: unknown key 'nose' (expected noise, layers). Did you mean 'noise'?");
}

TEST_SUITE_END();
