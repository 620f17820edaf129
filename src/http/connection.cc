// One HTTP connection: reads requests, hands them to the handler, writes the answers in order.
#include <fmt/format.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <cstring>
#include <deque>

#include "base/text.h"
#include "http/header_values.h"
#include "http/message.h"
#include "http/request_parser.h"
#include "http/worker.h"

namespace quell::http {
namespace {

constexpr std::size_t kUnreadMax = 64 * 1024;   // What a connection keeps between requests.
constexpr std::size_t kPipelineMax = 64;        // Requests read before the first is answered.
constexpr std::size_t kUnsentMax = 1 << 20;     // Beyond, no further request is read.
constexpr std::size_t kJoinMax = 16 * 1024;     // Smaller bodies share a buffer with their head.
constexpr std::size_t kBuffersMax = 16;         // Per write.
constexpr std::uint64_t kBodyRate = 16 * 1024;  // See ServerOptions::body_timeout.

// Bytes on their way out: our own, or those of a message that many streams share.
struct Outgoing {
  std::string text{};
  std::shared_ptr<const StreamMessage> message{};

  std::string_view bytes() const { return message ? message->event_stream() : text; }
};

// What is known of a request whose answer is not yet written.
struct Pending {
  std::optional<Response> response{};
  std::string accept_encoding{};
  bool head = false;
  bool keep_alive = true;
  bool http_1_0 = false;
  StreamKind opens = StreamKind::None;
};

std::optional<Response> refuse_event_stream(const Request& request) {
  const std::string_view accept = request.header("accept");
  if (accept.empty() || accepts(accept, "text/event-stream")) return std::nullopt;
  return problem_response(406, "unsupported", "this is an event stream: accept text/event-stream");
}

// What is not checked here is checked by the handshake.
std::optional<Response> refuse_websocket(const Request& request,
                                         std::span<const std::string> allowed_hosts) {
  if (!has_token(request.header("connection"), "upgrade") ||
      !has_token(request.header("upgrade"), "websocket") ||
      request.header("sec-websocket-version") != "13") {
    auto response = problem_response(426, "unsupported", "this is a WebSocket of version 13");
    response.headers.insert(response.headers.end(),
                            {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}});
    return response;
  }
  if (request.header("sec-websocket-key").empty()) {
    return problem_response(400, "invalid_argument", "there is no Sec-WebSocket-Key");
  }
  const std::string_view origin = request.header("origin");
  if (origin.empty() || is_same_origin(origin, request.header("host"))) return std::nullopt;
  const std::string_view name = host_without_port(origin.substr(origin.find("://") + 3));
  for (const std::string& allowed : allowed_hosts) {
    if (equals_ignore_case(allowed, name)) return std::nullopt;
  }
  return problem_response(
      403, "permission_denied",
      fmt::format("a page of '{}' may not open this WebSocket", utf8_prefix(origin, 100)));
}

class QueuedResponder final : public Responder {
 public:
  QueuedResponder(std::shared_ptr<Worker> worker, ConnectionId id, std::uint64_t sequence)
      : worker_(std::move(worker)), id_(id), sequence_(sequence) {}
  ~QueuedResponder() override {
    if (!sent_) send(problem_response(500, "internal", "the request was not answered"));
  }
  void send(Response response) override {
    QUELL_ASSERT(!sent_, "a request is answered once");
    sent_ = true;
    worker_->post({.id = id_, .sequence = sequence_, .what = std::move(response)});
  }

