// SPDX-License-Identifier: Apache-2.0
#include "data/input_stream.hpp"

#include <unistd.h>
#include <zlib.h>

#include <streambuf>

#include "data/open_file.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

constexpr std::size_t prefix_bytes = std::size_t{1} << 20;  // launchers print a lot before the first line that counts

}  // namespace

/// zlib reads gzip and, unchanged, everything else.
class InputStream::Buffer : public std::streambuf {
 public:
  explicit Buffer(std::string const& path) : path_(path) {
    int const descriptor = open_descriptor(path);
    file_ = gzdopen(descriptor, "rb");
    if (file_ == nullptr) {
      ::close(descriptor);
      throw DataError(path, 0, "cannot be read (zlib has no memory for it)");
    }
    gzbuffer(file_, 1U << 18);
  }
  ~Buffer() override { gzclose(file_); }
  Buffer(Buffer const&) = delete;
  Buffer& operator=(Buffer const&) = delete;

  std::string_view prefix() {
    if (gptr() == nullptr) fill();
    return {eback(), static_cast<std::size_t>(egptr() - eback())};
  }

 protected:
  int_type underflow() override {
    if (gptr() == nullptr || gptr() == egptr()) fill();
    return gptr() == egptr() ? traits_type::eof() : traits_type::to_int_type(*gptr());
  }

 private:
  void fill() {
    std::size_t size = 0;  // a pipe gives less at a time than is asked for
    while (size < prefix_bytes) {
      int const n = gzread(file_, bytes_.get() + size, static_cast<unsigned>(prefix_bytes - size));
      if (n < 0) fail();
      if (n == 0) break;
      size += static_cast<std::size_t>(n);
    }
    int code = Z_OK;
    gzerror(file_, &code);
    if (size < prefix_bytes && code == Z_BUF_ERROR) fail();
    setg(bytes_.get(), bytes_.get(), bytes_.get() + size);
  }

  [[noreturn]] void fail() {
    int code = Z_OK;
    std::string const reason = gzerror(file_, &code);
    if (code == Z_BUF_ERROR) throw DataError(path_, 0, "the compressed data is cut off (gzip). Copy the file again?");
    throw DataError(path_, 0, "cannot be decompressed (" + reason.substr(reason.rfind(": ") + 1) + ")");
  }

  std::string path_;
  gzFile file_ = nullptr;
  std::unique_ptr<char[]> bytes_ = std::make_unique_for_overwrite<char[]>(prefix_bytes);
};

InputStream::InputStream(std::string const& path) : std::istream(nullptr), buffer_(std::make_unique<Buffer>(path)) {
  rdbuf(buffer_.get());
}

InputStream::~InputStream() = default;

std::string_view InputStream::prefix() { return buffer_->prefix(); }

std::string read_rest(std::istream& in, std::string const& path, std::size_t most) {
  std::string text;
  std::string block(std::size_t{1} << 16, '\0');
  while (auto const n = in.rdbuf()->sgetn(block.data(), static_cast<std::streamsize>(block.size()))) {
    text.append(block, 0, static_cast<std::size_t>(n));
    if (text.size() > most)
      throw DataError(path, 0, "over " + std::to_string(most >> 20) + " MiB (not a file that Kurve reads)");
  }
  return text;
}

}  // namespace kurve::data
