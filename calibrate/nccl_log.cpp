// SPDX-License-Identifier: Apache-2.0
#include "calibrate/nccl_log.hpp"

namespace kurve::calibrate {
namespace {

/// The word after `before`, "" where the line does not have it.
std::string_view word_after(std::string_view line, std::string_view before) {
  auto const at = line.find(before);
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + before.size());
  return line.substr(0, line.find_first_of(" \r\n"));
}

}  // namespace

std::string nccl_version_text(int code) {
  int const major = code < 10000 ? code / 1000 : code / 10000;
  int const minor = code < 10000 ? code / 100 % 10 : code / 100 % 100;
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(code % 100);
}

std::string nccl_choice(std::string_view log, std::int64_t bytes) {
  std::string const wanted = "AllReduce: " + std::to_string(bytes) + " Bytes -> ";
  auto const at = log.rfind(wanted);
  if (at == std::string_view::npos) return {};
  auto const line = log.substr(at, log.find('\n', at) - at);
  auto const algorithm = word_after(line, "Algo "), protocol = word_after(line, "proto ");
  if (algorithm.empty() || protocol.empty()) return {};
  return std::string(algorithm) + "/" + std::string(protocol);
}

}  // namespace kurve::calibrate
