// SPDX-License-Identifier: Apache-2.0
#include "cli/page_server.hpp"

#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options/errors.hpp>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>

#include "cli/page_files.hpp"
#include "model/error.hpp"

namespace kurve::cli {
namespace {

using Clock = std::chrono::steady_clock;
using httplib::Request;
using httplib::Response;

constexpr std::size_t most_request_bytes = 64 * 1024, most_body_bytes = 16 * 1024;
constexpr std::chrono::seconds longest_transfer{10}, longest_idle{5};
constexpr int connections = 64, requests_per_connection = 1000;

/// A connection that ends: all of a request within its time and its bytes, whatever its headers say. (The library
/// bounds each single read, a line and a body of known length, but neither their number nor a chunked body.)
class BoundedStream : public httplib::Stream {
 public:
  explicit BoundedStream(int socket) : socket_(socket) {}

  /// Waits for the next request; false where none comes, or the server stops meanwhile.
  [[nodiscard]] bool next_request(std::function<bool()> const& is_stopping) {
    auto const until = Clock::now() + longest_idle;
    while (!ready(POLLIN, Clock::now() + std::chrono::milliseconds(200)))
      if (is_stopping() || Clock::now() > until) return false;
    bytes_left_ = most_request_bytes;
    read_until_ = Clock::now() + longest_transfer;
    write_until_ = {};
    return true;
  }

  /// Whether a request was too long or too slow: where it ends is not known, so nothing more can be read.
  [[nodiscard]] bool is_spent() const { return is_spent_; }

  bool is_readable() const override { return bytes_left_ > 0 && ready(POLLIN, read_until_); }
  bool is_writable() const override { return ready(POLLOUT, writing_until()); }

  ssize_t read(char* to, std::size_t size) override {
    if (bytes_left_ == 0 || !ready(POLLIN, read_until_)) {
      is_spent_ = true;
      return -1;
    }
    auto const got = ::recv(socket_, to, std::min(size, bytes_left_), 0);
    if (got > 0) bytes_left_ -= static_cast<std::size_t>(got);
    return got;
  }

  ssize_t write(char const* from, std::size_t size) override {
    if (!ready(POLLOUT, writing_until())) return -1;
    return ::send(socket_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return socket_; }

 private:
  [[nodiscard]] bool ready(short events, Clock::time_point until) const {
    for (;;) {
      auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
      pollfd wanted{socket_, events, 0};
      int const count = ::poll(&wanted, 1, static_cast<int>(std::max<long>(0, left)));
      if (count < 0 && errno == EINTR) continue;
      return count > 0;
    }
  }
  [[nodiscard]] Clock::time_point writing_until() const {
    if (write_until_ == Clock::time_point{}) write_until_ = Clock::now() + longest_transfer;
    return write_until_;
  }

  int socket_;
  std::size_t bytes_left_ = 0;
  bool is_spent_ = false;
  Clock::time_point read_until_;
  mutable Clock::time_point write_until_;  ///< from the first byte of the answer on
};

class Server : public httplib::Server {
 public:
  /// The library queues 5 connections: a browser's first page asks for 6 files at once.
  void widen_queue() { ::listen(svr_sock_, 2 * connections); }

 private:
  bool process_and_close_socket(socket_t socket) override {
    BoundedStream stream(socket);
    bool served = false;
    auto const is_stopping = [this] { return svr_sock_ == INVALID_SOCKET; };
    for (int count = 1; !is_stopping() && stream.next_request(is_stopping); ++count) {
      bool closed = false;
      served = process_request(stream, count == requests_per_connection, closed, nullptr);
      if (!served || closed || stream.is_spent() || count == requests_per_connection) break;
    }
    ::shutdown(socket, SHUT_RDWR);
    ::close(socket);
    return served;
  }
};

bool is_loopback(std::string const& host) { return host == "127.0.0.1" || host == "localhost" || host == "::1"; }

/// Compares in a time that tells nothing of where two texts differ.
bool same_secret(std::string const& a, std::string const& b) {
  unsigned difference = a.size() == b.size() ? 0U : 1U;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  return difference == 0U;
}

void refuse(Response& response, int status, std::string const& reason) {
  response.status = status;
  response.set_content(nlohmann::json{{"error", reason}}.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace),
                       "application/json");
}

constexpr char const* policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace

struct PageServer::Implementation {
  WhatIf const& what_if;
  PageServerOptions options;
  Server server;
  std::mutex plotting;  ///< one gnuplot at a time

  Implementation(WhatIf const& w, PageServerOptions o) : what_if(w), options(std::move(o)) {}

  [[nodiscard]] std::string authority() const {
    bool const v6 = options.host.find(':') != std::string::npos;
    return (v6 ? "[" + options.host + "]" : options.host) + ":" + std::to_string(options.port);
  }

