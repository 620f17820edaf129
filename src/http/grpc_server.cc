#include "http/grpc_server.h"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <set>
#include <thread>

#include "base/json.h"
#include "base/text.h"
#include "base/this_thread.h"

namespace quell::http {
namespace {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr std::size_t kPrefixBytes = 5;  // Of a message: packed or not, and its size.
constexpr auto kGrpcAcceptPause = std::chrono::milliseconds(100);
constexpr auto kLookEvery = std::chrono::seconds(5);
constexpr std::uint64_t kMessageRate = 16 * 1024;  // Bytes a second that a message must come with.
constexpr std::int32_t kWindowBytes = 1 << 20;
constexpr std::size_t kWriteBytes = 64 * 1024;

constexpr int kOk = 0;
constexpr int kInvalidArgument = 3;
constexpr int kDeadlineExceeded = 4;
constexpr int kResourceExhausted = 8;
constexpr int kUnimplemented = 12;
constexpr int kUnavailable = 14;

// What a status message may be made of: the rest is percent-encoded.
std::string encode_message(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 2000)) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// The message of a refusal: the second field of a google.rpc.Status, or the detail of a problem.
std::string message_of(const Response& response) {
  std::string_view body = response.body;
  simdjson::dom::parser parser;
  if (const auto document = parse_json(parser, body)) {
    return std::string(json_text(*document, "detail"));
  }
  if (body.size() < 4 || body[0] != '\x08' || body[2] != '\x12') return {};
  body.remove_prefix(3);
  std::size_t size = 0;
  for (unsigned shift = 0; !body.empty() && shift < 28; shift += 7) {
    const auto byte = static_cast<unsigned char>(body.front());
    body.remove_prefix(1);
    size |= std::size_t{byte & 127u} << shift;
    if (byte < 128) return std::string(body.substr(0, size));
  }
  return {};
}

std::string framed(std::string_view message) {
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(message.size() >> shift & 0xff));
  }
  return out.append(message);
}

class GrpcConnection;

struct Shared {
  GrpcOptions options;
  Handler* handler = nullptr;
  boost::asio::io_context io{1};
  std::uint64_t pending_bytes = 0;
  std::set<GrpcConnection*> connections{};
};

struct GrpcCall {
  Request request;
  std::string method;
  std::string encoding;
  std::size_t header_bytes = 0;
  Duration receiving{};      // Since it began.
  bool is_answered = false;  // Or its message is with the handler.
  std::string reply{};       // What is still to be sent, from `sent` on.
  std::size_t sent = 0;
  int status = kOk;
};

class GrpcConnection : public std::enable_shared_from_this<GrpcConnection> {
 public:
  GrpcConnection(std::shared_ptr<Shared> shared, tcp::socket socket)
      : shared_(std::move(shared)), socket_(std::move(socket)), timer_(shared_->io) {
    shared_->connections.insert(this);
  }
  ~GrpcConnection() {
    for (auto& [id, call] : calls_) shared_->pending_bytes -= call.request.body.size();
    nghttp2_session_del(session_);
    shared_->connections.erase(this);
  }
  GrpcConnection(const GrpcConnection&) = delete;
  GrpcConnection& operator=(const GrpcConnection&) = delete;

  void start() {
    ErrorCode ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    const auto endpoint = socket_.remote_endpoint(ignored);
    if (!ignored) {
      remote_ = endpoint.address().to_string();
      is_loopback_ = endpoint.address().is_loopback();
    }
    begin_session();
    look();
    read();
    write();
  }
  void answer(std::int32_t id, const Response& response);
  void close() {
    ErrorCode ignored;
    socket_.close(ignored);
    timer_.cancel();
  }

 private:
  void begin_session();
  void read();
  void write();
  void look();
  void on_complete(std::int32_t id, GrpcCall& call);
  void refuse(std::int32_t id, GrpcCall& call, int status, std::string_view message);
  GrpcCall* find(std::int32_t id) {
    const auto at = calls_.find(id);
    return at == calls_.end() ? nullptr : &at->second;
  }

