// Sends remote write requests to a server as fast as it takes them, from a process of its own.
//
//   remote_write_load URL SERIES SAMPLES REQUESTS ROUNDS [FIRST] [noise|new]
//
// A round is REQUESTS requests, one after the other, each of SERIES series with SAMPLES samples;
// each request has series of its own, numbered from FIRST on, the same ones in each round. Ten
// labels, some 290 bytes a series. A round more comes first and makes the series.
//
// All bodies are made beforehand. Then it prints `ready` and waits for a line before the first
// round, and again before the others, which it sends without a pause; at the end it prints how
// many samples those were. So whoever runs several of them, with different FIRST for a connection
// each, starts them together and measures from there until the last one is done.
// Values rise by one from sample to sample; with `noise` each is another one, at random. With `new`
// each round has series that never were, and an answer of 400, which a limit gives, is no failure.
// ROUNDS 0: rounds without end, each made when it is sent, without waiting.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "fetch/http_client.h"
#include "metric_series.h"
#include "wire/write_request.h"

namespace quell::bench {
namespace {

// Between 0 and 128 in eighths, another one for each series and time.
double noise(std::uint64_t series, std::int64_t at) {
  Prng prng(series * 1'000'003 + static_cast<std::uint64_t>(at));
  return static_cast<double>(prng.below(1024)) / 8;
}

std::string body_of(std::size_t first, std::size_t series, std::size_t samples, std::int64_t ms,
                    bool is_noise) {
  WriteRequestBuilder request;
  for (std::size_t i = 0; i < series; ++i) {
    request.begin_series(SeriesLabels::from_bytes(series_key(first + i)).value());
    for (std::size_t j = 0; j < samples; ++j) {
      const std::int64_t at = ms + static_cast<std::int64_t>(j) * 100;
      request.add_point(at, is_noise ? noise(first + i, at) : static_cast<double>(i + j));
    }
    request.end_series();
  }
  return request.frame("", kDefaultTenant).body;
}

// Returns: false when it is refused.
bool send(const std::string& url, std::string body, bool may_refuse) {
  const auto answer = fetch::fetch({.method = "POST",
                                    .url = url,
                                    .headers = {{"Content-Type", "application/x-protobuf"},
                                                {"Content-Encoding", "snappy"},
                                                {"X-Prometheus-Remote-Write-Version", "0.1.0"}},
                                    .body = std::move(body),
                                    .timeout = std::chrono::minutes(2)});
  if (answer && (answer->ok() || (may_refuse && answer->status == 400))) return true;
  fmt::print(stderr, "{}\n",
             answer ? fmt::format("{}: {}", answer->status, answer->body.substr(0, 500))
                    : answer.error().to_string());
  return false;
}

// Returns: false when nobody is there any more.
bool wait_for_start() {
  fmt::print("ready\n");
  std::fflush(stdout);
  std::string line;
  return static_cast<bool>(std::getline(std::cin, line));
}

int run(const std::vector<std::string>& args) {
  const auto number = [&](std::size_t i) {
    return i < args.size() ? std::strtoull(args[i].c_str(), nullptr, 10) : 0;
  };
  const std::size_t series = number(1);
  const std::size_t samples = number(2);
  const std::size_t requests = number(3);
  const std::size_t rounds = number(4);
  const std::string kind = args.size() > 6 ? args[6] : "";
  const bool is_new = kind == "new";
  const SystemClock clock;
  const auto round_ms = static_cast<std::int64_t>(samples) * 100;
  const std::int64_t begin =
      std::chrono::floor<std::chrono::milliseconds>(clock.now().time_since_epoch()).count() -
      static_cast<std::int64_t>(rounds + 1) * round_ms;
  const auto make_round = [&](std::size_t round) {
    std::vector<std::string> bodies;
    for (std::size_t i = 0; i < requests; ++i) {
      const std::size_t request = is_new ? round * requests + i : i;
      bodies.push_back(body_of(number(5) + request * series, series, samples,
                               begin + static_cast<std::int64_t>(round) * round_ms,
                               kind == "noise"));
    }
    return bodies;
  };
  const auto send_all = [&](std::vector<std::string> bodies) {
    return std::ranges::all_of(bodies,
                               [&](std::string& b) { return send(args[0], std::move(b), is_new); });
  };
  for (std::size_t round = 0; rounds == 0; ++round) {
    if (!send_all(make_round(round))) return 1;
  }
  std::vector<std::vector<std::string>> made;
  for (std::size_t round = 0; round <= rounds; ++round) made.push_back(make_round(round));
  for (std::size_t round = 0; round <= rounds; ++round) {
    if (round < 2 && !wait_for_start()) return 1;
    if (!send_all(std::exchange(made[round], {}))) return 1;
  }
  fmt::print("{}\n", series * samples * requests * rounds);
  return 0;
}

}  // namespace
}  // namespace quell::bench

int main(int argc, char** argv) {
  if (argc < 6) {
    fmt::print(stderr,
               "usage: remote_write_load URL SERIES SAMPLES REQUESTS ROUNDS [FIRST] [noise|new]\n");
    return 2;
  }
  return quell::bench::run({argv + 1, argv + argc});
}
