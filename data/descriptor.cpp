// SPDX-License-Identifier: Apache-2.0
#include "data/descriptor.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "model/error.hpp"

namespace kurve::data {

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void throw_unwritable(std::string const& what, int error) {
  std::string const text = "cannot write " + what + " (" + std::strerror(error) + ")";
  if (error == ENOSPC || error == EDQUOT || error == EIO || error == EFBIG || error == EPIPE) throw DeviceError(text);
  throw InputError(text);
}

int Descriptor::write_all(std::string_view content) const {
  while (!content.empty()) {
    auto const n = ::write(fd_, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace kurve::data
