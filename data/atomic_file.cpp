// SPDX-License-Identifier: Apache-2.0
#include "data/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "data/descriptor.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

[[noreturn]] void fail(std::string const& path, int error) {
  throw InputError("cannot write '" + path + "' (" + std::strerror(error) + ")");
}

/// 0 or errno. The temporary file is not there afterwards, unless it became `path`.
int replace(std::string const& path, mode_t const* mode, std::string_view content) {
  std::string const temporary = path + ".tmp" + std::to_string(::getpid());
  Descriptor const file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.get() < 0) return errno;
  int error = file.write_all(content);
  if (error == 0 && mode != nullptr && ::fchmod(file.get(), *mode & 07777) != 0) error = errno;
  if (error == 0 && ::fsync(file.get()) != 0) error = errno;
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) ::unlink(temporary.c_str());
  return error;
}

}  // namespace

void write_file(std::string const& path, std::string_view content) {
  std::error_code ignored;
  auto const target = std::filesystem::weakly_canonical(path, ignored);
  std::string const file = target.empty() ? path : target.string();
  struct stat status {};
  bool const exists = ::stat(file.c_str(), &status) == 0;
  int error = 0;
  if (exists && S_ISDIR(status.st_mode)) {
    error = EISDIR;
  } else if (exists && !S_ISREG(status.st_mode)) {
    Descriptor const device(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    error = device.get() < 0 ? errno : device.write_all(content);
  } else {
    error = path.empty() ? ENOENT : replace(file, exists ? &status.st_mode : nullptr, content);
  }
  if (error != 0) fail(path, error);
}

}  // namespace kurve::data
