#include "journal/segment_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/hash.h"

namespace quell {
namespace {

// Batches of up to so many bytes are written over zeros, which are written so far ahead.
constexpr std::uint64_t kSmallBatchBytes = 64ull << 10;
constexpr std::uint64_t kZeroAheadBytes = 2ull << 20;
constexpr std::array<char, 64 << 10> kZeros{};

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t step) {
  return (value + step - 1) / step * step;
}

// Not to be guessed by who sends frames, and another one for each segment.
std::uint64_t make_mark(std::uint64_t base, Timestamp before, Timestamp now) {
  const std::array<std::int64_t, 2> times{before.time_since_epoch().count(),
                                          now.time_since_epoch().count()};
  const auto* bytes = reinterpret_cast<const char*>(times.data());
  return hash64({bytes, sizeof times}, base) | 1;  // Never 0, which empty space is full of.
}

// Nothing was kept: says what the journal was doing, and what helps against a full disk.
Error not_kept(Error error, std::string_view doing) {
  if (error.code == Errc::Exhausted) error.message += "; free space or keep frames for less long";
  return std::move(error).context(doing);
}

}  // namespace

SegmentLog::SegmentLog(const JournalOptions& options, Disk& disk)
    : options_(options), disk_(disk) {}

std::string SegmentLog::path_of(std::uint64_t base) const {
  return options_.directory + "/" + segment_name(base);
}

Result<std::uint64_t> SegmentLog::commit(Batch& batch) {
  QUELL_ASSERT(!is_to_read_, "what is open to read takes nothing");
  if (broken_) return std::unexpected(*broken_);
  const std::uint64_t size = batch.size_bytes();
  const bool is_full =
      active_ && position_ + size > options_.segment_bytes && position_ > kSegmentHeaderBytes;
  if (!active_ || is_full || must_rotate_) TRY_STATUS(rotate(batch));
  TRY_STATUS(reserve(size));
  if (size <= kSmallBatchBytes) write_zeros_ahead(size);
  const std::string_view bytes = batch.seal(end_offset_, header_.mark);
  if (auto written = active_->write(position_, bytes); !written) {
    return std::unexpected(undo_write(std::move(written).error()));
  }
  if (auto synced = active_->sync(); !synced) {
    return std::unexpected(broken_by(std::move(synced).error()));
  }
  const std::uint64_t first = end_offset_;
  const std::uint64_t position = position_;
  end_offset_ += batch.count();
  position_ += bytes.size();
  last_arrived_at_ = batch.last_arrived_at();
  publish(batch, position);
  return first;
}

void SegmentLog::publish(const Batch& batch, std::uint64_t position) {
  shared_.with([&](Shared& shared) {
    Segment& segment = shared.segments.back();
    add_place(segment.index, {end_offset_ - batch.count(), position});
    segment.size_bytes = position_;
    shared.end_offset = end_offset_;
    ++shared.commits;
  });
}

Status SegmentLog::rotate(const Batch& batch) {
  must_rotate_ = true;
  SegmentHeader header{
      .base = end_offset_, .previous = end_offset_, .arrived_at = last_arrived_at_};
  if (active_) header.previous = header_.base;
  header.mark = make_mark(header.base, last_arrived_at_, batch.last_arrived_at());
  TRY(auto file, create_segment(header, kSegmentHeaderBytes + batch.size_bytes()));
  // Only now: until the new segment is there, readers need the old one's end to be as it was. A
  // crash that loses this leaves zeros at the end of the old one, which nobody reads.
  if (active_) (void)active_->truncate(position_).has_value();
  active_ = std::move(file);
  header_ = header;
  position_ = kSegmentHeaderBytes;
  zeroed_ = 0;
  must_rotate_ = false;
  shared_.with([&](Shared& shared) {
    shared.segments.push_back({.base = header.base,
                               .mark = header.mark,
                               .arrived_at = header.arrived_at,
                               .size_bytes = position_});
  });
  return {};
}

