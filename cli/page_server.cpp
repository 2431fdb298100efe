// SPDX-License-Identifier: Apache-2.0
#include "cli/page_server.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/program_options/errors.hpp>
#include <chrono>
#include <csignal>
#include <list>
#include <optional>
#include <thread>

#include "cli/answer_processes.hpp"
#include "cli/page_files.hpp"
#include "model/error.hpp"

namespace kurve::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Error = beast::error_code;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

// Bounds, our choice: the page's longest question has 2 KiB, its longest answer some 100 KiB, and a browser opens six
// connections.
constexpr std::size_t most_head_bytes = 48 * 1024, most_body_bytes = 16 * 1024, most_target_bytes = 8 * 1024;
constexpr std::size_t most_answer_bytes = std::size_t{64} << 20;  // a Model file may have as much
constexpr std::size_t most_unsent_bytes = 2 * most_answer_bytes;  // of all connections
constexpr std::size_t most_connections = 500;                     // below the 1024 files that a process may have open
constexpr std::chrono::seconds longest_transfer{10}, longest_linger{1};

/// Compares in a time that tells nothing of where two texts differ.
bool same_secret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0U : 1U;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  return difference == 0U;
}

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

constexpr char const* policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A question of the page: where it is asked, and who answers.
struct Route {
  std::string_view path, type;
  std::string (WhatIf::*answer)(std::string const& request) const;
};
constexpr std::array routes{Route{"/api/answer", "application/json", &WhatIf::answer},
                            Route{"/api/curve.csv", "text/csv", &WhatIf::curve_csv},
                            Route{"/api/model.json", "application/json", &WhatIf::model_json},
                            Route{"/api/plot.svg", "image/svg+xml", &WhatIf::plot_svg}};

Route const* route_of(std::string_view path) {
  auto const* const found = std::find_if(routes.begin(), routes.end(), [&](auto const& r) { return r.path == path; });
  return found == routes.end() ? nullptr : found;
}

/// Whatever is wrong with one question ends as its answer; having no memory ends the child that makes it.
Answer answered(WhatIf const& what_if, Route const& route, std::string const& request) {
  try {
    Answer answer{200, std::string(route.type), (what_if.*route.answer)(request)};
    if (answer.body.size() <= most_answer_bytes) return answer;
    return refusal(507, "the answer (must have at most 64 MiB)");
  } catch (InputError const& e) {
    return refusal(400, e.what());
  } catch (boost::program_options::error const& e) {
    return refusal(400, e.what());
  } catch (NotBuilt const& e) {
    return refusal(501, e.what());
  }
}

}  // namespace

struct PageServer::Implementation {
  class Connection;

  Implementation(WhatIf const& w, PageServerOptions o) : what_if(w), options(std::move(o)) {}

  WhatIf const& what_if;
  PageServerOptions options;
  std::string const models_json = what_if.models_json();
  std::list<std::weak_ptr<Connection>> connections;  ///< oldest first
  std::size_t unsent_bytes = 0;
  asio::io_context io{1};  ///< one thread reads and writes
  asio::signal_set signals{io, SIGINT, SIGTERM};
  tcp::acceptor acceptor{io};
  asio::steady_timer pause{io};
  bool is_accepting = false;
  AnswerProcesses answers{io, std::max(2U, std::thread::hardware_concurrency()), maker()};
  AnswerProcesses plots{io, 1, maker()};  ///< one gnuplot at a time, and no answer waits for it

  [[nodiscard]] AnswerProcesses::Maker maker() const {
    return [this](auto const& path, auto const& request) { return answered(what_if, *route_of(path), request); };
  }
  [[nodiscard]] std::string authority() const {
    bool const v6 = options.host.find(':') != std::string::npos;
    return (v6 ? "[" + options.host + "]" : options.host) + ":" + std::to_string(options.port);
  }

  void bind();
  void accept();
  void accept_later();
  bool make_room();
  [[nodiscard]] std::optional<Answer> objection(http::request_header<> const& head) const;
  [[nodiscard]] std::optional<Answer> foreign(http::request_header<> const& head) const;
};

