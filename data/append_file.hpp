// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data/descriptor.hpp"

namespace kurve::data {

/// A file that is only ever added to, by one process at a time. What was added is on the disk when `append` returns.
class AppendFile {
 public:
  AppendFile() = default;  ///< of no file: only to be assigned to
  /// Opens the file, making it where absent, and locks it until the end of its life.
  /// @throws InputError with the reason: no permission, a folder, another process has it; DeviceError of a full disk
  explicit AppendFile(std::string path);

  /// Cuts the file to its first `size` bytes. @throws InputError
  void truncate(std::uint64_t size);
  /// Adds `text`, whole or not at all as far as this process can tell: what a full disk took of it is cut off again.
  /// Cut off in the midst (power, kill -9), a part of it may be there.
  /// @throws DeviceError or InputError with the reason
  void append(std::string_view text);
  [[nodiscard]] std::string const& path() const { return path_; }

 private:
  std::string path_;
  Descriptor file_;
  std::uint64_t size_ = 0;
};

}  // namespace kurve::data
