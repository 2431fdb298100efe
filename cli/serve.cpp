// SPDX-License-Identifier: Apache-2.0
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/output.hpp"
#include "cli/page_server.hpp"
#include "cli/verbs.hpp"
#include "data/csv.hpp"
#include "data/model_file.hpp"
#include "data/open_file.hpp"
#include "model/error.hpp"

namespace kurve::cli {
namespace {

constexpr std::size_t longest_token_file = 4096;

/// 128 bits of the kernel's own randomness, as hex.
std::string made_up_token() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw DeviceError("getrandom (" + std::string(std::strerror(errno)) + ")");
  constexpr char const* digits = "0123456789abcdef";
  std::string text;
  for (auto const byte : bytes) text += {digits[byte >> 4], digits[byte & 15]};
  return text;
}

/// What --token names. The secret itself is no argument: every user of the machine sees those in the list of processes.
std::string token_from(std::string const& where) {
  if (where == "new") return made_up_token();
  std::string token;
  if (where.starts_with("env:")) {
    char const* const value = std::getenv(where.c_str() + 4);
    if (value == nullptr) throw InputError("--token '" + where + "' (no such environment variable is set)");
    token = value;
  } else if (where.starts_with("file:")) {
    token = data::read_whole(where.substr(5), longest_token_file);
    token.erase(token.find_last_not_of(" \t\r\n") + 1);
  } else {
    throw InputError(
        "--token (must be new, env:NAME or file:PATH: whoever lists the processes of this machine sees an argument). "
        "Put the secret into an environment variable or a file and name that.");
  }
  if (token.empty()) throw InputError("--token '" + where + "' (holds nothing)");
  return token;
}

}  // namespace

int serve(Arguments const& arguments) {
  namespace po = boost::program_options;
  CommandLine line(
      "serve [MODEL]... [options]",
      "A page in the browser on which every number of simulate and plan moves with sliders, computed by the "
      "same engine; with lessons. It listens on this machine alone and loads nothing from elsewhere. "
      "Ends with Ctrl-C.",
      "  kurve serve docs/tutorial/strong.json --port 8765      # then open the address it prints");
  line.takes_inputs(-1);
  line.options().add_options()("port,p", po::value<int>()->default_value(0), "0: any free one")(
      "host", po::value<std::string>()->default_value("127.0.0.1"),
      "the address to listen on; another than loopback always has a token")(
      "token", po::value<std::string>()->value_name("WHERE"),
      "secret required with every question, part of the printed address: new (made up), env:NAME (of an environment "
      "variable) or file:PATH");
  if (!line.parse(arguments)) return ok;
  std::vector<ServedModel> models;
  for (auto const& path : line.all("input")) models.push_back({path, data::read_model(path)});
  models.push_back(lesson_model());
  WhatIf const what_if(std::move(models));

  auto const host = line.get<std::string>("host");
  auto const where = line.find<std::string>("token");
  PageServer server(what_if, {.host = host,
                              .port = line.get<int>("port"),
                              .token = where               ? token_from(*where)
                                       : is_loopback(host) ? ""
                                                           : made_up_token()});
  print("serving " + server.url() + " (Ctrl-C ends it)\n");
  server.run();
  return ok;
}

}  // namespace kurve::cli
