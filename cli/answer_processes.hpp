// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <list>
#include <string>

namespace kurve::cli {

/// What is answered, before it is a message.
struct Answer {
  unsigned status = 200;
  std::string type, body;
};

/// `{"error": reason}`.
[[nodiscard]] Answer refusal(unsigned status, std::string const& reason);

/// Child processes that make answers, one each at a time, so that whatever becomes of an answer (no memory, a bug, no
/// end) is the end of that answer alone. Catching std::bad_alloc would not do: a JSON value allocates in its destructor
/// (nlohmann-json 3.11), and the kernel ends a process that takes too much. They end with this process; one that ended
/// before is begun anew with the next question.
///
/// All of it belongs to the thread that runs the io_context, and the process must have no other.
class AnswerProcesses {
 public:
  /// Runs in a child; the type of what it answers is not handed on. What it throws is 503 where it is std::bad_alloc,
  /// else 500.
  using Maker = std::function<Answer(std::string const& path, std::string const& request)>;
  using Done = std::function<void(Answer)>;

  AnswerProcesses(boost::asio::io_context& io, std::size_t count, Maker maker);
  /// An answer in hand has a moment to be finished.
  ~AnswerProcesses();
  AnswerProcesses(AnswerProcesses const&) = delete;
  AnswerProcesses& operator=(AnswerProcesses const&) = delete;

  /// First come, first served. `done` is called once, by a handler of the io_context or before this returns; it may
  /// throw std::bad_alloc, and is forgotten then.
  void ask(std::string path, std::string request, Done done);

 private:
  struct Question;
  class Process;
  void give();

  boost::asio::io_context& io_;
  Maker maker_;
  std::list<Question> waiting_;
  std::list<Process> processes_;
  bool is_giving_ = false;
};

}  // namespace kurve::cli
