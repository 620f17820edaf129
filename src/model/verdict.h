// Verdict: one recorded decision about an alert or incident, with its reason. The list of them is
// the *trace*: the answer to "why did, or didn't, this happen?".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/shared_text.h"

namespace quell {

enum class VerdictKind : std::uint8_t {
  Accepted,      // First event of this identity.
  Deduplicated,  // Same identity, nothing new: counted.
  Updated,       // Same identity, other content.
  Refired,       // Fires again after it was resolved.
  Resolved,      // The sender said that it ended.
  Expired,       // The lease ran out without a refresh.
  Held,          // Waits to see whether it lasts.
  Released,      // It lasted: the hold is over.
  Dropped,       // Ended while held: never became part of an incident.
  Flapping,      // Changes state too often: its changes are not news any more.
  Steady,        // Stopped flapping.
  Grouped,       // Joined an existing incident; the reason names the link and its score.
  Opened,        // Opened an incident of its own.
  NotOpened,     // Did not open an incident: the reason says what it would have needed.
  Moved,         // Went to another incident (merge, split, late arrival).
  Attached,      // A change was attached as context.
  Changed,       // A person or rule changed the incident.
};
std::string_view verdict_kind_name(VerdictKind kind);  // "accepted", "not_opened", …

struct Verdict {
  VerdictKind kind = VerdictKind::Accepted;
  Timestamp at{};            // First time.
  Timestamp last_at{};       // Last time; equal to `at` unless repeated.
  std::uint64_t count = 1;   // Equal verdicts in a row are counted, not listed.
  SharedText reason{};       // A sentence for people, with the values that decided.
  std::uint64_t offset = 0;  // The journal frame that caused it.
  bool operator==(const Verdict&) const = default;
};

// Bounded: keeps the first kHead and the last kTail verdicts, and how many fell out between.
//
// Cost: O(1) amortized. A repeated verdict of the same kind and reason takes no memory.
class Trace {
 public:
  static constexpr std::size_t kHead = 16;
  static constexpr std::size_t kTail = 48;

  void add(VerdictKind kind, Timestamp at, std::uint64_t offset, std::string_view reason);
  const std::vector<Verdict>& verdicts() const { return verdicts_; }
  std::uint64_t omitted() const { return omitted_; }

  void encode(ByteWriter& out) const;
  static Trace decode(ByteReader& in);
  bool operator==(const Trace&) const = default;

 private:
  std::vector<Verdict> verdicts_;
  std::uint64_t omitted_ = 0;
};

}  // namespace quell
