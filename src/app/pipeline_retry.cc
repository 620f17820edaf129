// Dead letters that are tried again: the Ingest frames with kRetryHeader.
#include <fmt/format.h>

#include <utility>

#include "app/dead_letter_record.h"
#include "app/dead_letter_retry.h"
#include "app/pipeline.h"

namespace quell {
namespace {

Hash128 done_key(const DeadLetter& letter, const LetterRecord& record) {
  return hash128(fmt::format("dead letter {} {}", letter.offset, record.name));
}

// Of an event that all others of its frame were worked off without.
void keep_only_event(Decoded& decoded, std::uint32_t index) {
  decoded.rejected.clear();
  if (index >= decoded.events.size()) return decoded.events.clear();
  Event event = std::move(decoded.events[index]);
  decoded.events.clear();
  decoded.events.push_back(std::move(event));
}

}  // namespace

// A record is taken once, however often and through however many letters it is tried.
FrameOutcome Pipeline::on_retry(const Frame& frame, DeadLetter letter) {
  FrameOutcome outcome;
  const auto record = record_of(frame, letter);
  const bool done = record && seen_.done_by(done_key(letter, *record)).has_value();
  ++letter.attempts;
  if (done || !record) {
    letter.resolved = done;
    if (!done) outcome.rejected.push_back(letter.rejected);
    batch_.dead_letters.push_back(std::move(letter));
    return outcome;
  }
  DecodedFrame decoded = decoders_.decode(record->frame);
  if (record->event) keep_only_event(decoded.decoded, *record->event);
  const auto events = static_cast<std::uint32_t>(decoded.decoded.events.size());
  on_samples(frame, decoded, outcome);
  std::vector<Rejected> rejected = std::move(decoded.decoded.rejected);
  const std::size_t refused_before = rejected.size();
  retry_rejected_ = &rejected;
  arrived_at_ = record->frame.arrived_at;
  on_events(std::move(decoded.decoded.events), outcome);
  arrived_at_ = now_;
  retry_rejected_ = nullptr;
  outcome.accepted += events - static_cast<std::uint32_t>(rejected.size() - refused_before);
  for (Rejected& one : rejected) one.place = record->place_in_original(one.place, letter);
  if (outcome.accepted > 0 || rejected.empty()) {
    seen_.remember_done(done_key(letter, *record), step_.offset, now_);
  }
  outcome.rejected = rejected;
  keep_rest(letter, std::move(rejected), outcome);
  return outcome;
}

// The letter stays for the first thing that is still wrong. There is more than one when the whole
// frame was unreadable before: the others get letters of their own.
void Pipeline::keep_rest(DeadLetter& letter, std::vector<Rejected> rejected,
                         FrameOutcome& outcome) {
  letter.resolved = rejected.empty();
  const bool was_whole = outcome.accepted > 0;
  DeadLetter next = letter;
  if (!rejected.empty() && (was_whole || rejected.size() == 1)) letter.rejected = rejected.front();
  batch_.dead_letters.push_back(letter);
  if (!was_whole) return;
  for (std::size_t i = 1; i < rejected.size(); ++i) {
    next.index = letter.index + static_cast<std::uint32_t>(i);
    next.attempts = 1;
    next.rejected = std::move(rejected[i]);
    batch_.dead_letters.push_back(next);
    ++outcome.dead_letters;
  }
}

// Only what the attempt in this frame brought, and not the ones before or after it.
void Pipeline::restore_retried_samples(const Frame& frame) {
  const auto letter = retried_dead_letter(frame);
  const auto record = letter ? record_of(frame, *letter) : std::nullopt;
  if (!record || record->event) return;
  if (seen_.done_by(done_key(*letter, *record)) != frame.offset) return;
  DecodedFrame decoded = decoders_.decode(record->frame);
  if (!decoded.samples.series.empty()) restore_samples(frame, decoded.samples);
}

}  // namespace quell