  static GrpcConnection& of(void* self) { return *static_cast<GrpcConnection*>(self); }
  static int on_begin(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* self);
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                     std::size_t size, void* self);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* self);
  static ssize_t on_read(nghttp2_session*, std::int32_t id, std::uint8_t* buffer, std::size_t size,
                         std::uint32_t* flags, nghttp2_data_source*, void* self);

  std::shared_ptr<Shared> shared_;
  tcp::socket socket_;
  boost::asio::steady_timer timer_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, GrpcCall> calls_;
  std::array<std::uint8_t, 64 * 1024> in_{};
  std::string out_;
  bool is_writing_ = false;
  Duration quiet_{};  // Since the last byte came.
  std::string remote_;
  bool is_loopback_ = false;
};

// Brings an answer to the connection's thread.
class GrpcResponder final : public Responder {
 public:
  GrpcResponder(std::shared_ptr<Shared> shared, std::weak_ptr<GrpcConnection> connection,
                std::int32_t id)
      : shared_(std::move(shared)), connection_(std::move(connection)), id_(id) {}
  ~GrpcResponder() override {
    if (!is_sent_) post({.status = 503});
  }
  void send(Response response) override {
    is_sent_ = true;
    post(std::move(response));
  }

 private:
  void post(Response response) {
    boost::asio::post(shared_->io, [connection = connection_, id = id_,
                                    response = std::move(response)]() mutable {
      if (const auto alive = connection.lock()) alive->answer(id, std::move(response));
    });
  }

  std::shared_ptr<Shared> shared_;
  std::weak_ptr<GrpcConnection> connection_;
  std::int32_t id_;
  bool is_sent_ = false;
};

nghttp2_nv pair_of(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

void GrpcConnection::begin_session() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  const int made = nghttp2_session_server_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  QUELL_ASSERT(made == 0, "nghttp2 has memory");
  const std::array settings{
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, shared_->options.calls_max},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindowBytes},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                             shared_->options.header_bytes_max}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, 4 * kWindowBytes);
}

void GrpcConnection::read() {
  socket_.async_read_some(
      boost::asio::buffer(in_), [self = shared_from_this()](ErrorCode error, std::size_t size) {
        if (error) return self->close();
        self->quiet_ = {};
        const auto used = nghttp2_session_mem_recv(self->session_, self->in_.data(), size);
        if (used < 0) {
          // A client that speaks something else: what nghttp2 has to say, then the end.
          self->write();
          return self->close();
        }
        self->write();
        self->read();
      });
}

void GrpcConnection::write() {
  if (is_writing_ || !socket_.is_open()) return;
  out_.clear();
  while (out_.size() < kWriteBytes) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size <= 0) break;
    out_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  if (out_.empty()) {
    const bool is_over =
        nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
    if (is_over) close();
    return;
  }
  is_writing_ = true;
  boost::asio::async_write(socket_, boost::asio::buffer(out_),
                           [self = shared_from_this()](ErrorCode error, std::size_t) {
                             self->is_writing_ = false;
                             if (error) return self->close();
                             self->write();
                           });
}

// Ends connections on which nothing moves.
void GrpcConnection::look() {
  timer_.expires_after(kLookEvery);
  timer_.async_wait([weak = weak_from_this()](ErrorCode error) {
    const auto self = weak.lock();
    if (error || self == nullptr) return;
    self->quiet_ += kLookEvery;
    const GrpcOptions& options = self->shared_->options;
    bool is_receiving = false;
    for (auto& [id, call] : self->calls_) {
      if (call.is_answered) continue;
      is_receiving = true;
      call.receiving += kLookEvery;
      const Duration limit =
          options.call_timeout + std::chrono::seconds(call.request.body.size() / kMessageRate);
      if (call.receiving > limit) {
        self->refuse(id, call, kDeadlineExceeded, "the message comes too slowly");
      }
    }
    if (self->quiet_ > (is_receiving ? options.call_timeout : options.idle_timeout)) {
      return self->close();
    }
    self->write();
    self->look();
  });
}

int GrpcConnection::on_begin(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    of(self).calls_.try_emplace(frame->hd.stream_id);
  }
  return 0;
}

