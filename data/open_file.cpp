// SPDX-License-Identifier: Apache-2.0
#include "data/open_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "model/error.hpp"

namespace kurve::data {

namespace {

void require_file(std::string const& path) {
  std::error_code error;
  auto const status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) throw DataError(path, 0, "no such file");
  if (status.type() == std::filesystem::file_type::directory)
    throw DataError(path, 0, "is a directory (expected a file). Name the files in it?");
}

[[noreturn]] void throw_unreadable(std::string const& path) {
  throw DataError(path, 0, std::string("cannot be read (") + std::strerror(errno != 0 ? errno : EIO) + ")");
}

}  // namespace

std::ifstream open_for_reading(std::string const& path) {
  require_file(path);
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw_unreadable(path);
  return in;
}

int open_descriptor(std::string const& path) {
  if (path != "-") require_file(path);
  errno = 0;
  int const descriptor = path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw_unreadable(path);
  return descriptor;
}

std::string read_whole(std::string const& path, std::size_t most) {
  auto in = open_for_reading(path);
  std::string text;
  std::string block(std::size_t{1} << 16, '\0');
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0) {
    text.append(block, 0, static_cast<std::size_t>(in.gcount()));
    if (text.size() > most)
      throw DataError(path, 0, "over " + std::to_string(most >> 20) + " MiB (not a file that Kurve reads)");
  }
  return text;
}

}  // namespace kurve::data