/// Why a request is one of another site; none where it is not.
std::optional<Answer> PageServer::Implementation::foreign(http::request_header<> const& head) const {
  for (auto const field : {"Host", "Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "X-Kurve-Token"})
    if (head.count(field) > 1) return refusal(400, std::string(field) + " is given twice");
  auto const host = view(head["Host"]), origin = view(head["Origin"]), site = view(head["Sec-Fetch-Site"]);
  if (is_loopback(options.host)) {
    std::string const port = ":" + std::to_string(options.port);
    if (host != "127.0.0.1" + port && host != "localhost" + port && host != "[::1]" + port)
      return refusal(403, "this page is served under its loopback name only (the Host header names another)");
  }
  if (!origin.empty() && origin != "http://" + std::string(host))
    return refusal(403, "a request of another site (the Origin header)");
  bool const navigation = head.method() == http::verb::get && view(head["Sec-Fetch-Mode"]) == "navigate";
  if (!site.empty() && site != "same-origin" && site != "none" && !navigation)
    return refusal(403, "a request of another site (the Sec-Fetch-Site header)");
  return std::nullopt;
}

/// Why a request is not to be served, by its head; none where it is.
std::optional<Answer> PageServer::Implementation::objection(http::request_header<> const& head) const {
  if (head.target().size() > most_target_bytes) return refusal(414, "an address above 8 KiB");
  if (auto refused = foreign(head)) return refused;
  if (head.method() != http::verb::get && head.method() != http::verb::post)
    return refusal(405, "method (must be GET or POST)");
  if (head.count(http::field::transfer_encoding) > 0)
    return refusal(400, "a body of unknown length (Content-Length must be given)");
  bool const question = view(head.target()).starts_with("/api/");
  if (question && !options.token.empty() && !same_secret(view(head["X-Kurve-Token"]), options.token))
    return refusal(401, "the token is missing or wrong (the address printed by `kurve serve` has it)");
  return std::nullopt;
}

/// One client: its requests one after the other, each within its time and its bytes. Answered with anything but 200,
/// its connection ends: nothing that came with a refused request is read as another one.
class PageServer::Implementation::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Implementation& server, tcp::socket socket) : server_(server), stream_(std::move(socket)) {}
  ~Connection() {
    if (unsent_bytes_ > 0) server_.unsent_bytes -= unsent_bytes_;
  }

  [[nodiscard]] bool waits_for_client() const { return !is_asking_; }
  void end() { beast::get_lowest_layer(stream_).close(); }

  void read() {
    parser_.emplace();
    parser_->header_limit(most_head_bytes);
    parser_->body_limit(most_body_bytes);
    stream_.expires_after(longest_transfer);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](Error error, std::size_t) { self->read_body(error); });
  }

 private:
  void read_body(Error error) {
    if (error) return refuse(error);
    if (auto refused = server_.objection(parser_->get())) return write(std::move(*refused));
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](Error e, std::size_t) {
      if (e) return self->refuse(e);
      self->serve();
    });
  }

  void serve() {
    request_ = parser_->release();
    auto const target = view(request_.target());
    auto const path = target.substr(0, target.find('?'));
    if (request_.method() == http::verb::get) {
      for (auto const& file : page_files())
        if (file.path == path) return write({200, std::string(file.type), std::string(file.bytes)});
      if (path == "/api/models") return write({200, "application/json", server_.models_json});
    } else if (auto const* route = route_of(path)) {
      return ask(*route);
    }
    write(refusal(404, "there is no such page"));
  }

  void ask(Route const& route) {
    is_asking_ = true;
    auto& processes = route.answer == &WhatIf::plot_svg ? server_.plots : server_.answers;
    processes.ask(std::string(route.path), std::move(request_.body()),
                  [self = shared_from_this(), &route](Answer answer) {
                    if (answer.status == 200) answer.type = route.type;
                    self->write(std::move(answer));
                  });
  }

  /// A request that was not understood. One that was not sent in its time gets no answer.
  void refuse(Error error) {
    if (error == http::error::body_limit) return write(refusal(413, "a body above 16 KiB"));
    if (error == http::error::header_limit) return write(refusal(431, "headers above 48 KiB"));
    bool const said = error.category() == http::make_error_code(http::error::bad_method).category() &&
                      error != http::error::end_of_stream && error != http::error::partial_message;
    if (said) return write(refusal(400, "this request was not understood"));
    end();
  }

  void write(Answer answer) {
    is_asking_ = false;
    if (server_.unsent_bytes + answer.body.size() > most_unsent_bytes)
      answer = refusal(503, "too many answers are waiting for their clients");
    bool const last = answer.status != 200 || !request_.keep_alive();
    response_ = Response(static_cast<http::status>(answer.status), 11);
    response_.set(http::field::content_type, answer.type);
    response_.set("Content-Security-Policy", policy);
    response_.set("X-Content-Type-Options", "nosniff");
    response_.set("Referrer-Policy", "no-referrer");
    response_.set("Cross-Origin-Resource-Policy", "same-origin");
    response_.set("Cross-Origin-Opener-Policy", "same-origin");
    response_.set("Cache-Control", "no-store");
    response_.keep_alive(!last);
    response_.body() = std::move(answer.body);
    response_.prepare_payload();
    unsent_bytes_ = response_.body().size();
    server_.unsent_bytes += unsent_bytes_;
    stream_.expires_after(longest_transfer);
    http::async_write(stream_, response_, [self = shared_from_this(), last](Error error, std::size_t) {
      self->server_.unsent_bytes -= std::exchange(self->unsent_bytes_, 0);
      if (error) return self->end();
      last ? self->linger() : self->read();
    });
  }

  /// Says that nothing more comes, and throws away what does come for a moment: closed at once, a client that still
  /// sends would lose the answer to the reset of its connection.
  void linger() {
    Error ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(longest_linger);
    drain(most_head_bytes + most_body_bytes);
  }
  void drain(std::size_t most_bytes) {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(4096), [self = shared_from_this(), most_bytes](Error error, std::size_t n) {
      if (error || n >= most_bytes) return self->end();
      self->drain(most_bytes - n);
    });
  }

  Implementation& server_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{most_head_bytes + most_body_bytes};
  std::optional<http::request_parser<http::string_body>> parser_;
  Request request_;
  Response response_;
  std::size_t unsent_bytes_ = 0;
  bool is_asking_ = false;  ///< the answer is being made
};

