// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/what_if.hpp"

namespace kurve::cli {

/// Whether only this machine reaches a server that listens there.
[[nodiscard]] inline bool is_loopback(std::string const& host) {
  return host == "127.0.0.1" || host == "localhost" || host == "::1";
}

struct PageServerOptions {
  std::string host = "127.0.0.1";
  int port = 0;       ///< 0: any free one
  std::string token;  ///< asked of every question where not empty; required for a host that is not loopback
};

/// The page and its answers over HTTP.
///
/// It serves the files built into the program and nothing of the disk. A question needs a Host that is this server's
/// own loopback name (DNS rebinding) or the token, and no Origin or Sec-Fetch-Site of another site. A request may have
/// 64 KiB in all and takes at most 10 s to arrive, its answer 64 MiB and 10 s to leave; 500 clients are connected at
/// once, and the one that is waited for longest gives way to the next. What is not understood is answered with 400 and
/// the reason as `{"error": ...}`, and after anything but 200 the connection ends. Answers are made by child processes.
class PageServer {
 public:
  /// Binds. @throws InputError where the address cannot be had (a port that another server listens on), or would be
  /// open without a token
  PageServer(WhatIf const& what_if, PageServerOptions options);
  ~PageServer();
  /// "http://127.0.0.1:8765/"
  [[nodiscard]] std::string url() const;
  /// Answers until SIGINT or SIGTERM, also one that came since this was made. The process must have one thread.
  void run();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace kurve::cli
