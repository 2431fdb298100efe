// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kurve::cli {

/// While one lives, Ctrl-C (SIGINT) and SIGTERM ask the program to end instead of ending it; the second one ends it.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(Interrupt const&) = delete;
  Interrupt& operator=(Interrupt const&) = delete;

  /// The signal that asked, 0 if none has.
  [[nodiscard]] static int signal();
  /// What a shell expects of a program that a signal ended: 128 + signal.
  [[nodiscard]] static int exit_code() { return 128 + signal(); }
};

}  // namespace kurve::cli