 private:
  const std::shared_ptr<Worker> worker_;
  const ConnectionId id_;
  const std::uint64_t sequence_;
  bool sent_ = false;
};

class Connection final : public Peer, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Worker> worker, tcp::socket socket)
      : worker_(std::move(worker)), context_(worker_->context()), socket_(std::move(socket)) {}

  void start(bool refuse_it);

  void take(Command command) override;
  void flush() override { pump(); }
  bool in_handler() const override { return pumping_; }
  void tick() override;
  void drain() override;
  void abort() override { close(); }

 private:
  // What the connection waits for; each but Answer has its own timeout.
  enum class Phase { Idle, Headers, Body, Answer, Sending, Streaming, Lingering };

  // The one loop: parse, answer, write, until there is nothing to do without waiting.
  void pump();
  bool parse();
  void dispatch();
  bool dispatch_stream(Request& request);
  void refuse(Response response);
  void refuse_if_stuck();
  void answer_ready();
  void append_answer(Pending pending);
  void begin_stream();
  void continue_if_expected();
  std::string& tail();
  void append(std::string_view bytes);
  bool write();
  void wrote(std::size_t size);

  // What comes next when pump() has nothing more to do.
  void keep_unread();
  void settle();
  bool settle_idle();
  void upgrade();
  void read();
  void on_readable();
  void linger();
  void close();

  bool may_parse() const;
  Phase phase() const;
  Duration limit_of(Phase phase) const;

  // Constant after start().
  const std::shared_ptr<Worker> worker_;
  ServerContext& context_;
  tcp::socket socket_;
  ConnectionId id_ = 0;
  std::string remote_address_;
  bool remote_is_loopback_ = false;

  // What was read and not yet parsed: in unread_, or while reading in the worker's scratch.
  std::string_view input_;
  std::string unread_;
  std::optional<RequestParser> parser_;  // Of the request that is being read.

  std::deque<Pending> pending_;
  std::uint64_t first_sequence_ = 0;  // Of pending_.front().
  std::uint64_t requests_ = 0;

  std::deque<Outgoing> out_;
  std::size_t out_offset_ = 0;  // Sent bytes of out_.front().
  std::size_t out_bytes_ = 0;   // Not yet sent.

  std::shared_ptr<StreamHandle> stream_;
  std::vector<std::shared_ptr<const StreamMessage>> early_;  // Sent before the stream began.
  std::optional<Request> upgrade_;                           // Becomes a WebSocket.

  // When the phase began, or last made progress.
  std::uint64_t since_ = 0;
  Phase since_phase_ = Phase::Idle;
  std::uint64_t since_request_ = 0;

  bool pumping_ = false;
  bool reading_ = false;
  bool writing_ = false;       // The socket takes no more for now.
  bool continued_ = false;     // `100 Continue` was sent for the request being read.
  bool ended_ = false;         // No further request is read.
  bool streaming_ = false;     // Events are being sent.
  bool stream_ended_ = false;  // And no further ones come.
  bool peer_ended_ = false;    // The client will send no more.
  bool lingering_ = false;
  bool draining_ = false;
  bool closed_ = false;
};

void Connection::start(bool refuse_it) {
  ErrorCode error;
  socket_.non_blocking(true, error);
  socket_.set_option(tcp::no_delay(true), error);
  const auto endpoint = socket_.remote_endpoint(error);
  auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
  }
  remote_address_ = address.to_string();
  remote_is_loopback_ = !error && address.is_loopback();
  id_ = worker_->add(shared_from_this());
  since_ = worker_->ticks();
  if (refuse_it) {
    refuse(problem_response(503, "unavailable",
                            fmt::format("the server has reached its limit of {} connections",
                                        context_.options.connections_max)));
    pending_.back().response->headers.emplace_back("Retry-After", "1");
  }
  pump();
}

void Connection::take(Command command) {
  if (closed_) return;
  if (auto* response = std::get_if<Response>(&command.what)) {
    const std::uint64_t at = command.sequence - first_sequence_;
    QUELL_ASSERT(at < pending_.size(), "an answer belongs to a request");
    pending_[at].response = std::move(*response);
  } else if (auto* message = std::get_if<std::shared_ptr<const StreamMessage>>(&command.what)) {
    if (!streaming_) {
      early_.push_back(std::move(*message));
    } else {
      out_bytes_ += (*message)->event_stream().size();
      out_.push_back({.message = std::move(*message)});
    }
  } else if (std::get<EndStream>(command.what).slow_reader) {
    close();
  } else {
    stream_ended_ = true;
  }
}

void Connection::pump() {
  if (pumping_ || closed_) return;
  pumping_ = true;
  const auto self = shared_from_this();
  bool more = false;
  do {
    more = parse();
    answer_ready();
    continue_if_expected();
  } while (write() && more && may_parse());
  pumping_ = false;
  keep_unread();
  settle();
}

