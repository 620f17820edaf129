// Journal: every input of the process, in order, durable before it is answered.
//
// Method: segment files of CRC-framed records with natural group commit: a commit writes and syncs
// all that was appended while the previous commit ran (docs/formats/journal.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/disk.h"
#include "base/result.h"
#include "model/frame.h"

namespace quell {

struct JournalOptions {
  std::string directory;
  std::uint64_t segment_bytes = 256ull << 20;     // A new file is begun beyond this size.
  std::uint64_t pending_bytes_max = 64ull << 20;  // Appended and not yet committed; then Exhausted.
  std::uint64_t record_bytes_max = 128ull << 20;
};

struct JournalStats {
  std::uint64_t begin_offset = 0;  // First frame still kept.
  std::uint64_t end_offset = 0;    // One past the last durable frame.
  std::uint64_t size_bytes = 0;
  std::uint64_t segments = 0;
  std::uint64_t commits = 0;
  std::uint64_t recovered_torn_bytes = 0;  // Cut off the tail when the journal was opened.
};

// What happened to frames handed to append(). Called on the committer's thread, in append order.
// On success the frames carry their offsets and arrival times; on failure nothing was kept.
using CommitCallback = std::function<void(std::vector<Frame> committed, const Status& status)>;

class Journal {
 public:
  virtual ~Journal() = default;

  // Queues one frame. The journal gives it its offset and makes `arrived_at` not earlier than its
  // predecessor's. The callback of the journal reports it in a later batch.
  // Errors: Exhausted when too much is pending or the disk is full, TooLarge, Unavailable when
  // closed. Thread: any. Cost: one encoding and one copy; never waits for the disk.
  virtual Status append(Frame frame) = 0;

  // Calls `visit` for every durable frame from `from` on, in order, until it returns false.
  // Errors: NotFound when `from` is older than what is kept; Corrupt, naming file and byte.
  virtual Status read(std::uint64_t from, const std::function<bool(Frame)>& visit) const = 0;

  // Removes whole segments that lie below `offset`. Thread: any.
  virtual Status discard_before(std::uint64_t offset) = 0;

  virtual JournalStats stats() const = 0;

  // Commits what is pending and stops. Later appends fail with Unavailable.
  virtual void close() = 0;
};

// Opens or creates the journal of segment files: finds the durable end, cuts off a torn tail.
// The committer runs on a thread that the journal owns. `clock` stamps arrivals.
Result<std::unique_ptr<Journal>> open_file_journal(const JournalOptions& options, Disk& disk,
                                                   const Clock& clock, CommitCallback on_commit);

}  // namespace quell
