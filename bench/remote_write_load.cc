// Sends remote write requests to a server as fast as it takes them, from a process of its own.
//
//   remote_write_load URL SERIES SAMPLES REQUESTS ROUNDS [FIRST]
//
// A round is REQUESTS requests, one after the other, each of SERIES series with SAMPLES samples;
// each request has series of its own, numbered from FIRST on, the same ones in each round. Ten
// labels, some 290 bytes a series. The first round makes the series and is not measured. Run
// several processes with different FIRST to have several connections. Prints the measured samples
// per second.
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/time.h"
#include "fetch/http_client.h"
#include "metric_series.h"
#include "wire/write_request.h"

namespace quell::bench {
namespace {

std::string body_of(std::size_t first, std::size_t series, std::size_t samples, std::int64_t ms) {
  WriteRequestBuilder request;
  for (std::size_t i = 0; i < series; ++i) {
    request.begin_series(SeriesLabels::from_bytes(series_key(first + i)).value());
    for (std::size_t j = 0; j < samples; ++j) {
      request.add_point(ms + static_cast<std::int64_t>(j) * 100, static_cast<double>(i + j));
    }
    request.end_series();
  }
  return request.frame("", kDefaultTenant).body;
}

// Returns: false when it is refused.
bool send(const std::string& url, std::string body) {
  const auto answer = fetch::fetch({.method = "POST",
                                    .url = url,
                                    .headers = {{"Content-Type", "application/x-protobuf"},
                                                {"Content-Encoding", "snappy"},
                                                {"X-Prometheus-Remote-Write-Version", "0.1.0"}},
                                    .body = std::move(body),
                                    .timeout = std::chrono::minutes(2)});
  if (answer && answer->ok()) return true;
  fmt::print(stderr, "{}\n",
             answer ? fmt::format("{}: {}", answer->status, answer->body.substr(0, 500))
                    : answer.error().to_string());
  return false;
}

int run(const std::vector<std::string>& args) {
  const auto number = [&](std::size_t i) {
    return i < args.size() ? std::strtoull(args[i].c_str(), nullptr, 10) : 0;
  };
  const std::size_t series = number(1);
  const std::size_t samples = number(2);
  const std::size_t requests = number(3);
  const std::size_t rounds = number(4);
  const SystemClock clock;
  const auto round_ms = static_cast<std::int64_t>(samples) * 100;
  const std::int64_t begin =
      std::chrono::floor<std::chrono::milliseconds>(clock.now().time_since_epoch()).count() -
      static_cast<std::int64_t>(rounds + 1) * round_ms;
  Duration took{};
  for (std::size_t round = 0; round <= rounds; ++round) {
    std::vector<std::string> bodies;
    for (std::size_t i = 0; i < requests; ++i) {
      bodies.push_back(body_of(number(5) + i * series, series, samples,
                               begin + static_cast<std::int64_t>(round) * round_ms));
    }
    const Timestamp started = clock.now();
    for (std::string& body : bodies) {
      if (!send(args[0], std::move(body))) return 1;
    }
    if (round > 0) took += clock.now() - started;
  }
  const double count = static_cast<double>(series * samples * requests * rounds);
  fmt::print("{:.0f}\n", count / to_seconds(took));
  return 0;
}

}  // namespace
}  // namespace quell::bench

int main(int argc, char** argv) {
  if (argc < 6) {
    fmt::print(stderr, "usage: remote_write_load URL SERIES SAMPLES REQUESTS ROUNDS [FIRST]\n");
    return 2;
  }
  return quell::bench::run({argv + 1, argv + argc});
}
