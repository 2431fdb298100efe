// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <simgrid/s4u.hpp>
#include <string>
#include <vector>

#include "bench/peers.hpp"

namespace kurve::bench {
namespace {

namespace sg = simgrid::s4u;

/// Hosts in a ring, a link from each to the next, 2(K-1) messages of a chunk each: the traffic of ring_makespan_s.
double run(int ranks) {
  sg::Engine engine("kurve_bench");
  auto* const zone = sg::create_full_zone("ring");
  std::vector<sg::Host*> hosts;
  for (int k = 0; k < ranks; ++k) hosts.push_back(zone->create_host("h" + std::to_string(k), 1e9)->seal());
  for (std::size_t k = 0; k < hosts.size(); ++k) {
    auto* const next = hosts[(k + 1) % hosts.size()];
    auto* const link = zone->create_link("l" + std::to_string(k), 1e10)->set_latency(1e-5)->seal();
    zone->add_route(hosts[k]->get_netpoint(), next->get_netpoint(), nullptr, nullptr, {sg::LinkInRoute(link)}, false);
  }
  zone->seal();
  for (int k = 0; k < ranks; ++k)
    sg::Actor::create("a", hosts[static_cast<std::size_t>(k)], [k, ranks] {
      auto* const to = sg::Mailbox::by_name(std::to_string((k + 1) % ranks));
      auto* const from = sg::Mailbox::by_name(std::to_string(k));
      static char payload;
      for (int step = 0; step < 2 * (ranks - 1); ++step) {
        auto const sent = to->put_async(&payload, 1000);
        from->get<char>();
        sent->wait();
      }
    });
  std::clock_t const start = std::clock();
  engine.run();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

}  // namespace

double simgrid_ring_s(long ranks) {
  int ends[2];
  if (pipe(ends) != 0) return -1.0;
  pid_t const child = fork();  // its engine exists once a process
  if (child == 0) {
    double const seconds = run(static_cast<int>(ranks));
    _exit(write(ends[1], &seconds, sizeof seconds) == sizeof seconds ? 0 : 1);
  }
  close(ends[1]);
  double seconds = -1.0;
  bool const complete = read(ends[0], &seconds, sizeof seconds) == sizeof seconds;
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return complete ? seconds : -1.0;
}

}  // namespace kurve::bench