bool Connection::may_parse() const {
  return !ended_ && !closed_ && pending_.size() < kPipelineMax && out_bytes_ < kUnsentMax;
}

// Returns: whether there is more to parse than could be answered yet.
bool Connection::parse() {
  while (may_parse() && !input_.empty()) {
    if (!parser_) {
      // RFC 9112 section 2.2: empty lines before a request are to be ignored.
      if (input_[0] == '\r' || input_[0] == '\n') {
        input_.remove_prefix(1);
        continue;
      }
      parser_.emplace(context_);
      continued_ = false;
    }
    const std::size_t used = parser_->read(input_);
    input_.remove_prefix(used);
    if (parser_->refusal()) {
      refuse(*std::move(parser_->refusal()));
    } else if (parser_->is_done()) {
      dispatch();
      parser_.reset();
    } else if (used == 0) {
      refuse_if_stuck();
      return false;
    }
  }
  return !input_.empty();
}

// Nothing that is valid needs more bytes at once than this.
void Connection::refuse_if_stuck() {
  if (input_.size() <= kUnreadMax + context_.options.header_bytes_max) return;
  refuse(problem_response(400, "invalid_argument",
                          "the request is not HTTP/1.1: a line of it does not end"));
}

void Connection::refuse(Response response) {
  Counters::add(context_.counters.requests_bad);
  Pending& pending = pending_.emplace_back();
  pending.response = std::move(response);
  pending.head = parser_ && parser_->request().method == "HEAD";
  pending.keep_alive = false;
  ended_ = true;
  parser_.reset();
  input_ = {};
}

void Connection::dispatch() {
  Counters::add(context_.counters.requests_total);
  ++requests_;
  Request& request = parser_->request();
  request.remote_address = remote_address_;
  request.remote_is_loopback = remote_is_loopback_;
  Pending& pending = pending_.emplace_back();
  pending.head = request.method == "HEAD";
  pending.keep_alive = parser_->keep_alive();
  pending.http_1_0 = parser_->is_http_1_0();
  pending.accept_encoding = request.header("accept-encoding");
  if (!pending.keep_alive) ended_ = true;
  if (request.path == "*") {
    pending.response = request.method == "OPTIONS"
                           ? Response{.status = 204}
                           : problem_response(400, "invalid_argument", "only OPTIONS takes '*'");
    return;
  }
  if (request.method == "GET" && dispatch_stream(request)) return;
  const std::uint64_t sequence = first_sequence_ + pending_.size() - 1;
  context_.handler->handle(std::move(request),
                           std::make_unique<QueuedResponder>(worker_, id_, sequence));
}

// Returns: whether the request was for a stream; it is then opened, or refused.
bool Connection::dispatch_stream(Request& request) {
  Pending& pending = pending_.back();
  const StreamKind kind = context_.handler->stream_kind(request.path);
  if (kind == StreamKind::None) return false;
  pending.response = kind == StreamKind::Events
                         ? refuse_event_stream(request)
                         : refuse_websocket(request, context_.options.allowed_hosts);
  if (pending.response) return true;
  auto stream = std::make_shared<StreamHandle>(worker_, id_);
  if (auto status = context_.handler->open_stream(request, stream); !status) {
    stream->mark_closed();
    early_.clear();
    pending.response = problem_response(status.error());
    return true;
  }
  Counters::add(context_.counters.streams_open);
  stream_ = std::move(stream);
  pending.opens = kind;
  pending.response = Response{};
  if (kind == StreamKind::WebSocket) upgrade_ = std::move(request);
  ended_ = true;
  return true;
}

void Connection::answer_ready() {
  while (!closed_ && !pending_.empty() && pending_.front().response) {
    Pending pending = std::move(pending_.front());
    pending_.pop_front();
    ++first_sequence_;
    if (pending.opens == StreamKind::Events) begin_stream();
    if (pending.opens == StreamKind::None) append_answer(std::move(pending));
  }
}

