// SPDX-License-Identifier: Apache-2.0
#include "data/append_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "model/error.hpp"

namespace kurve::data {
namespace {

[[noreturn]] void fail(std::string const& path, int error) { throw_unwritable("'" + path + "'", error); }

}  // namespace

AppendFile::AppendFile(std::string path)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (file_.get() < 0) fail(path_, errno);
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) throw InputError("'" + path_ + "' is being written by another process");
    if (errno != ENOLCK && errno != EOPNOTSUPP) fail(path_, errno);  // some network file systems lock nothing
  }
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) fail(path_, errno);
  size_ = static_cast<std::uint64_t>(status.st_size);
}

void AppendFile::truncate(std::uint64_t size) {
  if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) fail(path_, errno);
  size_ = size;
}

void AppendFile::append(std::string_view text) {
  int error = file_.write_all(text);
  if (error == 0 && ::fsync(file_.get()) != 0 && errno != EINVAL) error = errno;  // EINVAL: a device has no disk
  if (error != 0) {
    // The first error is the one to tell.
    [[maybe_unused]] int const ignored = ::ftruncate(file_.get(), static_cast<off_t>(size_));
    fail(path_, error);
  }
  size_ += text.size();
}

}  // namespace kurve::data
