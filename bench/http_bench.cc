// An HTTP server that does nothing but answer, to measure what the server itself costs:
//
//   http_bench [PORT] [THREADS] [immediate|thread]
//
// `thread` answers from a second thread, in batches, as the core does. Use it with
// `wrk -t1 -c64 -s bench/post.lua http://127.0.0.1:PORT/ingest`, or with loadgen.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <semaphore>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/guarded.h"
#include "http/server.h"

namespace {

using namespace quell;

class Sink final : public http::Handler {
 public:
  explicit Sink(bool immediate) : immediate_(immediate) {}

  void handle(http::Request, std::unique_ptr<http::Responder> responder) override {
    if (immediate_) return responder->send({.status = 202});
    const bool first = waiting_.with([&](auto& waiting) {
      waiting.push_back(std::move(responder));
      return waiting.size() == 1;
    });
    if (first) wake_.release();
  }
  std::uint64_t body_limit(std::string_view, std::string_view) const override { return 64 << 20; }
  http::StreamKind stream_kind(std::string_view) const override { return http::StreamKind::None; }
  Status open_stream(const http::Request&, std::shared_ptr<http::Stream>) override { return {}; }
  void on_stream_message(const std::shared_ptr<http::Stream>&, std::string) override {}

  void answer_until_stopped() {
    while (!stopped_) {
      wake_.acquire();
      auto batch = waiting_.with([](auto& waiting) { return std::exchange(waiting, {}); });
      for (auto& responder : batch) responder->send({.status = 202});
    }
  }
  void stop() {
    stopped_ = true;
    wake_.release();
  }

 private:
  const bool immediate_;
  Guarded<std::vector<std::unique_ptr<http::Responder>>> waiting_;
  std::counting_semaphore<> wake_{0};
  std::atomic<bool> stopped_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  sigset_t signals;  // Blocked before threads begin, which inherit it.
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const SystemClock clock;
  Sink sink(argc < 4 || std::string_view(argv[3]) != "thread");
  http::ServerOptions options;
  options.port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0);
  options.threads = argc > 2 ? std::atoi(argv[2]) : 1;
  auto server = http::start_server(options, sink, clock);
  if (!server) {
    std::fprintf(stderr, "http_bench: %s\n", server.error().to_string().c_str());
    return 1;
  }
  std::printf("listening on http://127.0.0.1:%d\n", (*server)->port());
  std::fflush(stdout);
  std::thread core([&] { sink.answer_until_stopped(); });
  int caught = 0;
  sigwait(&signals, &caught);
  (*server)->stop(std::chrono::seconds(1));
  sink.stop();
  core.join();
  const auto stats = (*server)->stats();
  std::printf("%llu requests, %llu bad\n", static_cast<unsigned long long>(stats.requests_total),
              static_cast<unsigned long long>(stats.requests_bad));
  return 0;
}
