// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.hpp"

#include <csignal>
#include <initializer_list>

namespace kurve::cli {
namespace {

volatile std::sig_atomic_t caught = 0;  // a handler can reach nothing else

void note(int signal) { caught = signal; }

void handle(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);  // the second signal finds the system's own handler
  sigemptyset(&action.sa_mask);
  for (int const signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

}  // namespace

Interrupt::Interrupt() {
  caught = 0;
  handle(note);
}
Interrupt::~Interrupt() { handle(SIG_DFL); }
int Interrupt::signal() { return caught; }

}  // namespace kurve::cli
