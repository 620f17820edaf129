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
  std::uint64_t reserve_bytes = 16ull << 20;      // Disk space is taken in steps of this size.
  std::uint64_t pending_bytes_max = 64ull << 20;  // Appended and not yet committed; then Exhausted.
  std::uint64_t record_bytes_max = 128ull << 20;
  // Where a journal without any segment begins: what the store has already seen, when it outlived
  // its journal, so that no offset is given twice.
  std::uint64_t first_offset = 0;
  // Called when a sync failed: what the disk holds is unknown, so nothing may be answered any
  // more, and only a new process can recover. Not set: prints the error and aborts. When it
  // returns, every later append fails with Unavailable.
  std::function<void(const Error&)> on_broken{};
};

struct JournalStats {
  std::uint64_t begin_offset = 0;  // First frame still kept.
  std::uint64_t end_offset = 0;    // One past the last durable frame.
  std::uint64_t size_bytes = 0;    // Of all segments, without the space that is only reserved.
  std::uint64_t segments = 0;
  std::uint64_t commits = 0;               // Since the journal was opened.
  std::uint64_t pending_bytes = 0;         // Appended and not yet committed.
  std::uint64_t appends_refused = 0;       // By a limit or a full disk, since it was opened.
  std::uint64_t recovered_torn_bytes = 0;  // Cut off the tail when the journal was opened.
};

// Who waits for a frame to be durable. Travels through the journal beside the frame and is not
// stored: derive from it what the answer needs.
class Waiter {
 public:
  virtual ~Waiter() = default;
};

// What became of frames handed to append(), in the order of the appends.
struct Commit {
  // Fine: the frames are durable and carry their offsets and arrival times. An error: none of
  // them was kept. Exhausted: the disk is full; later appends work again once there is space.
  Status status{};
  std::vector<Frame> frames{};
  std::vector<std::unique_ptr<Waiter>> waiters{};  // One for each frame; null where none was given.
  Duration took{};  // Writing and syncing.
};

// Called on the committer's thread, for every frame once, in the order of the appends. The next
// commit begins when it returns: hand the frames on and leave. It must not close the journal.
using CommitCallback = std::function<void(Commit)>;

class Journal {
 public:
  virtual ~Journal() = default;

  // Queues one frame for the next commit. The journal gives it its offset, and its arrival time
  // unless it has one; either way never earlier than that of the frame before.
  // Errors (the waiter is dropped, the callback will not see the frame): Exhausted when too much
  // is pending, TooLarge, Unavailable when closed or broken.
  // Thread: any. Cost: one encoding and one copy; never waits for the disk.
  virtual Status append(Frame frame, std::unique_ptr<Waiter> waiter = nullptr) = 0;

  // Calls `visit` for every frame from `from` on that was durable when the call began, in order,
  // until it returns false. Thread: any.
  // Errors: NotFound when `from` is older than what is kept; Corrupt, naming file and byte.
  virtual Status read(std::uint64_t from, const std::function<bool(Frame)>& visit) const = 0;

  // Removes whole segments that lie below `offset`; the newest one always stays. Thread: any.
  virtual Status discard_before(std::uint64_t offset) = 0;

  // Returns: an offset below which every frame arrived before `t`; with discard_before() it makes
  // retention by age. Only as exact as a segment is long. Thread: any.
  virtual std::uint64_t offset_before(Timestamp t) const = 0;

  virtual JournalStats stats() const = 0;

  // Commits what is pending and stops. Later appends fail with Unavailable. The destructor does
  // the same. Thread: any but the committer's.
  virtual void close() = 0;
};

// The frame at `offset`. Errors: NotFound when it is not kept, or not there yet; as read().
Result<Frame> read_frame(const Journal& journal, std::uint64_t offset);

// Opens or creates the journal of segment files: finds the durable end, cuts off a torn tail.
// The committer runs on a thread that the journal owns. `clock` stamps arrivals.
// Errors: Conflict when another process has the directory open; Corrupt, naming file and byte,
// when bytes that had been durable are damaged or missing.
Result<std::unique_ptr<Journal>> open_file_journal(const JournalOptions& options, Disk& disk,
                                                   const Clock& clock, CommitCallback on_commit);

}  // namespace quell
