// SPDX-License-Identifier: Apache-2.0
#include "data/provenance.hpp"

#include <sys/utsname.h>

#include <array>
#include <ctime>
#include <fstream>

#include "data/csv.hpp"
#include "data/open_file.hpp"
#include "data/sha256.hpp"

namespace kurve::data {
namespace {

std::string utc_now() {
  std::time_t const now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

/// The first "model name" of /proc/cpuinfo; "" where there is none (other kernels, some ARM boards).
std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (auto const colon = line.find(':'); line.starts_with("model name") && colon != std::string::npos)
      return std::string(trimmed(std::string_view(line).substr(colon + 1)));
  return {};
}

}  // namespace

Provenance this_machine() {
  Provenance p;
  p.version = KURVE_VERSION;
  p.processor = processor_name();
  p.utc_time = utc_now();
  if (utsname names{}; uname(&names) == 0) {
    p.host = names.nodename;
    p.kernel = std::string(names.sysname) + " " + names.release;
  }
  return p;
}

std::string file_digest(std::string const& path) {
  auto in = open_for_reading(path);
  Sha256 digest;
  std::array<char, 1 << 16> block{};
  while (in.read(block.data(), block.size()) || in.gcount() > 0)
    digest.add({block.data(), static_cast<std::size_t>(in.gcount())});
  return digest.finish();
}

}  // namespace kurve::data