// The header is durable before the first batch is written, so that a damaged header cannot be
// mistaken for one that was never finished.
Result<std::unique_ptr<File>> SegmentLog::create_segment(const SegmentHeader& header,
                                                         std::uint64_t size) {
  const std::string path = path_of(header.base);
  TRY(auto file, disk_.create(path));
  const std::uint64_t wanted =
      std::max(size + kBatchAlignment,
               std::min(round_up(size, options_.reserve_bytes), options_.segment_bytes));
  auto prepared = file->truncate(0);  // What an earlier attempt left.
  if (prepared) prepared = file->allocate(wanted);
  if (prepared) prepared = file->write(0, encode_segment_header(header));
  if (!prepared) {
    (void)disk_.remove(path).has_value();  // Frees what it took; recovery would drop it too.
    return std::unexpected(not_kept(std::move(prepared).error(), "beginning a journal segment"));
  }
  if (auto synced = file->sync(); !synced) {
    return std::unexpected(broken_by(std::move(synced).error()));
  }
  if (auto synced = disk_.sync_directory(options_.directory); !synced) {
    return std::unexpected(broken_by(std::move(synced).error()));
  }
  allocated_ = wanted;
  return file;
}

// Space is reserved before it is written to, always a little more than is needed: a file that
// ends with its last batch is one that close() has left (see repair()).
Status SegmentLog::reserve(std::uint64_t batch_bytes) {
  const std::uint64_t needed = position_ + batch_bytes + kBatchAlignment;
  if (needed <= allocated_) return {};
  const std::uint64_t wanted =
      std::max(needed, std::min(round_up(needed, options_.reserve_bytes), options_.segment_bytes));
  if (auto reserved = active_->allocate(wanted); !reserved) {
    (void)active_->truncate(allocated_).has_value();  // Gives a part back; zeros do no harm.
    return std::unexpected(not_kept(std::move(reserved).error(), "reserving journal space"));
  }
  allocated_ = wanted;
  return {};
}

// A sync of space that is only reserved has to wait for the file system's own journal, behind
// whatever else of this disk is in there (SQLite's log is); a sync of what was written before has
// not. So zeros go ahead of small batches, whose senders wait for each of them: measured on ext4
// beside another writer, p99 0.5 ms and not 2.7. A large batch costs more to write twice.
void SegmentLog::write_zeros_ahead(std::uint64_t batch_bytes) {
  if (position_ + batch_bytes <= zeroed_) return;
  const std::uint64_t until = std::min(position_ + batch_bytes + kZeroAheadBytes, allocated_);
  for (std::uint64_t at = position_ + batch_bytes; at < until; at += kZeros.size()) {
    const std::string_view zeros(kZeros.data(), std::min<std::uint64_t>(kZeros.size(), until - at));
    // When it fails nothing is lost but time: the space reads as zeros anyway.
    if (!active_->write(at, zeros)) break;
  }
  zeroed_ = until;
}

// Leaves nothing of a batch that could not be written: it is reported as not kept, so it must not
// come back after a crash.
Error SegmentLog::undo_write(Error error) {
  auto undone = active_->truncate(position_);
  if (undone) undone = active_->sync();
  if (!undone) return broken_by(std::move(undone).error());
  allocated_ = position_;
  zeroed_ = position_;
  return not_kept(std::move(error), "committing to the journal");
}

Error SegmentLog::broken_by(Error error) {
  error.code = Errc::Unavailable;  // Also when the disk is full: waiting does not help here.
  broken_ = std::move(error).context(
      "the journal has stopped, because the disk did not confirm a write; restart to recover");
  return *broken_;
}

Status SegmentLog::close() {
  if (!active_ || broken_ || is_to_read_) return {};
  TRY_STATUS(active_->truncate(position_));
  allocated_ = position_;
  if (auto synced = active_->sync(); !synced) {
    return std::unexpected(broken_by(std::move(synced).error()));
  }
  return {};
}

Status SegmentLog::read(std::uint64_t from, const std::function<bool(Frame)>& visit) const {
  TRY(const auto parts, stretches(from));
  for (const Stretch& stretch : parts) {
    TRY(const bool go_on, read_stretch(stretch, from, visit));
    if (!go_on) return {};
  }
  return {};
}

