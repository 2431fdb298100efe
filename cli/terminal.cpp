// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <iostream>

#include "data/descriptor.hpp"
#include "data/printable.hpp"
#include "data/quantity_text.hpp"

namespace kurve::cli {

void print(std::string const& text) {
  errno = 0;
  if (!(std::cout << data::printable(text) << std::flush))
    data::throw_unwritable("to standard output", errno != 0 ? errno : EIO);
}

int terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

namespace {

constexpr std::chrono::seconds between_beats{10};
std::atomic<Heartbeat*> beating{nullptr};

}  // namespace

Heartbeat::Heartbeat(std::string verb) : verb_(std::move(verb)), thread_([this] { run(); }) { beating = this; }

Heartbeat::~Heartbeat() {
  beating = nullptr;
  {
    std::scoped_lock const lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Heartbeat::note(std::string text) {
  auto* const heart = beating.load();
  if (heart == nullptr) return;
  std::scoped_lock const lock(heart->mutex_);
  heart->note_ = std::move(text);
}

void Heartbeat::hold(bool is_held) {
  auto* const heart = beating.load();
  if (heart == nullptr) return;
  std::scoped_lock const lock(heart->mutex_);
  heart->is_held_ = is_held;
}

void Heartbeat::run() {
  std::unique_lock lock(mutex_);
  for (auto spent = between_beats; !changed_.wait_for(lock, between_beats, [&] { return is_over_; });
       spent += between_beats)
    if (!is_held_)
      std::cerr << "kurve " + verb_ + ": at work for " + std::to_string(spent.count()) + " s" +
                       (note_.empty() ? "" : "; " + data::printable_line(note_)) + "\n";
}

ProgressBar::ProgressBar(CommandLine const& line, std::string label)
    : label_(std::move(label)),
      visible_(!line.quiet() && isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      last_() {
  Heartbeat::hold(visible_);
}

ProgressBar::~ProgressBar() {
  if (visible_) std::cerr << "\r\033[K" << std::flush;
  Heartbeat::hold(false);
  Heartbeat::note({});
}

void ProgressBar::show(double fraction, std::string const& detail) {
  auto const now = std::chrono::steady_clock::now();
  if (now - last_ < std::chrono::milliseconds(100)) return;  // a slow terminal must not slow the work
  last_ = now;
  fraction = std::clamp(fraction, 0.0, 1.0);
  if (!visible_) {
    double const spent_s = std::chrono::duration<double>(now - start_).count();
    std::string const left =
        fraction > 0.01 ? ", about " + data::duration_text(Seconds{spent_s * (1.0 / fraction - 1.0)}) + " more" : "";
    return Heartbeat::note(label_ + " " + std::to_string(static_cast<int>(100.0 * fraction)) + " %" + left + " " +
                           detail);
  }
  constexpr int cells = 24;
  int const full = static_cast<int>(std::lround(cells * fraction));
  std::string text = label_ + " [" + std::string(static_cast<std::size_t>(full), '#') +
                     std::string(static_cast<std::size_t>(cells - full), '.') + "] " +
                     std::to_string(static_cast<int>(100.0 * fraction)) + "% " + detail;
  std::cerr << "\r\033[K" << text.substr(0, static_cast<std::size_t>(terminal_width() - 1)) << std::flush;
}

}  // namespace kurve::cli