int GrpcConnection::on_header(nghttp2_session*, const nghttp2_frame* frame,
                              const std::uint8_t* name, std::size_t name_size,
                              const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                              void* self) {
  GrpcCall* const call = of(self).find(frame->hd.stream_id);
  if (call == nullptr) return 0;
  call->header_bytes += name_size + value_size;
  if (call->header_bytes > of(self).shared_->options.header_bytes_max) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  std::string key(reinterpret_cast<const char*>(name), name_size);
  std::string text(reinterpret_cast<const char*>(value), value_size);
  if (key == ":path") call->method = text.substr(0, text.find('?'));
  if (key == "grpc-encoding") call->encoding = text;
  const bool is_ours = key.starts_with(':') || key.starts_with("grpc-") || key == "content-type" ||
                       key == "content-encoding" || key == "te";
  if (!is_ours) call->request.headers.emplace_back(std::move(key), std::move(text));
  return 0;
}

int GrpcConnection::on_data(nghttp2_session*, std::uint8_t, std::int32_t id,
                            const std::uint8_t* data, std::size_t size, void* self) {
  GrpcConnection& connection = of(self);
  GrpcCall* const call = connection.find(id);
  if (call == nullptr || call->is_answered) return 0;
  Shared& shared = *connection.shared_;
  std::string& body = call->request.body;
  const std::uint64_t limit = shared.handler->body_limit("POST", "/v1/metrics") + kPrefixBytes;
  if (body.size() + size > limit) {
    connection.refuse(id, *call, kResourceExhausted,
                      fmt::format("the message is larger than the limit of {} bytes", limit));
  } else if (shared.pending_bytes + size > shared.options.pending_bytes_max) {
    connection.refuse(id, *call, kUnavailable, "too much is waiting: try again");
  } else {
    shared.pending_bytes += size;
    body.append(reinterpret_cast<const char*>(data), size);
  }
  return 0;  // What follows a refusal is passed over.
}

int GrpcConnection::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  const bool is_last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  const bool may_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
  GrpcCall* const call = of(self).find(frame->hd.stream_id);
  if (is_last && may_end && call != nullptr && !call->is_answered) {
    of(self).on_complete(frame->hd.stream_id, *call);
  }
  return 0;
}

int GrpcConnection::on_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* self) {
  if (const GrpcCall* call = of(self).find(id)) {
    of(self).shared_->pending_bytes -= call->request.body.size();
    of(self).calls_.erase(id);
  }
  return 0;
}

void GrpcConnection::on_complete(std::int32_t id, GrpcCall& call) {
  const GrpcMethod* known = nullptr;
  for (const GrpcMethod& m : shared_->options.methods) {
    if (m.method == call.method) known = &m;
  }
  if (known == nullptr) {
    return refuse(id, call, kUnimplemented,
                  fmt::format("there is no method '{}' here", utf8_prefix(call.method, 200)));
  }
  std::string body = std::move(call.request.body);
  call.request.body.clear();
  shared_->pending_bytes -= body.size();
  std::size_t size = 0;
  for (std::size_t i = 1; i < std::min(kPrefixBytes, body.size()); ++i) {
    size = size << 8 | static_cast<unsigned char>(body[i]);
  }
  if (body.size() < kPrefixBytes || body.size() - kPrefixBytes != size || body[0] > 1) {
    return refuse(id, call, kInvalidArgument, "the call does not have exactly one message");
  }
  const bool is_packed = body[0] == 1;
  if (is_packed && call.encoding != "gzip" && call.encoding != "deflate") {
    return refuse(id, call, kUnimplemented,
                  fmt::format("the encoding '{}' is not supported: send gzip or plain messages",
                              utf8_prefix(call.encoding, 64)));
  }
  body.erase(0, kPrefixBytes);
  Request request = std::move(call.request);
  request.method = "POST";
  request.path = known->path;
  request.headers.emplace_back("content-type", "application/x-protobuf");
  if (is_packed) request.headers.emplace_back("content-encoding", call.encoding);
  request.body = std::move(body);
  request.remote_address = remote_;
  request.remote_is_loopback = is_loopback_;
  call.is_answered = true;  // From here on it is the handler's to answer.
  shared_->handler->handle(std::move(request),
                           std::make_unique<GrpcResponder>(shared_, weak_from_this(), id));
}

// Without a message: headers and trailers in one.
void GrpcConnection::refuse(std::int32_t id, GrpcCall& call, int status, std::string_view message) {
  call.is_answered = true;
  shared_->pending_bytes -= call.request.body.size();
  call.request.body = {};
  const std::string number = std::to_string(status);
  const std::string text = encode_message(message);
  const std::array headers{pair_of(":status", "200"), pair_of("content-type", "application/grpc"),
                           pair_of("grpc-status", number), pair_of("grpc-message", text)};
  nghttp2_submit_response(session_, id, headers.data(), headers.size(), nullptr);
}

