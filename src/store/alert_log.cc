#include "store/alert_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"

namespace quell {
namespace {

constexpr std::size_t kRemoved = SIZE_MAX;
constexpr std::size_t kChunksFree = 4096;
constexpr std::size_t kCleanedPerCommit = 64;  // Chunks: bounds what cleaning adds to a commit.

std::unexpected<Error> damaged(std::int64_t chunk) {
  return fail(Errc::Corrupt, fmt::format("alert chunk {} does not decode", chunk));
}

// Calls visit(key, place) -> Status for the entries of a chunk whose records have `size` bytes.
template <class Visit>
Status for_each_entry(std::int64_t chunk, std::string_view entries, std::uint64_t size,
                      Visit&& visit) {
  ByteReader r(entries);
  std::uint64_t offset = 0;
  while (r.ok() && !r.at_end()) {
    Hash128 key;
    key.low = r.fixed64();
    key.high = r.fixed64();
    const std::uint64_t record_size = r.u64();
    if (!r.ok() || record_size > size - offset) return damaged(chunk);
    TRY_STATUS(visit(key, AlertLog::Place{chunk, static_cast<std::uint32_t>(offset),
                                          static_cast<std::uint32_t>(record_size)}));
    offset += record_size;
  }
  if (!r.ok() || offset != size) return damaged(chunk);
  return {};
}

}  // namespace

Hash128 AlertLog::hash(const AlertKey& key) {
  std::string bytes(reinterpret_cast<const char*>(&key.fingerprint), sizeof key.fingerprint);
  return hash128(bytes += key.tenant);
}

Status AlertLog::load() {
  TRY(Statement * rows,
      connection_.statement("SELECT id, length(records), entries FROM alert_chunks ORDER BY id"));
  const ResetAtEnd reset(*rows);
  Index index;
  while (true) {
    TRY(const bool row, rows->step());
    if (!row) break;
    const std::int64_t id = rows->integer(0);
    const auto size = static_cast<std::uint64_t>(rows->integer(1));
    chunks_[id].bytes = size;
    total_bytes_ += size;
    TRY_STATUS(for_each_entry(id, rows->bytes(2), size, [&](Hash128 key, Place place) -> Status {
      apply({key, place}, index);
      return {};
    }));
    next_chunk_ = staged_chunk_ = id + 1;
  }
  keep_dead_only();
  index_.with([&](Index& i) { i = std::move(index); });
  return {};
}

Status AlertLog::write(const StoreBatch& batch) {
  QUELL_ASSERT(staged_.empty() && deleted_.empty(), "the last transaction has ended");
  std::string record;
  for (std::size_t i = 0; i < batch.alerts.size(); ++i) {
    const Alert& alert = *batch.alerts[i];
    record.clear();
    encode_alert(alert, record);
    const Hash128 key = hash(alert.key);
    latest_[key] = i;
    append(key, record);
    if (chunk_records_.size() >= kChunkBytes) TRY_STATUS(flush());
  }
  for (const AlertKey& key : batch.removed_alerts) {
    const auto latest = latest_.find(hash(key));
    const Alert* alert = nullptr;
    if (latest != latest_.end()) {
      if (latest->second == kRemoved) continue;
      alert = batch.alerts[latest->second].get();
    }
    TRY_STATUS(remove(key, alert, batch.now));
  }
  for (const std::int64_t id : dead_chunks_) TRY_STATUS(delete_chunk(id));
  TRY_STATUS(clean());
  return flush();
}

void AlertLog::append(Hash128 key, std::string_view record) {
  staged_.push_back({key,
                     {staged_chunk_, static_cast<std::uint32_t>(chunk_records_.size()),
                      static_cast<std::uint32_t>(record.size())}});
  ByteWriter w(chunk_entries_);
  w.fixed64(key.low);
  w.fixed64(key.high);
  w.u64(record.size());
  chunk_records_ += record;
}

Status AlertLog::flush() {
  if (chunk_entries_.empty()) return {};
  TRY(Statement * insert,
      connection_.statement("INSERT INTO alert_chunks(id, entries, records) VALUES(?, ?, ?)"));
  insert->bind(1, staged_chunk_).bind_blob(2, chunk_entries_).bind_blob(3, chunk_records_);
  TRY_STATUS(insert->run());
  ++staged_chunk_;
  staged_bytes_ += chunk_records_.size();
  chunk_entries_.clear();
  chunk_records_.clear();
  return {};
}

// Copies the last value to the history and hides the live one.
Status AlertLog::remove(const AlertKey& key, const Alert* latest, Timestamp now) {
  const Hash128 hashed = hash(key);
  std::string record;
  if (latest != nullptr) {
    encode_alert(*latest, record);
  } else {
    const auto place = find(key);
    if (!place) return {};
    TRY(Statement * read, connection_.statement("SELECT records FROM alert_chunks WHERE id = ?"));
    const ResetAtEnd reset(*read);
    TRY(const bool row, read->bind(1, place->chunk).step());
    if (!row) return damaged(place->chunk);
    record = read->bytes(0).substr(place->offset, place->size);
  }
  TRY(Statement * insert,
      connection_.statement("INSERT OR REPLACE INTO alert_history(tenant, fingerprint, removed_at, "
                            "record) VALUES(?, ?, ?, ?)"));
  insert->bind(1, key.tenant).bind(2, key.fingerprint).bind(3, now).bind_blob(4, record);
  TRY_STATUS(insert->run());
  latest_[hashed] = kRemoved;
  append(hashed, {});
  return {};
}

// Takes the oldest chunks while the garbage outweighs what is live, or while chunks of removals
// alone pile up.
Status AlertLog::clean() {
  std::uint64_t total = total_bytes_ + staged_bytes_ + chunk_records_.size();
  std::size_t chunks = chunks_.size();
  const std::size_t chunks_max =
      kChunksFree + 2 * index_.with([](const Index& index) { return index.size(); });
  std::size_t cleaned = 0;
  for (auto at = chunks_.begin(); at != chunks_.end() && cleaned < kCleanedPerCommit; ++at) {
    if (total <= 2 * live_bytes_ + kGarbageFree && chunks <= chunks_max) break;
    if (std::ranges::binary_search(dead_chunks_, at->first)) continue;
    total -= std::min(total, at->second.bytes);
    --chunks;
    ++cleaned;
    if (at->second.live > 0) TRY_STATUS(move_chunk(at->first));
    TRY_STATUS(delete_chunk(at->first));
  }
  return {};
}

// Writes again what the index still points to. Removals need not be kept: nothing older is left
// that they could hide.
Status AlertLog::move_chunk(std::int64_t id) {
  TRY(Statement * read,
      connection_.statement("SELECT entries, records FROM alert_chunks WHERE id = ?"));
  const ResetAtEnd reset(*read);
  TRY(const bool row, read->bind(1, id).step());
  if (!row) return damaged(id);
  const std::string_view records = read->bytes(1);
  const auto move = [&](Hash128 key, Place place) -> Status {
    if (!latest_.contains(key) && is_live(key, place)) {
      append(key, records.substr(place.offset, place.size));
    }
    if (chunk_records_.size() >= kChunkBytes) return flush();
    return {};
  };
  return for_each_entry(id, read->bytes(0), records.size(), move);
}

Status AlertLog::delete_chunk(std::int64_t id) {
  TRY(Statement * statement, connection_.statement("DELETE FROM alert_chunks WHERE id = ?"));
  TRY_STATUS(statement->bind(1, id).run());
  deleted_.push_back(id);
  return {};
}

void AlertLog::committed() {
  for (std::int64_t id = next_chunk_; id < staged_chunk_; ++id) chunks_[id] = {};
  for (const Entry& entry : staged_) {
    chunks_[entry.place.chunk].bytes += entry.place.size;
    total_bytes_ += entry.place.size;
  }
  dead_chunks_.clear();
  index_.with([&](Index& index) {
    for (const Entry& entry : staged_) apply(entry, index);
  });
  for (const std::int64_t id : deleted_) {
    const auto chunk = chunks_.find(id);
    QUELL_ASSERT(chunk->second.live == 0, "a deleted chunk holds nothing that is live");
    total_bytes_ -= chunk->second.bytes;
    chunks_.erase(chunk);
  }
  keep_dead_only();
  next_chunk_ = staged_chunk_;
  rolled_back();
}

void AlertLog::rolled_back() {
  staged_.clear();
  latest_.clear();
  deleted_.clear();
  chunk_entries_.clear();
  chunk_records_.clear();
  staged_chunk_ = next_chunk_;
  staged_bytes_ = 0;
}

// A later entry of a key takes the place of the earlier one.
void AlertLog::apply(const Entry& entry, Index& index) {
  const auto [at, is_new] = index.try_emplace(entry.key, entry.place);
  if (!is_new) {
    forget(at->second);
    at->second = entry.place;
  }
  Chunk& chunk = chunks_[entry.place.chunk];
  if (entry.place.size == 0) {
    ++chunk.removed;
    index.erase(at);
    return;
  }
  ++chunk.live;
  live_bytes_ += entry.place.size;
}

void AlertLog::forget(const Place& place) {
  Chunk& chunk = chunks_[place.chunk];
  --chunk.live;
  live_bytes_ -= place.size;
  if (chunk.live == 0) dead_chunks_.push_back(place.chunk);
}

// A chunk may have come back to life, or died twice, while a transaction was applied.
void AlertLog::keep_dead_only() {
  std::ranges::sort(dead_chunks_);
  const auto repeated = std::ranges::unique(dead_chunks_);
  dead_chunks_.erase(repeated.begin(), repeated.end());
  std::erase_if(dead_chunks_, [&](std::int64_t id) {
    const auto chunk = chunks_.find(id);
    return chunk == chunks_.end() || chunk->second.live > 0 || chunk->second.removed > 0;
  });
}

Status AlertLog::read_all(std::vector<Alert>& alerts) {
  TRY(Statement * rows,
      connection_.statement("SELECT id, entries, records FROM alert_chunks ORDER BY id"));
  const ResetAtEnd reset(*rows);
  alerts.reserve(index_.with([](const Index& index) { return index.size(); }));
  while (true) {
    TRY(const bool row, rows->step());
    if (!row) return {};
    const std::int64_t id = rows->integer(0);
    if (chunks_[id].live == 0) continue;
    const std::string_view records = rows->bytes(2);
    const auto read = [&](Hash128 key, Place place) -> Status {
      if (!is_live(key, place)) return {};
      TRY(Alert alert, decode_alert(records.substr(place.offset, place.size)));
      alerts.push_back(std::move(alert));
      return {};
    };
    TRY_STATUS(for_each_entry(id, rows->bytes(1), records.size(), read));
  }
}

bool AlertLog::is_live(Hash128 key, const Place& place) const {
  return index_.with([&](const Index& index) {
    const auto found = index.find(key);
    return found != index.end() && found->second == place;
  });
}

std::optional<AlertLog::Place> AlertLog::find(const AlertKey& key) const {
  const Hash128 hashed = hash(key);
  return index_.with([&](const Index& index) -> std::optional<Place> {
    const auto found = index.find(hashed);
    if (found == index.end()) return std::nullopt;
    return found->second;
  });
}

}  // namespace quell
