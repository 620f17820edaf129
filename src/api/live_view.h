// LiveView: the live state that handlers read on the core thread, lent for the time of one call.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "correlate/alert_book.h"
#include "detect/finding_tracker.h"
#include "detect/rule_watches.h"
#include "incident/incident_book.h"
#include "stream/health_window.h"
#include "stream/sample_book.h"
#include "stream/series_table.h"
#include "topology/topology.h"

namespace quell {

struct SourceFacts {
  std::string name{};
  std::string path{};  // Where to send to.
  std::string kind{};
  std::optional<Timestamp> last_event_at{};
  std::uint64_t events = 0;
  std::uint64_t rejected = 0;
  bool is_protected = false;  // By a token or a signature.
};

struct ConfigFacts {
  std::string yaml{};  // As it was read: the view masks secrets.
  std::string path{};  // Empty: built-in defaults.
  Timestamp loaded_at{};
};

// What samples take on disk.
struct MetricHistoryFacts {
  std::uint64_t bytes = 0;
  std::uint64_t bytes_max = 0;
  std::uint64_t dropped_bytes = 0;  // Beyond bytes_max, since the start.
  bool is_full = false;             // Some of them lately.
  std::uint64_t dropped_blocks = 0;
};

struct ServerFacts {
  std::string version{};
  std::string revision{};
  Timestamp started_at{};
  std::uint64_t journal_begin_offset = 0;
  std::uint64_t journal_end_offset = 0;
  std::uint64_t journal_size_bytes = 0;
  std::uint64_t journal_segments = 0;
  std::uint64_t lag_frames = 0;
  std::uint64_t events_total = 0;
  std::uint64_t deduplicated_total = 0;
  std::uint64_t dead_letters = 0;  // Not resolved.
  std::optional<Timestamp> watermark{};
  MetricHistoryFacts metric_history{};
};

// How the Alertmanager API groups and names (api/alertmanager_api.h).
struct AlertmanagerOptions {
  std::vector<std::string> group_by{"alertname"};
  std::string receiver = "quell";
};

// Thread: the core's. Taking snapshots marks values as shared, so the books are not const.
struct LiveView {
  AlertBook& alerts;
  IncidentBook& incidents;
  std::shared_ptr<const Topology> topology{};  // As it is now; answers may outlive a reload.
  const ConfigFacts& config;
  const AlertmanagerOptions& alertmanager;
  std::function<ServerFacts()> facts{};
  std::function<std::vector<SourceFacts>()> sources{};
  const HealthWindows* windows = nullptr;  // Null: none are kept.
  const SeriesTable* series = nullptr;
  const SampleBook* samples = nullptr;
  FindingBook* findings = nullptr;
  std::uint64_t open_findings = 0;
  const Detector* detector = nullptr;
  const RuleWatches* watches = nullptr;
};

}  // namespace quell