void Connection::append_answer(Pending pending) {
  Response& response = *pending.response;
  const bool last = draining_ && pending_.empty() && !parser_ && input_.empty();
  if (last) ended_ = true;
  const bool close = last || !pending.keep_alive;
  pack_body(response, pending.accept_encoding);
  std::string& text = tail();
  const std::size_t before = text.size();
  append_head(text, response,
              {.date = worker_->date(), .close = close, .http_1_0 = pending.http_1_0});
  const bool with_body = !pending.head && !has_no_body(response.status);
  if (with_body && response.body.size() <= kJoinMax) text += response.body;
  out_bytes_ += text.size() - before;
  if (with_body && response.body.size() > kJoinMax) {
    out_bytes_ += response.body.size();
    out_.push_back({.text = std::move(response.body)});
  }
}

void Connection::begin_stream() {
  streaming_ = true;
  const Response response{.headers = {{"Content-Type", "text/event-stream"},
                                      {"Cache-Control", "no-store"},
                                      {"X-Accel-Buffering", "no"}}};
  std::string head;
  append_head(head, response, {.date = worker_->date(), .close = true, .no_length = true});
  append(head);
  append("retry: 2000\n\n");
  for (auto& message : early_) {
    out_bytes_ += message->event_stream().size();
    out_.push_back({.message = std::move(message)});
  }
  early_.clear();
}

void Connection::continue_if_expected() {
  if (!parser_ || !parser_->wants_continue() || continued_ || !pending_.empty()) return;
  if (!parser_->has_headers() || parser_->body_bytes() > 0) return;
  continued_ = true;
  append("HTTP/1.1 100 Continue\r\n\r\n");
}

std::string& Connection::tail() {
  if (out_.empty() || out_.back().message || out_.back().text.size() > kUnreadMax) {
    out_.emplace_back();
  }
  return out_.back().text;
}

void Connection::append(std::string_view bytes) {
  tail() += bytes;
  out_bytes_ += bytes.size();
}

// Returns: whether all is written.
bool Connection::write() {
  if (writing_ || closed_) return false;
  while (!out_.empty()) {
    std::array<boost::asio::const_buffer, kBuffersMax> buffers;
    const std::size_t count = std::min(out_.size(), buffers.size());
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view bytes = out_[i].bytes().substr(i == 0 ? out_offset_ : 0);
      buffers[i] = boost::asio::const_buffer(bytes.data(), bytes.size());
    }
    ErrorCode error;
    const std::size_t size = socket_.write_some(buffers, error);
    if (error == boost::asio::error::would_block) {
      writing_ = true;
      socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](ErrorCode failed) {
        if (self->closed_) return;
        self->writing_ = false;
        failed ? self->close() : self->pump();
      });
      return false;
    }
    if (error) {
      close();
      return false;
    }
    wrote(size);
  }
  return true;
}

void Connection::wrote(std::size_t size) {
  Counters::add(context_.counters.bytes_out, size);
  since_ = worker_->ticks();
  out_bytes_ -= size;
  size += out_offset_;
  while (!out_.empty() && size >= out_.front().bytes().size()) {
    size -= out_.front().bytes().size();
    if (out_.front().message) stream_->sent(*out_.front().message);
    out_.pop_front();
  }
  out_offset_ = size;
}

void Connection::keep_unread() {
  if (input_.empty()) {
    unread_.clear();
    if (unread_.capacity() > kUnreadMax) unread_ = {};
  } else if (input_.data() >= unread_.data() && input_.data() <= unread_.data() + unread_.size()) {
    unread_.erase(0, static_cast<std::size_t>(input_.data() - unread_.data()));
  } else {
    unread_.assign(input_);
  }
  input_ = unread_;
}

void Connection::settle() {
  if (closed_) return;
  if (out_.empty() && pending_.empty() && settle_idle()) return;
  read();
  const Phase now = phase();
  if (now == since_phase_ && requests_ == since_request_) return;
  since_ = worker_->ticks();
  since_phase_ = now;
  since_request_ = requests_;
}

// Everything is answered and written. Returns: whether that was the connection's end.
bool Connection::settle_idle() {
  if (upgrade_) {
    upgrade();
  } else if (lingering_) {
    return false;
  } else if (streaming_ ? stream_ended_ : ended_) {
    linger();
    return closed_;
  } else if (peer_ended_) {
    if (parser_) Counters::add(context_.counters.requests_bad);
    close();
  } else if (draining_ && !parser_ && input_.empty()) {
    close();
  }
  return closed_;
}

