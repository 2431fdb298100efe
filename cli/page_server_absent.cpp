// SPDX-License-Identifier: Apache-2.0
#include "cli/page_server.hpp"
#include "model/error.hpp"

namespace kurve::cli {

struct PageServer::Implementation {};

PageServer::PageServer(WhatIf const&, PageServerOptions) {
  throw NotBuilt(
      "this build has no page (Chart.js was not found). Install libjs-chart.js and build again.");
}
PageServer::~PageServer() = default;
std::string PageServer::url() const { return {}; }
void PageServer::run() {}

}  // namespace kurve::cli
