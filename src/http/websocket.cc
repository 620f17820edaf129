// A WebSocket (RFC 6455): one text message for each StreamMessage, text messages back.
// Beast 1.81's verb.hpp uses std::ostream without including it.
#include <ostream>

#include <algorithm>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>

#include "http/worker.h"

namespace quell::http {
namespace {

namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;

// For what is queued and the close handshake, when the server stops: nobody's request is lost.
constexpr auto kDrainTime = std::chrono::milliseconds(250);

class WebSocket final : public Peer, public std::enable_shared_from_this<WebSocket> {
 public:
  WebSocket(std::shared_ptr<Worker> worker, ConnectionId id, tcp::socket socket,
            std::shared_ptr<StreamHandle> stream)
      : worker_(std::move(worker)),
        id_(id),
        stream_(std::move(stream)),
        socket_(std::move(socket)),
        drain_timer_(worker_->io()) {}

  void start(const Request& request, std::vector<std::shared_ptr<const StreamMessage>> queued,
             bool ended);

  void take(Command command) override;
  void flush() override { write(); }
  bool in_handler() const override { return false; }
  void tick() override {}  // Beast pings, and ends what does not answer.
  void drain() override;
  void abort() override { close(); }

 private:
  void set_options();
  void on_accept(ErrorCode error);
  void read();
  void on_read(ErrorCode error, std::size_t size);
  void write();
  void end();
  void close();

  const std::shared_ptr<Worker> worker_;
  const ConnectionId id_;
  std::shared_ptr<StreamHandle> stream_;
  websocket::stream<tcp::socket, false> socket_;  // Without compression of single messages.
  boost::asio::steady_timer drain_timer_;
  beast::flat_buffer input_;
  std::deque<std::shared_ptr<const StreamMessage>> queue_;
  bool open_ = false;
  bool writing_ = false;
  bool ended_ = false;  // Nothing more comes: end after the queue.
  bool ending_ = false;
  websocket::close_code reason_ = websocket::close_code::normal;
  bool closed_ = false;
};

void WebSocket::start(const Request& request,
                      std::vector<std::shared_ptr<const StreamMessage>> queued, bool ended) {
  worker_->replace(id_, shared_from_this());
  queue_.assign(std::make_move_iterator(queued.begin()), std::make_move_iterator(queued.end()));
  ended_ = ended;
  set_options();
  beast::http::request<beast::http::empty_body> handshake(beast::http::verb::get, request.path, 11);
  for (const auto& [name, value] : request.headers) {
    if (name == "host" || name == "connection" || name == "upgrade" ||
        name.starts_with("sec-websocket-")) {
      handshake.insert(name, value);
    }
  }
  socket_.async_accept(handshake,
                       [self = shared_from_this()](ErrorCode error) { self->on_accept(error); });
}

void WebSocket::set_options() {
  const ServerOptions& options = worker_->context().options;
  socket_.set_option(websocket::stream_base::timeout{.handshake_timeout = options.header_timeout,
                                                     .idle_timeout = options.stream_keepalive * 2,
                                                     .keep_alive_pings = true});
  socket_.set_option(websocket::stream_base::decorator([](websocket::response_type& response) {
    response.set("X-Content-Type-Options", "nosniff");
    response.set("Referrer-Policy", "no-referrer");
  }));
  socket_.read_message_max(options.stream_message_bytes_max);
  socket_.auto_fragment(false);
  socket_.text(true);
}

void WebSocket::on_accept(ErrorCode error) {
  if (closed_) return;
  if (error) return close();
  open_ = true;
  read();
  write();
}

void WebSocket::read() {
  socket_.async_read(input_, [self = shared_from_this()](ErrorCode error, std::size_t size) {
    self->on_read(error, size);
  });
}

void WebSocket::on_read(ErrorCode error, std::size_t size) {
  if (closed_) return;
  if (error) return close();
  Counters::add(worker_->context().counters.bytes_in, size);
  if (!socket_.got_text()) {
    reason_ = websocket::close_code::unknown_data;
    ended_ = true;
    queue_.clear();
    return write();
  }
  std::string text = beast::buffers_to_string(input_.data());
  input_.consume(input_.size());
  worker_->context().handler->on_stream_message(stream_, std::move(text));
  read();
}

void WebSocket::take(Command command) {
  if (closed_) return;
  if (auto* message = std::get_if<std::shared_ptr<const StreamMessage>>(&command.what)) {
    if (!ended_) queue_.push_back(std::move(*message));
  } else if (std::get<EndStream>(command.what).slow_reader) {
    close();
  } else {
    ended_ = true;
  }
}

void WebSocket::write() {
  if (!open_ || writing_ || closed_) return;
  if (queue_.empty()) {
    if (ended_) end();
    return;
  }
  writing_ = true;
  const std::string_view data = queue_.front()->data();
  socket_.async_write(boost::asio::const_buffer(data.data(), data.size()),
                      [self = shared_from_this()](ErrorCode error, std::size_t size) {
                        if (self->closed_) return;
                        self->writing_ = false;
                        if (error) return self->close();
                        Counters::add(self->worker_->context().counters.bytes_out, size);
                        self->stream_->sent(*self->queue_.front());
                        self->queue_.pop_front();
                        self->write();
                      });
}

void WebSocket::drain() {
  ended_ = true;
  reason_ = websocket::close_code::going_away;
  if (!open_) return close();
  drain_timer_.expires_after(kDrainTime);
  drain_timer_.async_wait([self = shared_from_this()](ErrorCode) { self->close(); });
  write();
}

// The close handshake; the client's answer to it ends the read.
void WebSocket::end() {
  if (ending_) return;
  ending_ = true;
  socket_.async_close(reason_, [self = shared_from_this()](ErrorCode) { self->close(); });
}

void WebSocket::close() {
  if (closed_) return;
  closed_ = true;
  drain_timer_.cancel();
  ErrorCode error;
  socket_.next_layer().close(error);
  end_stream(*worker_, std::move(stream_));
  worker_->remove(id_);
}

}  // namespace

void start_websocket(const std::shared_ptr<Worker>& worker, ConnectionId id, tcp::socket socket,
                     const Request& request, std::shared_ptr<StreamHandle> stream,
                     std::vector<std::shared_ptr<const StreamMessage>> queued, bool ended) {
  std::make_shared<WebSocket>(worker, id, std::move(socket), std::move(stream))
      ->start(request, std::move(queued), ended);
}

}  // namespace quell::http
