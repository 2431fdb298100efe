// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kurve::data {

/// SHA-256 of a stream of bytes. Transcribed from FIPS 180-4 sections 4.1.2, 4.2.2, 5.1.1 and 6.2.2, because OpenSSL is
/// a large dependency for the one digest that provenance needs.
class Sha256 {
 public:
  void add(std::string_view bytes);
  /// Lower-case hex of all bytes added; ends the use of this object.
  [[nodiscard]] std::string finish();

 private:
  void add_block(unsigned char const* block);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> buffer_{};
  std::uint64_t length_ = 0;  // bytes added
};

}  // namespace kurve::data
