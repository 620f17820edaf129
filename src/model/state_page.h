// StatePage: a piece of live state that is too large to be written as a whole with every commit.
//
// Its owner writes a page again when it changed, all at once or a few per commit; what a page says
// of the offset up to which it holds is the owner's business. The store keeps the last one of each
// (kind, number).
#pragma once

#include <cstdint>
#include <string>

namespace quell {

enum class StatePageKind : std::uint8_t {
  Series = 1,      // stream/series_table.h
  Samples = 2,     // stream/sample_book.h
  Metadata = 3,    // stream/series_table.h
  Models = 4,      // app/detect_stage.h
  Findings = 5,    // detect/finding_tracker.h
  Imported = 6,    // app/imported_models.h
  Watches = 7,     // detect/rule_watches.h
  Histograms = 8,  // stream/histogram_quantiles.h
};

struct StatePage {
  StatePageKind kind{};
  std::uint64_t number = 0;  // Below 2^48.
  std::string data{};        // Empty: the page is gone.
};

}  // namespace quell
