// What Quell goes and gets: targets that it scrapes, and queries that it asks of a Prometheus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace quell {

using CollectPairs = std::vector<std::pair<std::string, std::string>>;

// How a server is asked. Values are compared to see what a reload changed.
struct CollectAccess {
  CollectPairs headers{};  // Of each request.
  std::string token{};     // Bearer.
  Duration interval = std::chrono::seconds(15);
  Duration timeout = std::chrono::seconds(10);
  bool operator==(const CollectAccess&) const = default;
};

// The address of an answerer as it may be shown: without user, query and fragment, which may hold
// secrets.
std::string shown_address(std::string_view url);

// One target.
struct ScrapeSetting {
  std::string job{};       // Of the configuration: the label `job`, and the source.
  std::string instance{};  // The label: host and port.
  std::string url{};
  std::string tenant{};
  CollectPairs labels{};  // More of them.
  bool honor_labels = false;
  std::size_t samples_max = 500'000;
  std::uint64_t body_bytes_max = 64ull << 20;
  CollectAccess access{};
  bool operator==(const ScrapeSetting&) const = default;
};

// One query.
struct PollSetting {
  std::string source{};  // Of the configuration.
  std::string url{};     // Of the server, with a prefix if it has one, without /api/v1.
  std::string tenant{};
  std::string name{};  // The metric that the results become.
  std::string query{};
  CollectPairs labels{};                      // Added to all results.
  Duration catch_up = std::chrono::hours(1);  // How far back after an outage.
  CollectAccess access{};
  bool operator==(const PollSetting&) const = default;
};

struct CollectSettings {
  std::vector<ScrapeSetting> scrapes{};
  std::vector<PollSetting> polls{};
  bool operator==(const CollectSettings&) const = default;
};

}  // namespace quell
