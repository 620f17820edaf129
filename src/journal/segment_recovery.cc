// What SegmentLog does when it is opened: find the durable end, and make sure that it is durable.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "journal/segment_log.h"

namespace quell {
namespace {

std::string byte_of(const std::string& path, std::uint64_t position) {
  return fmt::format("{}: byte {}", path, position);
}

Result<std::string> read_bytes(const File& file, std::uint64_t begin, std::uint64_t end) {
  std::string bytes(end - begin, '\0');
  TRY(const std::size_t got, file.read(begin, bytes));
  bytes.resize(got);
  return bytes;
}

}  // namespace

Result<std::unique_ptr<SegmentLog>> SegmentLog::open(const JournalOptions& options, Disk& disk) {
  // Sizes within a batch are 32 bits wide.
  constexpr std::uint64_t kBatchBytesMax = 1ull << 31;
  if (options.pending_bytes_max > kBatchBytesMax || options.record_bytes_max > kBatchBytesMax ||
      options.reserve_bytes == 0) {
    return fail(Errc::InvalidArgument,
                "journal limits: pending_bytes_max and record_bytes_max may be up to 2 GiB, "
                "reserve_bytes may not be 0");
  }
  std::unique_ptr<SegmentLog> log(new SegmentLog(options, disk));
  TRY_STATUS(log->recover());
  return log;
}

Result<std::unique_ptr<SegmentLog>> SegmentLog::open_to_read(const JournalOptions& options,
                                                             Disk& disk) {
  std::unique_ptr<SegmentLog> log(new SegmentLog(options, disk));
  log->is_to_read_ = true;
  TRY_STATUS(log->recover());
  log->lock_.reset();
  return log;
}

Status SegmentLog::recover() {
  if (!is_to_read_) TRY_STATUS(disk_.create_directory(options_.directory));
  auto lock = disk_.lock(options_.directory + "/lock");
  if (!lock) {
    return std::unexpected(std::move(lock).error().context("the journal is in use"));
  }
  lock_ = *std::move(lock);
  TRY(auto bases, list_bases());
  std::optional<std::uint64_t> unfinished;
  while (!bases.empty()) {
    TRY(const bool is_dropped, drop_unfinished(bases.back()));
    if (!is_dropped) break;
    unfinished = bases.back();
    bases.pop_back();
  }
  TRY_STATUS(load_segments(bases));
  if (!bases.empty()) TRY_STATUS(recover_active());
  if (bases.empty()) end_offset_ = unfinished.value_or(options_.first_offset);
  if (unfinished && end_offset_ != *unfinished) {
    return fail(Errc::Corrupt,
                fmt::format("the journal ends at frame {}, but a segment was begun for frame {}",
                            end_offset_, *unfinished),
                path_of(*unfinished));
  }
  shared_.with([&](Shared& shared) { shared.end_offset = end_offset_; });
  if (is_to_read_) return {};
  // Names that a crash would bring back, or lose, are settled before anything is appended.
  return disk_.sync_directory(options_.directory);
}

Result<std::vector<std::uint64_t>> SegmentLog::list_bases() const {
  TRY(const auto names, disk_.list(options_.directory));
  std::vector<std::uint64_t> bases;
  for (const std::string& name : names) {
    if (const auto base = parse_segment_name(name)) bases.push_back(*base);
  }
  return bases;  // The names have leading zeros, so their order is that of the numbers.
}

// A crash while a segment was begun leaves a file without a whole header, and with nothing behind
// it: the header is synced before the first batch is written.
Result<bool> SegmentLog::drop_unfinished(std::uint64_t base) {
  const std::string path = path_of(base);
  TRY(auto file, disk_.open(path));
  TRY(const std::string header, read_bytes(*file, 0, kSegmentHeaderBytes));
  if (is_whole_segment_header(header)) return false;
  SegmentReader reader(*file, path, 0, {base, kSegmentHeaderBytes});
  TRY(const auto tail, reader.tail());
  if (tail.bytes_used > 0) {
    return fail(Errc::Corrupt, "the segment header fails its checksum, and batches follow it",
                byte_of(path, 0));
  }
  if (!is_to_read_) TRY_STATUS(disk_.remove(path));
  return true;
}

// Reads the headers only, so that opening a long journal is fast.
Status SegmentLog::load_segments(const std::vector<std::uint64_t>& bases) {
  std::vector<Segment> segments;
  for (const std::uint64_t base : bases) {
    const std::string path = path_of(base);
    TRY(auto file, disk_.open(path));
    TRY(const std::string bytes, read_bytes(*file, 0, kSegmentHeaderBytes));
    auto header = decode_segment_header(bytes);
    if (!header) {
      return fail(Errc::Corrupt, header.error().message, path + ": " + header.error().place);
    }
    if (header->base != base) {
      return fail(Errc::Corrupt, fmt::format("the segment begins with frame {}", header->base),
                  byte_of(path, 16));
    }
    if (!segments.empty() && header->previous != segments.back().base) {
      return fail(Errc::Corrupt,
                  fmt::format("a segment is missing: frame {} is followed by frame {}",
                              segments.back().base, base),
                  path_of(header->previous));
    }
    TRY(const std::uint64_t size, file->size());
    segments.push_back(
        {.base = base, .mark = header->mark, .arrived_at = header->arrived_at, .size_bytes = size});
    header_ = *header;
  }
  shared_.with([&](Shared& shared) { shared.segments = std::move(segments); });
  return {};
}

// Only the last segment can end in a batch that was not synced.
Status SegmentLog::recover_active() {
  const std::string path = path_of(header_.base);
  TRY(active_, disk_.open(path));
  SegmentReader reader(*active_, path, header_.mark, {header_.base, kSegmentHeaderBytes});
  BatchPlace last{header_.base, 0};  // Of the header while there is no batch.
  std::vector<BatchPlace> index;
  last_arrived_at_ = header_.arrived_at;
  Error damage{Errc::Corrupt, "a batch is damaged"};
  while (true) {
    TRY(const auto header, reader.batch());
    if (!header) break;
    const BatchPlace place = reader.place();
    auto sound = reader.records(*header, [](std::uint64_t, std::string_view) { return true; });
    if (!sound && sound.error().code != Errc::Corrupt) return std::unexpected(sound.error());
    if (!sound) {
      damage = std::move(sound).error();
      break;
    }
    last = place;
    last_arrived_at_ = header->arrived_at;
    add_place(index, place);
  }
  position_ = reader.place().position;
  end_offset_ = reader.place().offset;
  TRY(const auto tail, reader.tail());
  if (tail.later_batch) {
    if (damage.place.empty()) damage.place = byte_of(path, position_);
    damage.message +=
        fmt::format(", but a batch follows at byte {}, so it had been durable", *tail.later_batch);
    return std::unexpected(std::move(damage));
  }
  torn_bytes_ = tail.bytes_used;
  shared_.with([&](Shared& shared) {
    shared.segments.back().size_bytes = position_;
    shared.segments.back().index = std::move(index);
  });
  return is_to_read_ ? Status{} : repair(last);
}

// What was read may come from the page cache only: a process that ended before its sync leaves
// such bytes, and after a failed sync Linux takes them for clean. So the last batch (no other can
// be in doubt) is written once more and synced, and then the torn tail is cut.
//
// Not needed when the file ends with its last batch: only close() and this function leave it so,
// both after a sync, because space is reserved beyond what is written (see reserve()).
Status SegmentLog::repair(BatchPlace last) {
  allocated_ = position_;
  TRY(const std::uint64_t size, active_->size());
  if (size == position_) return {};
  TRY(const std::string bytes, read_bytes(*active_, last.position, position_));
  TRY_STATUS(active_->write(last.position, bytes));
  TRY_STATUS(active_->sync());
  TRY_STATUS(active_->truncate(position_));
  return active_->sync();
}

}  // namespace quell
