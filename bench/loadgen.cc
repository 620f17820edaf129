// loadgen: posts prepared bodies over kept connections and says how fast they were answered.
//
//   loadgen --url http://127.0.0.1:8420/alertmanager/api/v2/alerts --mode am-batch --batch 100
//           --identities 30000 --connections 8 --seconds 10 [--rate 500] [--json]
//
// Without --rate it is a closed loop: each connection sends when it was answered. With --rate it is
// an open loop: requests are due at fixed times, and a latency counts from when the request was due
// and not from when a connection was free to send it. Otherwise a server that stalls would be asked
// less while it stalls and look better than it is (Gil Tene's "coordinated omission").
// One thread, no parsing beyond status and length, bodies made beforehand: it leaves the CPU to the
// server. There is no pipelining.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "load_bodies.h"

namespace quell::bench {
namespace {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;
using Steady = std::chrono::steady_clock;

struct Options {
  std::string url;
  BodyOptions body{};
  int connections = 8;
  double seconds = 10;
  double warmup = 0;
  double rate = 0;  // Requests per second; 0: closed loop.
  std::vector<std::string> headers{};
  bool json = false;
};

struct Url {
  std::string host;
  std::string port = "80";
  std::string path = "/";
};

Result<Url> parse_url(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (!text.starts_with(kScheme)) return fail(Errc::InvalidArgument, "the url must be http://…");
  text.remove_prefix(kScheme.size());
  Url url;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) url.path = text.substr(slash);
  const std::string_view authority = text.substr(0, slash);
  const std::size_t colon = authority.rfind(':');
  url.host = authority.substr(0, colon);
  if (colon != std::string_view::npos) url.port = authority.substr(colon + 1);
  return url;
}

struct Tally {
  std::vector<float> latencies_us{};
  std::map<int, std::uint64_t> statuses{};
  std::uint64_t broken = 0;  // Connections that ended before their answer.
  std::uint64_t bytes_sent = 0;
  std::uint64_t unsent = 0;  // Open loop: due, and given up half a minute after the end.
};

constexpr auto kOverrun = std::chrono::seconds(30);
// Open loop: what is due meanwhile is sent together, late by that much, and the latency has it. A
// timer for each would take a tenth of the machine from the server.
constexpr auto kPace = std::chrono::microseconds(200);

class Load;

// One connection: at most one request on its way.
class Connection {
 public:
  Connection(boost::asio::io_context& io, Load& load) : socket_(io), load_(load) {}

  ErrorCode connect(const tcp::endpoint& endpoint);
  void send(const std::string& request, Steady::time_point due);

 private:
  void receive();
  void on_readable();
  void finish();
  void broken();

  tcp::socket socket_;
  Load& load_;
  tcp::endpoint endpoint_;
  const std::string* request_ = nullptr;
  std::size_t sent_ = 0;
  Steady::time_point due_;
  std::string answer_;
};

class Load {
 public:
  Load(const Options& options, std::vector<std::string> requests)
      : options_(options), requests_(std::move(requests)), timer_(io_) {}

  Status run(const tcp::endpoint& endpoint);
  void answered(Connection& connection, int status, Steady::time_point due, std::size_t size);
  void broken(Connection& connection);

  const Tally& tally() const { return tally_; }
  double measured_seconds() const {
    return std::chrono::duration<double>(last_ - counts_from_).count();
  }

 private:
  const std::string& next_request() { return requests_[next_++ % requests_.size()]; }
  void became_free(Connection& connection);
  void send_due();

