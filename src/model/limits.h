// WireLimits: how much one frame may hold, whoever decodes it (wire/, normalize/). A limit that is
// passed is named in the reason.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace quell {

struct WireLimits {
  std::uint32_t events_max = 100'000;     // Per frame; what comes after is refused.
  std::uint32_t samples_max = 1'000'000;  // Per frame; what comes after is refused.
  std::uint32_t rejected_max = 1'000;     // Listed one by one; the others as one count.

  std::uint32_t labels_max = 128;               // Per event; more refuses the event.
  std::uint32_t label_name_bytes_max = 1024;    // Longer refuses the event.
  std::uint32_t label_value_bytes_max = 8192;   // Longer refuses the event.
  std::uint32_t attribute_bytes_max = 4096;     // id, source, type, subject, …: as above.
  std::uint32_t annotations_bytes_max = 65536;  // All of one event; the rest is cut and marked.
  std::uint32_t title_bytes_max = 1024;         // Longer is cut.
  std::uint32_t links_max = 32;                 // Per event; further ones are not shown.
  std::uint32_t link_bytes_max = 4096;          // Longer ones are not shown.

  std::uint64_t unpacked_bytes_max = 128ull << 20;  // Of a request in a snappy block, or gzip.
  std::uint64_t json_bytes_max = 32ull << 20;  // Of OTLP as JSON: parsing takes ten times that.
  std::uint32_t series_max = 500'000;          // Per request; what comes after is refused.
  std::uint32_t symbols_max = 1'000'000;       // Of a remote write 2.0 request.
  std::uint32_t series_cached_max = 200'000;   // Agent series that are recognised by their bytes.

  // An event time later than its arrival by more than this is set to the arrival.
  Duration future_max = std::chrono::minutes(10);
  // Metric samples that are older than this when they arrive are refused.
  Duration past_max = std::chrono::days(31);
  // How long an alert that was posted without endsAt fires unless it is posted again
  // (Alertmanager's resolve_timeout).
  Duration resolve_timeout = std::chrono::minutes(5);
};

}  // namespace quell