Result<std::vector<SegmentLog::Stretch>> SegmentLog::stretches(std::uint64_t from) const {
  return shared_.with([&](Shared& shared) -> Result<std::vector<Stretch>> {
    const auto& segments = shared.segments;
    const std::uint64_t begin = segments.empty() ? shared.end_offset : segments.front().base;
    if (from < begin) {
      return fail(Errc::NotFound,
                  fmt::format("frame {} is no longer kept: the journal begins at {}", from, begin));
    }
    std::vector<Stretch> parts;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const Segment& segment = segments[i];
      const std::uint64_t end = i + 1 < segments.size() ? segments[i + 1].base : shared.end_offset;
      if (end <= from || segment.base == end) continue;
      BatchPlace start{segment.base, kSegmentHeaderBytes};
      const auto after = std::upper_bound(
          segment.index.begin(), segment.index.end(), from,
          [](std::uint64_t offset, const BatchPlace& place) { return offset < place.offset; });
      if (after != segment.index.begin()) start = *std::prev(after);
      parts.push_back({path_of(segment.base), segment.mark, segment.base, end, start});
    }
    return parts;
  });
}

Result<bool> SegmentLog::read_stretch(const Stretch& stretch, std::uint64_t from,
                                      const std::function<bool(Frame)>& visit) const {
  auto file = disk_.open(stretch.path);
  if (!file && file.error().code == Errc::NotFound) {
    return fail(Errc::NotFound, fmt::format("frames {} to {} are no longer kept: {} is gone",
                                            stretch.base, stretch.end - 1, stretch.path));
  }
  if (!file) return std::unexpected(std::move(file).error());
  SegmentReader reader(**file, stretch.path, stretch.mark, stretch.start);
  std::vector<BatchPlace> index;
  bool go_on = true;
  while (go_on && reader.place().offset < stretch.end) {
    TRY(const auto header, reader.batch());
    if (!header) {
      return fail(Errc::Corrupt,
                  fmt::format("the batch of frame {} is damaged or missing", reader.place().offset),
                  fmt::format("{}: byte {}", stretch.path, reader.place().position));
    }
    add_place(index, reader.place());
    if (header->end() <= from) {
      reader.skip(*header);
      continue;
    }
    const auto decode = [&](std::uint64_t offset, std::string_view payload) -> Result<bool> {
      if (offset < from) return true;
      TRY(auto frame, decode_frame(offset, payload));
      return visit(std::move(frame));
    };
    TRY(go_on, reader.records(*header, decode));
  }
  if (stretch.start.position == kSegmentHeaderBytes) remember_index(stretch.base, std::move(index));
  return go_on;
}

// A segment that was sealed before the journal was opened gets its index when it is first read.
void SegmentLog::remember_index(std::uint64_t base, std::vector<BatchPlace> index) const {
  shared_.with([&](Shared& shared) {
    for (Segment& segment : shared.segments) {
      if (segment.base != base) continue;
      if (segment.index.empty()) segment.index = std::move(index);
      return;
    }
  });
}

Status SegmentLog::discard_before(std::uint64_t offset) {
  std::scoped_lock one_at_a_time(discarding_);
  while (true) {
    const std::optional<std::uint64_t> oldest =
        shared_.with([&](Shared& shared) -> std::optional<std::uint64_t> {
          if (shared.segments.size() < 2 || shared.segments[1].base > offset) return std::nullopt;
          return shared.segments.front().base;
        });
    if (!oldest) break;
    // The removal before must be durable first: after a crash, what is left is without gaps.
    TRY_STATUS(disk_.sync_directory(options_.directory));
    auto removed = disk_.remove(path_of(*oldest));
    if (!removed && removed.error().code != Errc::NotFound) return removed;
    shared_.with([](Shared& shared) { shared.segments.erase(shared.segments.begin()); });
  }
  return disk_.sync_directory(options_.directory);
}

std::uint64_t SegmentLog::offset_before(Timestamp t) const {
  return shared_.with([&](Shared& shared) {
    std::uint64_t offset = shared.segments.empty() ? 0 : shared.segments.front().base;
    for (const Segment& segment : shared.segments) {
      if (segment.arrived_at < t) offset = segment.base;
    }
    return offset;
  });
}

JournalStats SegmentLog::stats() const {
  return shared_.with([&](Shared& shared) {
    JournalStats stats{.begin_offset = shared.end_offset,
                       .end_offset = shared.end_offset,
                       .segments = shared.segments.size(),
                       .commits = shared.commits,
                       .recovered_torn_bytes = torn_bytes_};
    if (!shared.segments.empty()) stats.begin_offset = shared.segments.front().base;
    for (const Segment& segment : shared.segments) stats.size_bytes += segment.size_bytes;
    return stats;
  });
}

}  // namespace quell