  const Options& options_;
  const std::vector<std::string> requests_;
  boost::asio::io_context io_{1};
  boost::asio::steady_timer timer_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> free_;
  std::size_t next_ = 0;
  std::uint64_t due_count_ = 0;  // Open loop: requests sent so far.
  bool waits_ = false;           // Open loop: for the timer.
  Steady::time_point begin_;
  Steady::time_point counts_from_;
  Steady::time_point end_;
  Steady::time_point last_;
  Tally tally_;
};

ErrorCode Connection::connect(const tcp::endpoint& endpoint) {
  ErrorCode error;
  endpoint_ = endpoint;
  socket_.close(error);
  socket_.connect(endpoint, error);
  if (error) return error;
  socket_.set_option(tcp::no_delay(true), error);
  socket_.non_blocking(true, error);
  return error;
}

void Connection::send(const std::string& request, Steady::time_point due) {
  request_ = &request;
  due_ = due;
  answer_.clear();
  ErrorCode error;
  sent_ = socket_.write_some(boost::asio::buffer(request), error);
  if (error && error != boost::asio::error::would_block) return broken();
  if (sent_ == request.size()) return receive();
  boost::asio::async_write(
      socket_, boost::asio::buffer(request) + sent_,
      [this](ErrorCode failed, std::size_t) { failed ? broken() : receive(); });
}

void Connection::receive() {
  socket_.async_wait(tcp::socket::wait_read,
                     [this](ErrorCode error) { error ? broken() : on_readable(); });
}

void Connection::on_readable() {
  std::array<char, 16 * 1024> buffer;
  ErrorCode error;
  const std::size_t size = socket_.read_some(boost::asio::buffer(buffer), error);
  if (error && error != boost::asio::error::would_block) return broken();
  answer_.append(buffer.data(), size);
  const std::size_t head = answer_.find("\r\n\r\n");
  if (head == std::string::npos) return receive();
  std::size_t length = 0;
  const std::size_t at = to_lower(answer_.substr(0, head)).find("content-length: ");
  if (at != std::string::npos) {
    std::from_chars(answer_.data() + at + 16, answer_.data() + head, length);
  }
  answer_.size() < head + 4 + length ? receive() : finish();
}

void Connection::finish() {
  int status = 0;
  if (answer_.size() > 12) std::from_chars(answer_.data() + 9, answer_.data() + 12, status);
  load_.answered(*this, status, due_, request_->size());
}

void Connection::broken() {
  if (connect(endpoint_)) return load_.broken(*this);  // Gone for good: it is not used again.
  load_.broken(*this);
}

Status Load::run(const tcp::endpoint& endpoint) {
  for (int i = 0; i < options_.connections; ++i) {
    connections_.push_back(std::make_unique<Connection>(io_, *this));
    if (const ErrorCode error = connections_.back()->connect(endpoint)) {
      return fail(Errc::Unavailable, "cannot connect: " + error.message());
    }
  }
  const auto after = [&](double seconds) {
    return begin_ +
           std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(seconds));
  };
  begin_ = Steady::now();
  counts_from_ = last_ = after(options_.warmup);
  end_ = after(options_.warmup + options_.seconds);
  for (const auto& connection : connections_) free_.push_back(connection.get());
  if (options_.rate > 0) {
    send_due();
  } else {
    for (Connection* connection : std::exchange(free_, {})) {
      connection->send(next_request(), Steady::now());
    }
  }
  io_.run();
  return {};
}

// Open loop: sends what is due as far as connections are free, and sets the timer for the next.
void Load::send_due() {
  for (;;) {
    const auto due =
        begin_ + std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(
                     static_cast<double>(due_count_) / options_.rate));
    if (due >= end_ || free_.empty()) return;  // answered() comes back here.
    if (due > Steady::now()) {
      if (std::exchange(waits_, true)) return;
      timer_.expires_at(std::max(due, Steady::now() + kPace));
      timer_.async_wait([this](ErrorCode) {
        waits_ = false;
        send_due();
      });
      return;
    }
    if (Steady::now() > end_ + kOverrun) {
      const auto planned = std::chrono::duration<double>(end_ - begin_).count() * options_.rate;
      tally_.unsent = static_cast<std::uint64_t>(planned) - due_count_;
      return;
    }
    ++due_count_;
    Connection* connection = free_.back();
    free_.pop_back();
    connection->send(next_request(), due);
  }
}

void Load::answered(Connection& connection, int status, Steady::time_point due, std::size_t size) {
  const auto now = Steady::now();
  if (due >= counts_from_ && now <= end_ + kOverrun) {
    tally_.latencies_us.push_back(std::chrono::duration<float, std::micro>(now - due).count());
    ++tally_.statuses[status];
    tally_.bytes_sent += size;
    last_ = now;
  }
  became_free(connection);
}

void Load::broken(Connection& connection) {
  ++tally_.broken;
  // A server that is gone would be asked forever.
  if (tally_.broken < 1000) became_free(connection);
}

void Load::became_free(Connection& connection) {
  if (options_.rate > 0) {
    free_.push_back(&connection);
    send_due();
  } else if (Steady::now() < end_) {
    connection.send(next_request(), Steady::now());
  }
}

struct Summary {
  std::uint64_t requests = 0;
  std::uint64_t not_2xx = 0;
  double seconds = 0;
  std::array<double, 5> latency_ms{};  // p50, p90, p99, p99.9, max.
};

Summary summarize(const Load& load) {
  Summary summary;
  auto latencies = load.tally().latencies_us;
  std::sort(latencies.begin(), latencies.end());
  summary.requests = latencies.size();
  summary.seconds = load.measured_seconds();
  for (const auto& [status, count] : load.tally().statuses) {
    if (status < 200 || status > 299) summary.not_2xx += count;
  }
  constexpr std::array<double, 5> kRanks = {0.5, 0.9, 0.99, 0.999, 1.0};
  for (std::size_t i = 0; i < kRanks.size() && !latencies.empty(); ++i) {
    const auto last = static_cast<double>(latencies.size() - 1);
    summary.latency_ms[i] = latencies[static_cast<std::size_t>(kRanks[i] * last)] / 1000.0;
  }
  return summary;
}

