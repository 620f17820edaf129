// SegmentLog: the files of a journal: append, recover, read, discard. No thread and no clock, so
// that a simulation can drive it; FileJournal puts a committer thread on top.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/disk.h"
#include "base/guarded.h"
#include "base/result.h"
#include "journal/journal.h"
#include "journal/segment_format.h"
#include "journal/segment_reader.h"

namespace quell {

// Invariant: what commit() accepted is what every later read gives, in order, once, across
// crashes; of a batch that it did not accept nothing is ever read, unless the log is broken: then
// the whole batch may come back when the journal is opened again.
//
// Thread: commit and close by one thread; everything else by any.
class SegmentLog {
 public:
  // Errors: see open_file_journal().
  static Result<std::unique_ptr<SegmentLog>> open(const JournalOptions& options, Disk& disk);
  // To read what is there, and to change nothing: a torn end stays where it is, behind what is
  // read, and so does a segment that was hardly begun. Nobody may hold the journal meanwhile; from
  // then on others may. Errors: as open(); NotFound when there is no such directory.
  static Result<std::unique_ptr<SegmentLog>> open_to_read(const JournalOptions& options,
                                                          Disk& disk);

  // Makes the frames of `batch` durable: one write and one sync. Returns the first one's offset.
  // Requires here and in discard_before(): open().
  // Errors: Exhausted when the disk is full, Unavailable; then nothing of the batch was kept.
  Result<std::uint64_t> commit(Batch& batch);

  // Whether a sync failed, so that what the disk holds is not known. Every commit fails from
  // then on; only opening the journal again helps.
  bool is_broken() const { return broken_.has_value(); }

  // As Journal.
  Status read(std::uint64_t from, const std::function<bool(Frame)>& visit) const;
  Status discard_before(std::uint64_t offset);
  std::uint64_t offset_before(Timestamp t) const;
  JournalStats stats() const;

  // When the last frame arrived; no later one may have arrived earlier. Valid until commit().
  Timestamp last_arrived_at() const { return last_arrived_at_; }

  // Gives reserved space back. Opening is fastest after it, and safe without it.
  Status close();

 private:
  struct Segment {
    std::uint64_t base = 0;
    std::uint64_t mark = 0;
    Timestamp arrived_at{};  // Of the last frame before it.
    std::uint64_t size_bytes = 0;
    std::vector<BatchPlace> index{};  // Some batches, in order; empty for a segment not yet read.
  };
  struct Shared {
    std::vector<Segment> segments;  // At least one once a frame was kept; the last is the active.
    std::uint64_t end_offset = 0;
    std::uint64_t commits = 0;
  };
  // One segment as a reader needs it, copied so that reading holds no lock.
  struct Stretch {
    std::string path;
    std::uint64_t mark = 0;
    std::uint64_t base = 0;
    std::uint64_t end = 0;
    BatchPlace start{};
  };

  SegmentLog(const JournalOptions& options, Disk& disk);

  std::string path_of(std::uint64_t base) const;

  // Recovery (segment_recovery.cc).
  Status recover();
  Result<std::vector<std::uint64_t>> list_bases() const;
  Result<bool> drop_unfinished(std::uint64_t base);
  Status load_segments(const std::vector<std::uint64_t>& bases);
  Status recover_active();
  Status repair(BatchPlace last);

  // Writing.
  Status rotate(const Batch& batch);
  Result<std::unique_ptr<File>> create_segment(const SegmentHeader& header, std::uint64_t size);
  Status reserve(std::uint64_t batch_bytes);
  void write_zeros_ahead(std::uint64_t batch_bytes);
  Error undo_write(Error error);
  Error broken_by(Error error);
  void publish(const Batch& batch, std::uint64_t position);

  // Reading.
  Result<std::vector<Stretch>> stretches(std::uint64_t from) const;
  Result<bool> read_stretch(const Stretch& stretch, std::uint64_t from,
                            const std::function<bool(Frame)>& visit) const;
  void remember_index(std::uint64_t base, std::vector<BatchPlace> index) const;

  // Constant after construction.
  const JournalOptions options_;
  Disk& disk_;
  bool is_to_read_ = false;
  std::unique_ptr<DiskLock> lock_;
  std::uint64_t torn_bytes_ = 0;

  // The committing thread's own.
  std::unique_ptr<File> active_;  // Null before the first frame.
  SegmentHeader header_{};
  std::uint64_t position_ = 0;   // Where the next batch goes.
  std::uint64_t allocated_ = 0;  // Size of the active file.
  std::uint64_t zeroed_ = 0;     // Zeros are written up to here, where it is beyond position_.
  std::uint64_t end_offset_ = 0;
  bool must_rotate_ = false;  // A rotation failed half-way: the old segment must not grow again.
  Timestamp last_arrived_at_{};
  std::optional<Error> broken_;

  mutable Guarded<Shared> shared_;
  std::mutex discarding_;  // Held while files are removed: one discard at a time.
};

}  // namespace quell
