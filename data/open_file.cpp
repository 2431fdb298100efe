// SPDX-License-Identifier: Apache-2.0
#include "data/open_file.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "model/error.hpp"

namespace kurve::data {

std::ifstream open_for_reading(std::string const& path) {
  std::error_code error;
  auto const status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) throw DataError(path, 0, "no such file");
  if (status.type() == std::filesystem::file_type::directory)
    throw DataError(path, 0, "is a directory (expected a file). Name the files in it?");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw DataError(path, 0, std::string("cannot be read (") + std::strerror(errno != 0 ? errno : EIO) + ")");
  return in;
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