  /// Why a request is not to be served; "" where it is.
  [[nodiscard]] std::pair<int, std::string> objection(Request const& request) const {
    auto const host = request.get_header_value("Host");
    if (is_loopback(options.host)) {
      std::string const port = ":" + std::to_string(options.port);
      if (host != "127.0.0.1" + port && host != "localhost" + port && host != "[::1]" + port)
        return {403, "this page is served under its loopback name only (the Host header names another)"};
    }
    auto const origin = request.get_header_value("Origin");
    if (!origin.empty() && origin != "http://" + host) return {403, "a request of another site (the Origin header)"};
    auto const site = request.get_header_value("Sec-Fetch-Site");
    bool const navigation = request.method == "GET" && request.get_header_value("Sec-Fetch-Mode") == "navigate";
    if (!site.empty() && site != "same-origin" && site != "none" && !navigation)
      return {403, "a request of another site (the Sec-Fetch-Site header)"};
    if (request.method != "GET" && request.method != "POST") return {405, "method (must be GET or POST)"};
    if (request.has_header("Transfer-Encoding"))
      return {400, "a body of unknown length (Content-Length must be given)"};
    if (request.has_header("Content-Length")) {
      auto const text = request.get_header_value("Content-Length");
      bool const digits =
          !text.empty() && text.size() <= 9 && text.find_first_not_of("0123456789") == std::string::npos;
      if (!digits) return {400, "Content-Length (must be a number)"};
      if (std::stoul(text) > most_body_bytes) return {413, "a body above 16 KiB"};
    }
    bool const question = request.path.starts_with("/api/");
    if (question && !options.token.empty() && !same_secret(request.get_header_value("X-Kurve-Token"), options.token))
      return {401, "the token is missing or wrong (the address printed by `kurve serve` has it)"};
    return {0, ""};
  }

  void add_question(std::string const& path, std::string const& type,
                    std::function<std::string(std::string const&)> answer) {
    server.Post(path, [answer = std::move(answer), type](Request const& request, Response& response) {
      try {
        response.set_content(answer(request.body), type.c_str());
      } catch (InputError const& e) {
        refuse(response, 400, e.what());
      } catch (boost::program_options::error const& e) {
        refuse(response, 400, e.what());
      } catch (NotBuilt const& e) {
        refuse(response, 501, e.what());
      }
    });
  }

  void set_up() {
    server.new_task_queue = [] { return new httplib::ThreadPool(connections); };
    server.set_payload_max_length(most_body_bytes);
    server.set_tcp_nodelay(true);
    server.set_default_headers({{"Content-Security-Policy", policy},
                                {"X-Content-Type-Options", "nosniff"},
                                {"Referrer-Policy", "no-referrer"},
                                {"Cross-Origin-Resource-Policy", "same-origin"},
                                {"Cross-Origin-Opener-Policy", "same-origin"},
                                {"Cache-Control", "no-store"}});
    server.set_pre_routing_handler([this](Request const& request, Response& response) {
      auto const [status, reason] = objection(request);
      if (status == 0) return httplib::Server::HandlerResponse::Unhandled;
      refuse(response, status, reason);
      response.set_header("Connection", "close");  // its body is not read
      return httplib::Server::HandlerResponse::Handled;
    });
    server.set_error_handler([](Request const&, Response& response) {
      if (response.body.empty())
        refuse(response, response.status,
               response.status == 404 ? "there is no such page" : "this request was not understood");
    });
    server.set_exception_handler([](Request const&, Response& response, std::exception_ptr) {
      refuse(response, 500, "internal error (a bug: report it with the request)");
    });
    for (auto const& file : page_files())
      server.Get(std::string(file.path), [&file](Request const&, Response& response) {
        response.set_content(file.bytes.data(), file.bytes.size(), std::string(file.type).c_str());
      });
    server.Get("/api/models", [this](Request const&, Response& response) {
      response.set_content(what_if.models_json(), "application/json");
    });
    add_question("/api/answer", "application/json", [this](auto const& q) { return what_if.answer(q); });
    add_question("/api/curve.csv", "text/csv", [this](auto const& q) { return what_if.curve_csv(q); });
    add_question("/api/model.json", "application/json", [this](auto const& q) { return what_if.model_json(q); });
    add_question("/api/plot.svg", "image/svg+xml", [this](auto const& q) {
      std::scoped_lock const one(plotting);
      return what_if.plot_svg(q);
    });
  }
};

PageServer::PageServer(WhatIf const& what_if, PageServerOptions options)
    : implementation_(std::make_unique<Implementation>(what_if, std::move(options))) {
  auto& o = implementation_->options;
  if (!is_loopback(o.host) && o.token.size() < 8)
    throw InputError(
        "--host " + o.host +
        " without a --token of at least 8 characters (anyone who reaches this machine could ask). Add --token SECRET?");
  bool const plain = std::all_of(o.token.begin(), o.token.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
  if (!plain) throw InputError("--token (must be letters, digits, - and _: it stands in an address)");
  if (o.port < 0 || o.port > 65535) throw InputError("port=" + std::to_string(o.port) + " (must be from 0 to 65535)");
  implementation_->set_up();
  auto& server = implementation_->server;
  bool bound = false;
  if (o.port == 0) {
    int const port = server.bind_to_any_port(o.host);
    bound = port > 0;
    o.port = port;
  } else {
    bound = server.bind_to_port(o.host, o.port);
  }
  if (!bound)
    throw InputError("cannot listen on " + o.host + " port " + std::to_string(o.port) +
                     " (is it taken, or not this machine's?). Another --port?");
  server.widen_queue();
}

PageServer::~PageServer() = default;

std::string PageServer::url() const {
  auto const& i = *implementation_;
  return "http://" + i.authority() + "/" + (i.options.token.empty() ? "" : "?token=" + i.options.token);
}

void PageServer::run() { implementation_->server.listen_after_bind(); }
void PageServer::stop() { implementation_->server.stop(); }

}  // namespace kurve::cli
