// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kurve::data {

/// An open file of the operating system; closed at the end of its life. Moved-from means none.
class Descriptor {
 public:
  Descriptor() = default;
  /// @param fd  as open(2) returned it; below 0 where that failed
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  [[nodiscard]] int get() const { return fd_; }

  /// Writes all of it. @return 0 or errno
  [[nodiscard]] int write_all(std::string_view content) const;

 private:
  int fd_ = -1;
};

/// @param error  errno of what failed to be written
/// @throws DeviceError where the disk or the device gave up (full, over quota, broken), InputError where the path is
/// wrong
[[noreturn]] void throw_unwritable(std::string const& what, int error);

}  // namespace kurve::data