/// @throws InputError. Without SO_REUSEPORT, which would let two servers share a port; SO_REUSEADDR lets one follow
/// another at once and refuses a port that is listened on (Linux, socket(7)).
void PageServer::Implementation::bind() {
  auto const fail = [&](Error const& error) {
    throw InputError("cannot listen on " + options.host + " port " + std::to_string(options.port) + " (" +
                     error.message() + "). Give another --port, 0 for any free one.");
  };
  Error error;
  tcp::resolver resolver(io);
  auto const found = resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive, error);
  if (error) fail(error);
  auto const endpoint = found.begin()->endpoint();
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(static_cast<int>(most_connections), error);
  if (!error) acceptor.non_blocking(true, error);
  if (error) fail(error);
  options.port = acceptor.local_endpoint().port();
}

/// The client that is waited for longest gives way to a new one, so that many slow ones keep nobody out.
/// @return whether there is room
bool PageServer::Implementation::make_room() {
  connections.remove_if([](auto const& connection) { return connection.expired(); });
  if (connections.size() < most_connections) return true;
  for (auto at = connections.begin(); at != connections.end(); ++at)
    if (auto const connection = at->lock(); connection && connection->waits_for_client()) {
      connection->end();
      connections.erase(at);
      return true;
    }
  return false;
}

/// Waits and then accepts, for an asynchronous accept that finds no memory forgets its handler.
void PageServer::Implementation::accept() {
  acceptor.async_wait(tcp::acceptor::wait_read, [this](Error error) {
    is_accepting = false;
    tcp::socket socket(io);
    if (!error) acceptor.accept(socket, error);
    if (error && error != asio::error::would_block) return accept_later();
    accept();
    if (error || !make_room()) return;
    Error ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto const connection = std::make_shared<Connection>(*this, std::move(socket));
    connections.push_back(connection);
    connection->read();
  });
  is_accepting = true;
}

/// No file is left to the process: the connections that end give some back.
void PageServer::Implementation::accept_later() {
  pause.expires_after(std::chrono::milliseconds(100));
  pause.async_wait([this](Error error) {
    is_accepting = false;
    if (!error) accept();
  });
  is_accepting = true;
}

PageServer::PageServer(WhatIf const& what_if, PageServerOptions options)
    : implementation_(std::make_unique<Implementation>(what_if, std::move(options))) {
  auto const& o = implementation_->options;
  if (!is_loopback(o.host) && o.token.empty())
    throw InputError("host '" + o.host + "' without a token (anyone who reaches this machine could ask)");
  bool const plain = std::all_of(o.token.begin(), o.token.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
  if (!plain || (!o.token.empty() && o.token.size() < 8))
    throw InputError("token (must be at least 8 letters, digits, - and _: it stands in an address)");
  if (o.port < 0 || o.port > 65535) throw InputError("port=" + std::to_string(o.port) + " (must be from 0 to 65535)");
  implementation_->bind();
  implementation_->signals.async_wait([&io = implementation_->io](Error, int) { io.stop(); });
}

PageServer::~PageServer() = default;

std::string PageServer::url() const {
  auto const& i = *implementation_;
  return "http://" + i.authority() + "/" + (i.options.token.empty() ? "" : "?token=" + i.options.token);
}

void PageServer::run() {
  auto& i = *implementation_;
  while (!i.io.stopped()) try {
      if (!i.is_accepting) i.accept();
      i.io.run();
    } catch (std::exception const&) {  // no memory, most likely: that connection is gone, the others go on
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

}  // namespace kurve::cli
