#include "http/server.h"

#include <fmt/format.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <thread>

#include "base/text.h"
#include "base/this_thread.h"
#include "http/worker.h"

namespace quell::http {
namespace {

// Beyond the limit of connections so many are answered 503; the rest is closed without a word.
constexpr std::uint64_t kRefusalsMax = 256;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

// Accepts on the first worker's thread, for all workers in turn.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(ServerContext& context, std::vector<std::shared_ptr<Worker>> workers)
      : context_(context),
        workers_(std::move(workers)),
        acceptor_(workers_[0]->io()),
        pause_(workers_[0]->io()) {}

  Status listen(const tcp::endpoint& endpoint);
  std::uint16_t port() const { return port_; }
  void accept();
  void close();

 private:
  void on_accept(ErrorCode error, tcp::socket socket);

  ServerContext& context_;
  const std::vector<std::shared_ptr<Worker>> workers_;
  tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::size_t next_ = 0;
  std::uint16_t port_ = 0;
};

Status Acceptor::listen(const tcp::endpoint& endpoint) {
  ErrorCode error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
  if (!error) port_ = acceptor_.local_endpoint(error).port();
  if (!error) return {};
  return fail(Errc::Unavailable,
              fmt::format("cannot listen on {}:{}: {}", endpoint.address().to_string(),
                          endpoint.port(), error.message()));
}

void Acceptor::accept() {
  acceptor_.async_accept(workers_[next_]->io(),
                         [self = shared_from_this()](ErrorCode error, tcp::socket socket) {
                           self->on_accept(error, std::move(socket));
                         });
}

void Acceptor::on_accept(ErrorCode error, tcp::socket socket) {
  if (!acceptor_.is_open()) return;
  if (error) {  // Out of file descriptors, for example: trying again at once would spin.
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](ErrorCode stopped) {
      if (!stopped && self->acceptor_.is_open()) self->accept();
    });
    return;
  }
  Counters& counters = context_.counters;
  const std::uint64_t open = counters.connections_open.load(std::memory_order_relaxed);
  const std::uint64_t limit = context_.options.connections_max;
  Counters::add(counters.connections_total);
  if (open >= limit) Counters::add(counters.connections_refused);
  if (open < limit + kRefusalsMax) {
    Counters::add(counters.connections_open);
    auto worker = workers_[next_];
    next_ = (next_ + 1) % workers_.size();
    boost::asio::dispatch(
        worker->io(), [worker, refuse = open >= limit, socket = std::move(socket)]() mutable {
          if (worker->draining()) {
            worker->context().counters.connections_open.fetch_sub(1, std::memory_order_relaxed);
          } else {
            start_connection(worker, std::move(socket), refuse);
          }
        });
  }
  accept();
}

void Acceptor::close() {
  boost::asio::post(workers_[0]->io(), [self = shared_from_this()] {
    ErrorCode error;
    self->acceptor_.close(error);
    self->pause_.cancel();
  });
}

class BeastServer final : public Server {
 public:
  BeastServer(std::shared_ptr<ServerContext> context, std::vector<std::shared_ptr<Worker>> workers,
              std::shared_ptr<Acceptor> acceptor)
      : context_(std::move(context)), workers_(std::move(workers)), acceptor_(std::move(acceptor)) {
    acceptor_->accept();
    for (const auto& worker : workers_) {
      threads_.emplace_back([worker] {
        name_this_thread("http");
        run_soon_after_waking();
        worker->run();
      });
    }
  }
  ~BeastServer() override { stop(Duration(0)); }

  std::uint16_t port() const override { return acceptor_->port(); }
  ServerStats stats() const override;
  void stop(Duration grace) override;

 private:
  const std::shared_ptr<ServerContext> context_;
  const std::vector<std::shared_ptr<Worker>> workers_;
  const std::shared_ptr<Acceptor> acceptor_;
  std::vector<std::thread> threads_;
};

void BeastServer::stop(Duration grace) {
  if (threads_.empty()) return;
  acceptor_->close();
  for (const auto& worker : workers_) worker->drain(grace);
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

ServerStats BeastServer::stats() const {
  const auto read = [](const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  const Counters& counters = context_->counters;
  return {.connections_open = read(counters.connections_open),
          .connections_total = read(counters.connections_total),
          .connections_refused = read(counters.connections_refused),
          .requests_total = read(counters.requests_total),
          .requests_bad = read(counters.requests_bad),
          .streams_open = read(counters.streams_open),
          .streams_dropped = read(counters.streams_dropped),
          .bytes_in = read(counters.bytes_in),
          .bytes_out = read(counters.bytes_out)};
}

}  // namespace

Result<std::unique_ptr<Server>> start_server(const ServerOptions& options, Handler& handler,
                                             const Clock& clock) {
  ErrorCode error;
  const std::string text =
      equals_ignore_case(options.address, "localhost") ? "127.0.0.1" : options.address;
  const auto address = boost::asio::ip::make_address(text, error);
  if (error) {
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is not an IP address to listen on", options.address));
  }
  auto context = std::make_shared<ServerContext>();
  context->options = options;
  context->handler = &handler;
  context->clock = &clock;
  context->loopback_only = address.is_loopback();
  std::vector<std::shared_ptr<Worker>> workers;
  for (int i = 0; i < std::max(options.threads, 1); ++i) {
    workers.push_back(std::make_shared<Worker>(context));
  }
  auto acceptor = std::make_shared<Acceptor>(*context, workers);
  TRY_STATUS(acceptor->listen(tcp::endpoint(address, options.port)));
  return std::make_unique<BeastServer>(std::move(context), std::move(workers), std::move(acceptor));
}

}  // namespace quell::http
