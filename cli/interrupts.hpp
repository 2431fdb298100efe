// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

namespace kurve::cli {

/// While it lives, the first Ctrl-C (or SIGTERM) is only noted, so that a long run can end with what it has; the second
/// one kills.
class Interrupts {
 public:
  Interrupts() {
    signalled = 0;
    struct sigaction note {};
    note.sa_handler = [](int) { signalled = 1; };
    note.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &note, &before_int_);
    sigaction(SIGTERM, &note, &before_term_);
  }
  ~Interrupts() {
    sigaction(SIGINT, &before_int_, nullptr);
    sigaction(SIGTERM, &before_term_, nullptr);
  }
  Interrupts(Interrupts const&) = delete;
  Interrupts& operator=(Interrupts const&) = delete;

  [[nodiscard]] bool seen() const { return signalled != 0; }

 private:
  static inline std::sig_atomic_t volatile signalled = 0;
  struct sigaction before_int_ {
  }, before_term_{};
};

}  // namespace kurve::cli
