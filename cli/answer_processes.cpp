// SPDX-License-Identifier: Apache-2.0
#include "cli/answer_processes.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "data/descriptor.hpp"
#include "data/printable.hpp"

namespace kurve::cli {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using Clock = std::chrono::steady_clock;
using Error = boost::system::error_code;

// Our choices: the page's questions take some 100 ms, the heaviest we found (an all-reduce by tree) 15 s of a busy
// core.
constexpr std::chrono::seconds longest_answer{60};
constexpr std::chrono::milliseconds longest_ending{300}, between_looks{2};
constexpr int out_of_memory = 3, no_answer = 4;  // how a child ends

/// Before a question: the bytes of its path and of its request. Before an answer: its status and the bytes of its body.
using Head = std::array<std::uint64_t, 2>;

/// Blocks until all is there. @return false where the parent is gone
bool read_all(int fd, void* to, std::size_t size) {
  for (auto* at = static_cast<char*>(to); size > 0;) {
    auto const n = ::read(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

int exit_code_of(std::exception_ptr const& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (std::bad_alloc const&) {
    return out_of_memory;
  } catch (...) {
    return no_answer;
  }
}

/// A child's own state. It ends with its parent; a Ctrl-C is for the parent; where memory is short, the kernel takes it
/// first; and no file of the parent stays open, for that would keep its port and its clients' connections.
/// @return the channel to the parent
data::Descriptor settle_child(int channel, pid_t parent) {
  constexpr int kept = 3;
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
  for (int const signal : {SIGINT, SIGTERM}) std::signal(signal, SIG_DFL);
  ::dup2(channel, kept);
  ::fcntl(kept, F_SETFD, FD_CLOEXEC);
  if (::close_range(kept + 1, ~0U, 0) != 0)
    for (long fd = kept + 1, end = ::sysconf(_SC_OPEN_MAX); fd < end; ++fd) ::close(static_cast<int>(fd));
  data::Descriptor const score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (score.get() >= 0) static_cast<void>(score.write_all("1000"));
  std::set_terminate([] { ::_exit(exit_code_of(std::current_exception())); });
  return data::Descriptor(kept);
}

/// A child's whole life.
void answer_questions(data::Descriptor const& channel, AnswerProcesses::Maker const& make) {
  for (Head head{}; read_all(channel.get(), head.data(), sizeof head);) {
    std::string path(head[0], '\0'), request(head[1], '\0');
    if (!read_all(channel.get(), path.data(), path.size())) return;
    if (!read_all(channel.get(), request.data(), request.size())) return;
    Answer const answer = make(path, request);
    Head const said{answer.status, answer.body.size()};
    if (channel.write_all({reinterpret_cast<char const*>(said.data()), sizeof said}) != 0) return;
    if (channel.write_all(answer.body) != 0) return;
  }
}

/// @param status  as waitpid(2) left it
Answer answer_of_failure(int status) {
  bool const is_bug = WIFEXITED(status) ? WEXITSTATUS(status) == no_answer : WTERMSIG(status) != SIGKILL;
  return is_bug ? refusal(500, "internal error (a bug: report it with the request)")
                : refusal(503, "no memory for this answer");
}

}  // namespace

/// Without the JSON library, whose destructor ends a process that is out of memory: the parent answers so, too.
Answer refusal(unsigned status, std::string const& reason) {
  std::string text;
  for (char const c : data::printable_line(reason))
    text += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
  return {status, "application/json", R"({"error":")" + text + R"("})"};
}

struct AnswerProcesses::Question {
  std::string path, request;
  Done done;
};

/// One child, or none yet, and the question it is at.
class AnswerProcesses::Process {
 public:
  explicit Process(AnswerProcesses& all) : all_(all), stream_(all.io_), overdue_(all.io_) {}

  [[nodiscard]] bool is_free() const { return !question_; }

  void take(Question question) {
    question_ = std::move(question);
    attempt([this] {
      is_late_ = false;
      if (child_ == 0 || has_ended()) begin();
      overdue_.expires_after(longest_answer);
      overdue_.async_wait([this, number = number_](Error error) {
        if (error || number != number_) return;
        is_late_ = true;
        ::kill(-child_, SIGKILL);  // which ends the waiting below
      });
      Head const asked{question_->path.size(), question_->request.size()};
      std::array<asio::const_buffer, 3> const parts{asio::buffer(asked), asio::buffer(question_->path),
                                                    asio::buffer(question_->request)};
      asio::write(stream_, parts);  // waits for nobody: a question is smaller than the socket's buffer
      received_ = 0;
      receive();
    });
  }

  /// Tells the child that nothing more is asked.
  void close() {
    Error ignored;
    stream_.close(ignored);
  }

  /// The child is gone when this returns. @return how it ended; as one that found no memory where there was none
  int end(Clock::time_point deadline) {
    close();
    while (child_ != 0 && !has_ended()) {
      if (Clock::now() >= deadline) ::kill(-child_, SIGKILL);
      std::this_thread::sleep_for(between_looks);
    }
    return std::exchange(status_, SIGKILL);
  }

 private:
  void begin() {
    close();
    stream_protocol::socket theirs(all_.io_);
    asio::local::connect_pair(stream_, theirs);
    pid_t const parent = ::getpid(), child = ::fork();
    if (child < 0) throw boost::system::system_error(errno, boost::system::system_category());
    if (child == 0) {
      try {
        answer_questions(settle_child(theirs.native_handle(), parent), all_.maker_);
        ::_exit(0);
      } catch (...) {
        ::_exit(exit_code_of(std::current_exception()));
      }
    }
    child_ = child;
    ::setpgid(child, child);  // whoever of the two is first
  }

  bool has_ended() {
    if (::waitpid(child_, &status_, WNOHANG) == 0) return false;
    child_ = 0;
    return true;
  }

  /// Waits and then reads, for an asynchronous read that finds no memory forgets its handler.
  void receive() {
    stream_.async_wait(stream_protocol::socket::wait_read, [this](Error error) {
      if (error) return fail();
      attempt([this] {
        if (!receive_some()) return receive();
        settle([this] { return std::move(answer_); });
      });
    });
  }

  /// @return whether all of the answer is there
  bool receive_some() {
    if (received_ < sizeof said_) {
      received_ += stream_.read_some(asio::buffer(said_) + received_);
      if (received_ < sizeof said_) return false;
      answer_ = {.status = static_cast<unsigned>(said_[0]), .type = "application/json", .body = {}};
      answer_.body.resize(said_[1]);
    } else {
      received_ += stream_.read_some(asio::buffer(answer_.body) + (received_ - sizeof said_));
    }
    return received_ == sizeof said_ + answer_.body.size();
  }

  /// What the parent itself has no memory for is the end of this question, and of its child: they are out of step.
  template <typename Step>
  void attempt(Step step) {
    try {
      step();
    } catch (std::exception const&) {
      fail();
    }
  }
  void fail() {
    int const status = end(Clock::now());
    settle([&] { return is_late_ ? refusal(503, "this answer (took more than 60 s)") : answer_of_failure(status); });
  }

  /// Whoever asked is forgotten where there is no memory to tell.
  template <typename Make>
  void settle(Make make) {
    ++number_;
    overdue_.cancel();
    auto const question = std::exchange(question_, std::nullopt);
    try {
      question->done(make());
    } catch (std::exception const&) {
    }
    all_.give();
  }

  AnswerProcesses& all_;
  stream_protocol::socket stream_;
  asio::steady_timer overdue_;
  pid_t child_ = 0;       ///< 0: none
  int status_ = SIGKILL;  ///< of the child that ended last, as waitpid(2) leaves it
  bool is_late_ = false;
  std::optional<Question> question_;
  std::uint64_t number_ = 0;  ///< of the question
  std::size_t received_ = 0;  ///< bytes of its answer, head and body
  Head said_{};
  Answer answer_;
};

AnswerProcesses::AnswerProcesses(asio::io_context& io, std::size_t count, Maker maker)
    : io_(io), maker_(std::move(maker)) {
  for (std::size_t i = 0; i < count; ++i) processes_.emplace_back(*this);
}

AnswerProcesses::~AnswerProcesses() {
  for (auto& process : processes_) process.close();
  auto const deadline = Clock::now() + longest_ending;
  for (auto& process : processes_) process.end(deadline);
}

void AnswerProcesses::ask(std::string path, std::string request, Done done) {
  waiting_.push_back({std::move(path), std::move(request), std::move(done)});
  give();
}

/// A question that fails at once comes back here: its process is free again, and the loop goes on with it.
void AnswerProcesses::give() {
  if (std::exchange(is_giving_, true)) return;
  for (auto process = processes_.begin(); process != processes_.end() && !waiting_.empty();)
    if (process->is_free()) {
      auto question = std::move(waiting_.front());
      waiting_.pop_front();
      process->take(std::move(question));
    } else {
      ++process;
    }
  is_giving_ = false;
}

}  // namespace kurve::cli
