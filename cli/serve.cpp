// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <csignal>
#include <thread>

#include "cli/output.hpp"
#include "cli/page_server.hpp"
#include "cli/verbs.hpp"
#include "data/model_file.hpp"

namespace kurve::cli {

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
      "the address to listen on; another than loopback needs --token")(
      "token", po::value<std::string>()->value_name("SECRET"),
      "asked of every question: whoever has the address printed has it");
  if (!line.parse(arguments)) return ok;
  std::vector<ServedModel> models;
  for (auto const& path : line.all("input")) models.push_back({path, data::read_model(path)});
  models.push_back(lesson_model());
  WhatIf const what_if(std::move(models));

  // Before any thread: all inherit it, and only the waiting thread below takes the signals.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  PageServer server(what_if, {.host = line.get<std::string>("host"),
                              .port = line.get<int>("port"),
                              .token = line.find<std::string>("token").value_or("")});
  print("serving " + server.url() + " (Ctrl-C ends it)\n");
  std::atomic<bool> ended{false};
  std::jthread waiter([&] {
    do {  // a signal before the server listens does not stop it: the next one does
      int signal = 0;
      sigwait(&signals, &signal);
      server.stop();
    } while (!ended);
  });
  server.run();
  ended = true;
  pthread_kill(waiter.native_handle(), SIGTERM);
  return ok;
}

}  // namespace kurve::cli