void Connection::upgrade() {
  // RFC 6455 section 4.1: a client sends nothing before it has seen the server's answer.
  if (!input_.empty() || peer_ended_) return close();
  closed_ = true;
  start_websocket(worker_, id_, std::move(socket_), *upgrade_, std::move(stream_),
                  std::move(early_), stream_ended_);
}

void Connection::read() {
  if (reading_ || peer_ended_ || !(may_parse() || streaming_ || lingering_)) return;
  reading_ = true;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](ErrorCode error) {
    if (self->closed_) return;
    self->reading_ = false;
    error ? self->close() : self->on_readable();
  });
}

void Connection::on_readable() {
  auto& scratch = worker_->scratch();
  ErrorCode error;
  const std::size_t size = socket_.read_some(boost::asio::buffer(scratch), error);
  if (error == boost::asio::error::would_block) return read();
  if (error == boost::asio::error::eof) {
    peer_ended_ = true;
    // Whoever only stops sending still wants its answers; but who reads events has left.
    if (streaming_ || lingering_) return close();
  } else if (error) {
    return close();
  }
  Counters::add(context_.counters.bytes_in, size);
  if (streaming_ || lingering_) return read();
  if (unread_.empty()) {
    input_ = {scratch.data(), size};
  } else {
    unread_.append(scratch.data(), size);
    input_ = unread_;
  }
  pump();
}

// Closing a socket that has unread input resets it, and the client may lose the last answer. So the
// client is told that this was all, and what it still sends is thrown away for a while.
void Connection::linger() {
  if (stream_) end_stream(*worker_, std::move(stream_));
  if (draining_ || peer_ended_) return close();
  ErrorCode error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  if (error) return close();
  lingering_ = true;
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  ErrorCode error;
  socket_.close(error);
  if (stream_) end_stream(*worker_, std::move(stream_));
  worker_->remove(id_);
}

void Connection::drain() {
  draining_ = true;
  if (stream_) stream_ended_ = true;
  lingering_ ? close() : pump();
  // Its client reads slowly, and goes on from the last id that it saw when the server is back.
  if (streaming_) close();
}

Connection::Phase Connection::phase() const {
  if (lingering_) return Phase::Lingering;
  if (writing_) return Phase::Sending;
  if (streaming_) return Phase::Streaming;
  if (!pending_.empty()) return Phase::Answer;
  if (parser_ && parser_->has_headers()) return Phase::Body;
  return parser_ || !input_.empty() ? Phase::Headers : Phase::Idle;
}

Duration Connection::limit_of(Phase phase) const {
  const ServerOptions& options = context_.options;
  switch (phase) {
    case Phase::Idle: return requests_ == 0 ? options.header_timeout : options.idle_timeout;
    case Phase::Headers: return options.header_timeout;
    case Phase::Body:
      return options.body_timeout + std::chrono::seconds(parser_->body_bytes() / kBodyRate);
    case Phase::Answer: break;
    case Phase::Sending: return options.idle_timeout;
    case Phase::Streaming: return options.stream_keepalive;
    case Phase::Lingering: return options.linger_timeout;
  }
  return Duration::max();
}

void Connection::tick() {
  const Phase now = since_phase_;
  if (now == Phase::Answer || worker_->ticks() - since_ < worker_->ticks_for(limit_of(now))) return;
  switch (now) {
    case Phase::Headers:
    case Phase::Body:
      refuse(problem_response(408, "timeout",
                              fmt::format("the {} of the request did not arrive in time",
                                          now == Phase::Headers ? "headers" : "body")));
      return pump();
    case Phase::Streaming: append(": keep-alive\n\n"); return pump();
    case Phase::Sending:
      if (streaming_) Counters::add(context_.counters.streams_dropped);
      return close();
    case Phase::Idle:
    case Phase::Answer:
    case Phase::Lingering: return close();
  }
}

}  // namespace

void start_connection(const std::shared_ptr<Worker>& worker, tcp::socket socket, bool refuse) {
  std::make_shared<Connection>(worker, std::move(socket))->start(refuse);
}

}  // namespace quell::http
