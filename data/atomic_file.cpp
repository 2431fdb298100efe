// SPDX-License-Identifier: Apache-2.0
#include "data/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "data/descriptor.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

constexpr int most_links = 40;  // as many as Linux follows

/// Where the chain of symbolic links that begins at `path` ends, whether a file is there or not.
std::filesystem::path end_of_links(std::filesystem::path path) {
  std::error_code ignored;
  for (int links = 0; std::filesystem::is_symlink(std::filesystem::symlink_status(path, ignored)); ++links) {
    if (links == most_links) throw_unwritable("'" + path.string() + "'", ELOOP);
    path = path.parent_path() / std::filesystem::read_symlink(path, ignored);
  }
  return path;
}

/// A new file beside `path`, of a name that no other has, stale ones of an earlier process included.
Descriptor open_beside(std::string const& path, std::string& name) {
  for (int attempt = 0;; ++attempt) {
    name = path + ".tmp" + std::to_string(::getpid()) + "." + std::to_string(attempt);
    Descriptor file(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (file.get() >= 0 || errno != EEXIST) return file;
  }
}

/// 0 or errno. The temporary file is not there afterwards, unless it became `path`.
int replace(std::string const& path, mode_t const* mode, std::string_view content) {
  std::string temporary;
  Descriptor const file = open_beside(path, temporary);
  if (file.get() < 0) return errno;
  int error = file.write_all(content);
  if (error == 0 && mode != nullptr && ::fchmod(file.get(), *mode & 07777) != 0) error = errno;
  if (error == 0 && ::fsync(file.get()) != 0) error = errno;
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) ::unlink(temporary.c_str());
  return error;
}

/// Whether its owner said that nobody writes it: root could, and a rename could for anybody.
bool is_read_only(std::string const& path, mode_t mode) {
  return (mode & 0222) == 0 || (::access(path.c_str(), W_OK) != 0 && errno == EACCES);
}

}  // namespace

void write_file(std::string const& path, std::string_view content) {
  std::string const file = end_of_links(path).string();
  struct stat status {};
  bool const exists = ::stat(file.c_str(), &status) == 0;
  int error = 0;
  if (exists && S_ISDIR(status.st_mode)) {
    error = EISDIR;
  } else if (exists && is_read_only(file, status.st_mode)) {
    error = EACCES;
  } else if (exists && !S_ISREG(status.st_mode)) {
    Descriptor const device(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    error = device.get() < 0 ? errno : device.write_all(content);
  } else {
    error = path.empty() ? ENOENT : replace(file, exists ? &status.st_mode : nullptr, content);
  }
  if (error != 0) throw_unwritable("'" + path + "'", error);
}

bool is_same_file(std::string const& a, std::string const& b) {
  std::error_code ignored;
  if (std::filesystem::exists(a, ignored))
    return std::filesystem::is_regular_file(a, ignored) && std::filesystem::equivalent(a, b, ignored);
  auto const whole = [&](std::string const& path) {
    return std::filesystem::weakly_canonical(end_of_links(path), ignored);
  };
  return whole(a) == whole(b);
}

}  // namespace kurve::data
