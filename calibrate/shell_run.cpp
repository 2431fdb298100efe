// SPDX-License-Identifier: Apache-2.0
#include "calibrate/shell_run.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "data/descriptor.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

constexpr auto poll_interval = std::chrono::milliseconds(20);  // asleep between: a busy wait would slow what is timed
constexpr double grace_s = 5.0;                                // mpirun takes about 2 s to end its ranks

/// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void become(char const* command, int input, int log) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < 32; ++signal) sigaction(signal, &action, nullptr);
  dup2(input, 0);
  dup2(log, 1);
  dup2(log, 2);
  execl("/bin/sh", "sh", "-c", command, static_cast<char*>(nullptr));
  _exit(127);
}

/// Cuts the log off where it is kept to. The program writes on at the end of what is left, as it appends: no pipe of
/// ours slows it. @return bytes cut off
std::uint64_t cut_off(int log) {
  struct stat status {};
  if (::fstat(log, &status) != 0 || status.st_size <= largest_output_bytes) return 0;
  return ::ftruncate(log, largest_output_bytes) == 0 ? static_cast<std::uint64_t>(status.st_size - largest_output_bytes)
                                                     : 0;
}

/// Whether it ended; it stays a zombie until reaped, so its group keeps its number.
bool ended(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == pid;
}

}  // namespace

ShellRun run_shell(std::string const& command, std::string const& log_path, double timeout_s,
                   std::function<bool()> const& stop) {
  using Clock = std::chrono::steady_clock;
  data::Descriptor const log(::open(log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666));
  if (log.get() < 0) throw InputError("cannot write '" + log_path + "' (" + std::strerror(errno) + ")");
  data::Descriptor const input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  auto const start = Clock::now();
  auto const spent_s = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  pid_t const pid = fork();
  if (pid < 0) throw DeviceError(std::string("fork: ") + std::strerror(errno));
  if (pid == 0) become(command.c_str(), input.get(), log.get());
  setpgid(pid, pid);  // the child does it too: whichever comes first

  ShellRun run;
  double killed_s = -1.0;  // when it was asked to go
  while (!ended(pid)) {
    if (killed_s >= 0.0) {
      if (spent_s() > killed_s + grace_s) kill(-pid, SIGKILL);
    } else {
      run.stopped = stop && stop();
      run.timed_out = !run.stopped && spent_s() > timeout_s;
      if (run.stopped || run.timed_out) {
        kill(-pid, SIGTERM);
        killed_s = spent_s();
      }
    }
    run.bytes_left_out += cut_off(log.get());
    std::this_thread::sleep_for(poll_interval);
  }
  run.elapsed_s = spent_s();
  kill(-pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  run.bytes_left_out += cut_off(log.get());
  if (run.bytes_left_out > 0)
    static_cast<void>(log.write_all("\n(kurve: at least " + std::to_string(run.bytes_left_out) +
                                    " bytes of output left out from here on)\n"));
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return run;
}

}  // namespace kurve::calibrate
