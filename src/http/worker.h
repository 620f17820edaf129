// One I/O thread of the server: its connections, its clockwork, and its inbox.
//
// Every connection belongs to one worker and is touched by that worker's thread only, so nothing in
// this module locks but the inbox. Other threads name a connection by its id and post a Command;
// all that is posted while the worker is busy costs one wake-up.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/guarded.h"
#include "http/server.h"

namespace quell::http {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;

struct Counters {
  std::atomic<std::uint64_t> connections_open = 0;
  std::atomic<std::uint64_t> connections_total = 0;
  std::atomic<std::uint64_t> connections_refused = 0;
  std::atomic<std::uint64_t> requests_total = 0;
  std::atomic<std::uint64_t> requests_bad = 0;
  std::atomic<std::uint64_t> streams_open = 0;
  std::atomic<std::uint64_t> streams_dropped = 0;
  std::atomic<std::uint64_t> bytes_in = 0;
  std::atomic<std::uint64_t> bytes_out = 0;

  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t n = 1) {
    counter.fetch_add(n, std::memory_order_relaxed);
  }
};

// What all workers share. Constant but for the counters.
struct ServerContext {
  ServerOptions options;
  Handler* handler = nullptr;
  const Clock* clock = nullptr;
  bool loopback_only = false;
  Counters counters{};
};

// Names a connection for as long as it lives: an index, and a generation in the upper half.
using ConnectionId = std::uint64_t;

struct EndStream {
  bool slow_reader = false;  // Then at once, without sending what is queued.
};
struct Command {
  ConnectionId id = 0;
  std::uint64_t sequence = 0;  // Which request of the connection a Response answers.
  std::variant<Response, std::shared_ptr<const StreamMessage>, EndStream> what{};
};

// One socket with its state: an HTTP connection, or a WebSocket that was one.
// Thread: the worker's.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void take(Command command) = 0;
  virtual void flush() = 0;  // After one or more take().
  // Whether the handler is being called for this peer; flush() will then follow anyway.
  virtual bool in_handler() const = 0;
  virtual void tick() = 0;   // Time passed: Worker::ticks() has moved.
  virtual void drain() = 0;  // Finish what is in progress, then end.
  virtual void abort() = 0;  // End now.
};

class Worker : public std::enable_shared_from_this<Worker> {
 public:
  explicit Worker(std::shared_ptr<ServerContext> context);

  // Serves until drain() has ended the last connection.
  void run();

  // Thread: any.
  void post(Command command);
  void drain(Duration grace);
  boost::asio::io_context& io() { return io_; }

  // Thread: the worker's, from here on.
  ServerContext& context() { return *context_; }
  bool draining() const { return draining_; }
  // `peer` is told of commands, ticks and the end until remove().
  ConnectionId add(std::shared_ptr<Peer> peer);
  void replace(ConnectionId id, std::shared_ptr<Peer> peer);
  void remove(ConnectionId id);

  // Runs `f` soon, on this thread, outside of any call that a handler has made.
  template <class F>
  void defer(F&& f) {
    boost::asio::post(io_, std::forward<F>(f));
  }
  // Where whoever runs may read a socket to; not kept over calls.
  std::array<char, 64 * 1024>& scratch() { return scratch_; }

  // Time, in steps of a fraction of the shortest timeout (at most a second): the server needs no
  // better, and a timer for each request would cost more than the request.
  std::uint64_t ticks() const { return ticks_; }
  std::uint64_t ticks_for(Duration d) const;  // At least `d`; rounded up.
  const std::string& date() const { return date_; }

 private:
  struct Entry {
    std::shared_ptr<Peer> peer{};
    std::uint32_t generation = 1;
  };
  struct Inbox {
    std::vector<Command> commands{};
    bool closed = false;
  };

  std::shared_ptr<Peer> find(ConnectionId id) const;
  void deliver_inbox();
  void wait_for_tick();
  void begin_drain(Duration grace);
  void finish_if_drained();
  template <class F>
  void for_each_peer(F&& visit);

  // Constant after construction.
  const std::shared_ptr<ServerContext> context_;  // Also of handles that outlive the server.
  Duration tick_;
  boost::asio::io_context io_{1};

  // The worker's thread only.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer tick_timer_;
  boost::asio::steady_timer grace_timer_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::uint64_t open_ = 0;
  std::uint64_t ticks_ = 0;
  std::string date_;
  bool draining_ = false;
  bool finished_ = false;
  std::vector<Command> delivering_;
  std::array<char, 64 * 1024> scratch_;

  Guarded<Inbox> inbox_;
};

// What handlers hold of a stream. Counts what is queued, here and on the way to the worker.
class StreamHandle final : public Stream {
 public:
  StreamHandle(std::shared_ptr<Worker> worker, ConnectionId id)
      : worker_(std::move(worker)), id_(id) {}

  using Stream::send;
  void send(std::shared_ptr<const StreamMessage> message) override;
  bool closed() const override { return closed_.load(std::memory_order_acquire); }
  void close() override;

  void mark_closed() { closed_.store(true, std::memory_order_release); }
  void sent(const StreamMessage& message) {
    queued_.fetch_sub(message.event_stream().size(), std::memory_order_relaxed);
  }

 private:
  const std::shared_ptr<Worker> worker_;
  const ConnectionId id_;
  std::atomic<std::uint64_t> queued_ = 0;
  std::atomic<bool> closed_ = false;
};

// Tells the handler, and counts. Call once for each stream that the handler opened.
void end_stream(Worker& worker, std::shared_ptr<StreamHandle> stream);

// Serves HTTP on a socket that was accepted. `refuse`: answers 503 and ends.
void start_connection(const std::shared_ptr<Worker>& worker, tcp::socket socket, bool refuse);

// Makes a WebSocket of a connection whose answers have all been written. Sends what is `queued`,
// and then ends the stream if it was closed already.
void start_websocket(const std::shared_ptr<Worker>& worker, ConnectionId id, tcp::socket socket,
                     const Request& request, std::shared_ptr<StreamHandle> stream,
                     std::vector<std::shared_ptr<const StreamMessage>> queued, bool ended);

}  // namespace quell::http
