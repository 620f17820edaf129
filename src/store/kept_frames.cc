// Frames of dead letters that the journal has let go of.
#include "store/sqlite_store.h"

namespace quell {

Result<std::vector<std::uint64_t>> SqliteStore::frames_to_keep(std::uint64_t from,
                                                               std::uint64_t to) {
  TRY(Statement * select,
      writer_->statement("SELECT DISTINCT frame_offset FROM dead_letters WHERE resolved = 0 "
                         "AND frame_offset >= ? AND frame_offset < ? "
                         "AND frame_offset NOT IN (SELECT frame_offset FROM kept_frames) "
                         "ORDER BY frame_offset LIMIT ?"));
  const ResetAtEnd reset(*select);
  select->bind(1, from).bind(2, to).bind(3, std::int64_t{kKeptFramesAtOnce});
  std::vector<std::uint64_t> offsets;
  while (true) {
    TRY(const bool row, select->step());
    if (!row) return offsets;
    offsets.push_back(select->offset(0));
  }
}

Result<SqliteStore::KeptSize> SqliteStore::kept_size() {
  TRY(Statement * sum,
      writer_->statement("SELECT count(*), coalesce(sum(length(frame)), 0) FROM kept_frames"));
  const ResetAtEnd reset(*sum);
  TRY(const bool row, sum->step());
  return row ? KeptSize{.frames = sum->offset(0), .bytes = sum->offset(1)} : KeptSize{};
}

Status SqliteStore::put_frames(const std::vector<std::uint64_t>& offsets, const FrameReader& read,
                               KeptFrames& kept) {
  TRY(KeptSize size, kept_size());
  TRY(Statement * put,
      writer_->statement("INSERT INTO kept_frames(frame_offset, frame) VALUES(?, ?)"));
  for (const std::uint64_t offset : offsets) {
    const auto frame = read(offset);
    std::string record;
    if (frame) encode_frame(*frame, record);
    const bool is_full =
        size.frames == kKeptFramesMax || size.bytes + record.size() > kKeptFramesBytesMax;
    if (!frame || is_full) {
      ++kept.left_out;
      continue;
    }
    ++size.frames;
    size.bytes += record.size();
    TRY_STATUS(put->bind(1, offset).bind_blob(2, record).run());
  }
  return {};
}

Result<KeptFrames> SqliteStore::keep_frames(std::uint64_t from, std::uint64_t to,
                                            const FrameReader& read) {
  KeptFrames kept{.done_to = to};
  TRY(const auto offsets, frames_to_keep(from, to));
  if (offsets.empty()) return kept;
  if (offsets.size() == kKeptFramesAtOnce) kept.done_to = offsets.back() + 1;
  const Status done = in_transaction([&] { return put_frames(offsets, read, kept); });
  if (!done) return std::unexpected(done.error());
  return kept;
}

Result<std::optional<Frame>> SqliteStore::kept_frame(std::uint64_t offset) const {
  return with_reader([&](SqliteConnection& c) -> Result<std::optional<Frame>> {
    TRY(Statement * select, c.statement("SELECT frame FROM kept_frames WHERE frame_offset = ?"));
    const ResetAtEnd reset(*select);
    TRY(const bool found, select->bind(1, offset).step());
    if (!found) return std::optional<Frame>();
    TRY(Frame frame, decode_frame(offset, select->bytes(0)));
    return std::optional<Frame>(std::move(frame));
  });
}

Result<std::uint64_t> SqliteStore::retain_frames() {
  TRY(Statement * remove,
      writer_->statement("DELETE FROM kept_frames WHERE NOT EXISTS "
                         "(SELECT 1 FROM dead_letters WHERE resolved = 0 AND "
                         "dead_letters.frame_offset = kept_frames.frame_offset)"));
  TRY_STATUS(remove->run());
  return static_cast<std::uint64_t>(writer_->changed_rows());
}

}  // namespace quell