std::string to_json(const Options& options, const Load& load, const Summary& summary) {
  const double seconds = std::max(summary.seconds, 1e-9);
  const double rate = static_cast<double>(summary.requests) / seconds;
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("url", options.url).field("mode", options.body.mode);
  json.field("batch", options.body.batch).field("identities", options.body.identities);
  json.field("connections", options.connections).field("target_rate", options.rate);
  json.field("seconds", summary.seconds).field("requests", summary.requests);
  json.field("requests_per_second", rate).field("items_per_second", rate * options.body.batch);
  json.field("bytes_per_second", static_cast<double>(load.tally().bytes_sent) / seconds);
  json.key("latency_ms").begin_object();
  constexpr std::array<std::string_view, 5> kNames = {"p50", "p90", "p99", "p999", "max"};
  for (std::size_t i = 0; i < kNames.size(); ++i) json.field(kNames[i], summary.latency_ms[i]);
  json.end_object().field("not_2xx", summary.not_2xx).field("broken", load.tally().broken);
  json.field("unsent", load.tally().unsent);
  json.key("statuses").begin_object();
  for (const auto& [status, count] : load.tally().statuses) {
    json.field(std::to_string(status), count);
  }
  json.end_object().end_object();
  return out + "\n";
}

std::string to_text(const Options& options, const Load& load, const Summary& summary) {
  const double seconds = std::max(summary.seconds, 1e-9);
  const double rate = static_cast<double>(summary.requests) / seconds;
  const auto& ms = summary.latency_ms;
  std::string out = fmt::format(
      "{} requests in {:.1f} s over {} connections: {:.0f} requests/s, {:.0f} items/s, {:.1f} "
      "MB/s\nlatency ms: p50 {:.3f}, p90 {:.3f}, p99 {:.3f}, p99.9 {:.3f}, max {:.3f}\n",
      summary.requests, summary.seconds, options.connections, rate, rate * options.body.batch,
      static_cast<double>(load.tally().bytes_sent) / seconds / 1e6, ms[0], ms[1], ms[2], ms[3],
      ms[4]);
  out += fmt::format("not 2xx: {}, broken connections: {}, due but not sent: {}\n", summary.not_2xx,
                     load.tally().broken, load.tally().unsent);
  for (const auto& [status, count] : load.tally().statuses) {
    out += fmt::format("  status {}: {}\n", status, count);
  }
  return out;
}

Result<int> run(Options options) {
  if (options.body.mode == "am-single") options.body.batch = 1;
  options.body.now = SystemClock().now();
  TRY(const Url url, parse_url(options.url));
  TRY(auto requests, make_bodies(options.body));
  std::string head = fmt::format("POST {} HTTP/1.1\r\nHost: {}:{}\r\nContent-Type: {}\r\n",
                                 url.path, url.host, url.port, content_type_of(options.body.mode));
  for (const std::string& header : options.headers) head += header + "\r\n";
  for (std::string& request : requests) {
    request.insert(0, fmt::format("{}Content-Length: {}\r\n\r\n", head, request.size()));
  }
  boost::asio::io_context io;
  ErrorCode error;
  const auto endpoints = tcp::resolver(io).resolve(url.host, url.port, error);
  if (error || endpoints.empty()) {
    return fail(Errc::Unavailable, "cannot resolve " + url.host + ": " + error.message());
  }
  Load load(options, std::move(requests));
  if (auto status = load.run(*endpoints.begin()); !status) {
    return std::unexpected(std::move(status).error().context(url.host + ":" + url.port));
  }
  const Summary summary = summarize(load);
  fmt::print("{}",
             options.json ? to_json(options, load, summary) : to_text(options, load, summary));
  return summary.requests > 0 && summary.not_2xx == 0 && load.tally().broken == 0 &&
                 load.tally().unsent == 0
             ? 0
             : 1;
}

}  // namespace
}  // namespace quell::bench

int main(int argc, char** argv) {
  quell::bench::Options options;
  CLI::App app("Posts prepared bodies and measures the answers. Exits 1 if any was not a 2xx.");
  app.add_option("--url", options.url, "Where to post: http://HOST:PORT/PATH")->required();
  app.add_option("--mode", options.body.mode, "am-batch, am-single or agent")
      ->capture_default_str();
  app.add_option("--batch", options.body.batch, "Items of one request")->capture_default_str();
  app.add_option("--identities", options.body.identities, "Different alerts, or series")
      ->capture_default_str();
  app.add_option("--connections", options.connections)->capture_default_str();
  app.add_option("--seconds", options.seconds)->capture_default_str();
  app.add_option("--warmup", options.warmup, "Seconds before counting")->capture_default_str();
  app.add_option("--rate", options.rate, "Requests per second; 0 is a closed loop")
      ->capture_default_str();
  app.add_option("--header", options.headers, "A further header line, such as a token");
  app.add_flag("--json", options.json, "Print one JSON object");
  CLI11_PARSE(app, argc, argv);
  const auto code = quell::bench::run(std::move(options));
  if (code) return *code;
  fmt::print(stderr, "loadgen: {}\n", code.error().to_string());
  return 2;
}