ssize_t GrpcConnection::on_read(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer,
                                std::size_t size, std::uint32_t* flags, nghttp2_data_source*,
                                void* self) {
  GrpcCall* const call = of(self).find(id);
  if (call == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const std::size_t count = std::min(size, call->reply.size() - call->sent);
  std::copy_n(call->reply.data() + call->sent, count, buffer);
  call->sent += count;
  if (call->sent == call->reply.size()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const nghttp2_nv trailer = pair_of("grpc-status", "0");
    nghttp2_submit_trailer(session, id, &trailer, 1);
  }
  return static_cast<ssize_t>(count);
}

void GrpcConnection::answer(std::int32_t id, const Response& response) {
  GrpcCall* const call = find(id);
  if (call == nullptr || !socket_.is_open()) return;
  if (response.status == 200) {
    call->reply = framed(response.body);
    const std::array headers{pair_of(":status", "200"),
                             pair_of("content-type", "application/grpc")};
    nghttp2_data_provider provider{};
    provider.read_callback = on_read;
    nghttp2_submit_response(session_, id, headers.data(), headers.size(), &provider);
  } else {
    refuse(id, *call, grpc_status(response.status), message_of(response));
  }
  write();
}

// ---------------------------------------------------------------------------------------------

class GrpcServerImpl final : public GrpcServer {
 public:
  explicit GrpcServerImpl(std::shared_ptr<Shared> shared)
      : shared_(std::move(shared)), acceptor_(shared_->io), pause_(shared_->io) {}
  ~GrpcServerImpl() override { stop(); }

  Status start() {
    const GrpcOptions& options = shared_->options;
    const std::string host = options.address == "localhost" ? "127.0.0.1" : options.address;
    ErrorCode error;
    const auto address = boost::asio::ip::make_address(host, error);
    if (error) {
      return fail(Errc::InvalidArgument, fmt::format("'{}' is not an IP address", options.address));
    }
    const tcp::endpoint endpoint(address, options.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    if (error) {
      return fail(Errc::Unavailable, fmt::format("cannot listen on {}:{}: {}", options.address,
                                                 options.port, error.message()));
    }
    accept();
    thread_ = std::thread([shared = shared_] {
      name_this_thread("grpc");
      run_soon_after_waking();
      shared->io.run();
    });
    return {};
  }

  std::uint16_t port() const override { return port_; }
  // The thread ends by itself when nothing is open: handlers let go of their connections.
  void stop() override {
    if (!thread_.joinable()) return;
    boost::asio::post(shared_->io, [this] {
      ErrorCode ignored;
      is_stopping_ = true;
      acceptor_.close(ignored);
      pause_.cancel();
      for (GrpcConnection* connection : shared_->connections) connection->close();
    });
    thread_.join();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](ErrorCode error, tcp::socket socket) {
      if (is_stopping_) return;
      if (!error && shared_->connections.size() < shared_->options.connections_max) {
        std::make_shared<GrpcConnection>(shared_, std::move(socket))->start();
      }
      if (!error) return accept();
      pause_.expires_after(kGrpcAcceptPause);  // Too many files are open.
      pause_.async_wait([this](ErrorCode) {
        if (!is_stopping_) accept();
      });
    });
  }

  std::shared_ptr<Shared> shared_;
  tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  bool is_stopping_ = false;  // The thread's.
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace

int grpc_status(int http_status) {
  switch (http_status) {
    case 200: return kOk;
    case 400: return kInvalidArgument;
    case 401: return 16;  // UNAUTHENTICATED
    case 403: return 7;   // PERMISSION_DENIED
    case 404:
    case 415: return kUnimplemented;
    case 413: return kResourceExhausted;
    default: return kUnavailable;
  }
}

Result<std::unique_ptr<GrpcServer>> start_grpc_server(const GrpcOptions& options,
                                                      Handler& handler) {
  auto shared = std::make_shared<Shared>();
  shared->options = options;
  shared->handler = &handler;
  auto server = std::make_unique<GrpcServerImpl>(std::move(shared));
  TRY_STATUS(server->start());
  return server;
}

}  // namespace quell::http
