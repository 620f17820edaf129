// The encodings of the store's own rows (docs/formats/store.md).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/store.h"

namespace quell {

// An event without its position, alert and incident, which are columns. What filters look at comes
// first, so that a row that does not match is not decoded any further.
void encode_event(const EventRow& row, std::string& out);
// Fills arrived_at and event. Errors: Corrupt.
Status decode_event(std::string_view record, EventRow& row);
// Whether the encoded event passes the filters that are not columns: tenant, source, kind,
// severity and the words of `text`, each of which must occur in the title, the entity, or a label's
// name or value, whatever the case of ASCII letters. A record that does not decode passes, so that
// decode_event reports it.
//
// Cost: no allocation.
class EventFilter {
 public:
  explicit EventFilter(const EventQuery& query);
  bool matches(std::string_view record) const;

 private:
  const EventQuery& query_;
  std::vector<std::string_view> words_;
};

void encode_dead_letter(const DeadLetter& letter, std::string& out);
// Fills all but offset and index. Errors: Corrupt.
Status decode_dead_letter(std::string_view record, DeadLetter& letter);

void encode_series(const Series& series, std::string& out);
Result<std::shared_ptr<const Series>> decode_series(std::string_view record);

// Seen ids are written as one block per commit.
void encode_seen_ids(const std::vector<SeenId>& ids, std::string& out);
Status decode_seen_ids(std::string_view record, std::vector<SeenId>& ids);

}  // namespace quell
