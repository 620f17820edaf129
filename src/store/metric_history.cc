// Chunks and rollups of SqliteStore: what samples become when they have left memory.
#include <algorithm>
#include <array>
#include <map>

#include "store/records.h"
#include "store/sqlite_store.h"

namespace quell {
namespace {

// A row begins to be replaced when this share of the time that it is kept has passed since.
constexpr int kSlackShare = 6;

// About what a row takes in the table and its indexes; remove_metrics() counts the same in SQL.
std::int64_t bytes_of(const Series& series, std::size_t record, std::size_t data) {
  const std::size_t texts = series.metric().size() + series.tenant.size() + series.host().size();
  return static_cast<std::int64_t>(record + data + 2 * texts + 80);
}
#define QUELL_ROW_BYTES(data)                \
  "length(series) + length(" data            \
  ") + 2 * (length(CAST(metric AS BLOB)) + " \
  "length(CAST(tenant AS BLOB)) + length(CAST(host AS BLOB))) + 80"

// From the column `from` on: series, first_time, last_time, end_offset, count, samples.
Result<MetricChunk> read_chunk(const Statement& s, int from) {
  MetricChunk chunk;
  TRY(chunk.series, decode_series(s.bytes(from)));
  chunk.first_time = s.time(from + 1);
  chunk.last_time = s.time(from + 2);
  chunk.end_offset = s.offset(from + 3);
  chunk.count = static_cast<std::uint32_t>(s.integer(from + 4));
  chunk.samples = s.bytes(from + 5);
  return chunk;
}

// From the column `from` on: series, first_time, last_time, count, points.
Result<MetricRollups> read_rollups(const Statement& s, int from) {
  MetricRollups row;
  TRY(row.series, decode_series(s.bytes(from)));
  row.first_time = s.time(from + 1);
  row.last_time = s.time(from + 2);
  row.count = static_cast<std::uint32_t>(s.integer(from + 3));
  row.points = s.bytes(from + 4);
  return row;
}

void bind_query(Statement& select, const MetricQuery& query) {
  select.bind(1, query.metric).bind(2, query.tenant).bind(3, query.host);
  select.bind(4, query.since).bind(5, query.until).bind(6, std::int64_t{query.limit});
}

// The index holds the metric, the tenant and the host: what is not asked for ends its use.
const char* choose(const MetricQuery& query, const std::array<const char*, 3>& sql) {
  const bool tenant = !query.tenant.empty();
  return tenant && !query.host.empty() ? sql[0] : tenant ? sql[1] : sql[2];
}

#define QUELL_RANGE "AND last_time >= ?4 AND first_time <= ?5 "
#define QUELL_CHUNKS                                                                     \
  "SELECT series, first_time, last_time, end_offset, count, samples FROM metric_chunks " \
  "INDEXED BY metric_chunks_series WHERE metric = ?1 "
#define QUELL_CHUNK_ORDER QUELL_RANGE "ORDER BY end_offset DESC, id DESC LIMIT ?6"
#define QUELL_ROLLUPS                                                        \
  "SELECT series, first_time, last_time, count, points FROM metric_rollups " \
  "INDEXED BY metric_rollups_metric WHERE metric = ?1 "
#define QUELL_ROLLUP_ORDER QUELL_RANGE "ORDER BY last_time DESC, id DESC LIMIT ?6"

constexpr std::array<const char*, 3> kSelectChunks{
    QUELL_CHUNKS "AND tenant = ?2 AND host = ?3 " QUELL_CHUNK_ORDER,
    QUELL_CHUNKS "AND tenant = ?2 AND ?3 = '' " QUELL_CHUNK_ORDER,
    QUELL_CHUNKS "AND ?2 = '' AND (?3 = '' OR host = ?3) " QUELL_CHUNK_ORDER};
constexpr std::array<const char*, 3> kSelectRollups{
    QUELL_ROLLUPS "AND tenant = ?2 AND host = ?3 " QUELL_ROLLUP_ORDER,
    QUELL_ROLLUPS "AND tenant = ?2 AND ?3 = '' " QUELL_ROLLUP_ORDER,
    QUELL_ROLLUPS "AND ?2 = '' AND (?3 = '' OR host = ?3) " QUELL_ROLLUP_ORDER};

#undef QUELL_RANGE
#undef QUELL_CHUNKS
#undef QUELL_CHUNK_ORDER
#undef QUELL_ROLLUPS
#undef QUELL_ROLLUP_ORDER

std::uint64_t rollup_key(const Series& series) {
  return series.id.low;
}

}  // namespace

// Of one series, in the order in which they were written.
struct SqliteStore::OldChunks {
  std::vector<std::int64_t> ids{};
  std::vector<MetricChunk> chunks{};
  std::int64_t bytes = 0;
};

// ---------------------------------------------------------------------------------------------
// Writing and reading.

Status SqliteStore::load_metric_bytes() {
  TRY(Statement * select,
      writer_->statement("SELECT value FROM state WHERE name = 'metric_bytes'"));
  const ResetAtEnd reset(*select);
  TRY(const bool found, select->step());
  metric_bytes_ = found ? select->offset(0) : 0;
  return {};
}

Status SqliteStore::add_metric_bytes(std::int64_t added) {
  if (added == 0) return {};
  TRY(Statement * put, writer_->statement("INSERT OR REPLACE INTO state(name, value) "
                                          "VALUES('metric_bytes', ?)"));
  return put->bind(1, metric_bytes_.load() + static_cast<std::uint64_t>(added)).run();
}

Status SqliteStore::write_metric_chunks(const StoreBatch& batch) {
  TRY(Statement * put,
      writer_->statement("INSERT INTO metric_chunks(written_at, tenant, metric, host, first_time, "
                         "last_time, end_offset, count, series, samples) "
                         "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  std::string series;
  for (const MetricChunk& chunk : batch.metric_chunks) {
    series.clear();
    encode_series(*chunk.series, series);
    put->bind(1, batch.now).bind(2, chunk.series->tenant).bind(3, chunk.series->metric());
    put->bind(4, chunk.series->host()).bind(5, chunk.first_time).bind(6, chunk.last_time);
    put->bind(7, chunk.end_offset).bind(8, std::int64_t{chunk.count});
    TRY_STATUS(put->bind_blob(9, series).bind_blob(10, chunk.samples).run());
    metric_bytes_added_ += bytes_of(*chunk.series, series.size(), chunk.samples.size());
  }
  return {};
}

namespace {

const std::string& data_of(const MetricChunk& chunk) {
  return chunk.samples;
}
const std::string& data_of(const MetricRollups& row) {
  return row.points;
}

// Reads rows until there are no more, or they have too many bytes.
template <class Row>
Status read_rows(Statement& select, const MetricQuery& query,
                 Result<Row> (*read)(const Statement& s, int from), std::vector<Row>& rows,
                 MetricHistory& history) {
  const ResetAtEnd reset(select);
  bind_query(select, query);
  while (history.bytes <= query.bytes_max) {
    TRY(const bool found, select.step());
    if (!found) return {};
    TRY(rows.emplace_back(), read(select, 0));
    history.bytes += sizeof(Row) + select.bytes(0).size() + data_of(rows.back()).size();
  }
  history.is_cut = true;
  return {};
}

}  // namespace

Result<MetricHistory> SqliteStore::metric_history(const MetricQuery& query) const {
  return with_reader([&](SqliteConnection& c) -> Result<MetricHistory> {
    MetricHistory history;
    TRY(Statement * chunks, c.statement(choose(query, kSelectChunks)));
    TRY_STATUS(read_rows(*chunks, query, read_chunk, history.chunks, history));
    TRY(Statement * rollups, c.statement(choose(query, kSelectRollups)));
    TRY_STATUS(read_rows(*rollups, query, read_rollups, history.rollups, history));
    std::ranges::reverse(history.rollups);
    return history;
  });
}

// ---------------------------------------------------------------------------------------------
// Removing.

Result<std::uint64_t> SqliteStore::remove_metrics(const Removal& removal, std::uint64_t& bytes) {
  std::uint64_t rows = 0;
  const auto write = [&]() -> Status {
    const int limit_at = removal.before ? 2 : 1;
    TRY(Statement * sum, writer_->statement(removal.sum));
    const ResetAtEnd reset(*sum);
    if (removal.before) sum->bind(1, *removal.before);
    TRY(const bool found, sum->bind(limit_at, std::int64_t{kRetainRows}).step());
    const std::int64_t gone = found ? sum->integer(0) : 0;
    sum->reset();
    if (gone == 0) return {};
    TRY(Statement * remove, writer_->statement(removal.remove));
    if (removal.before) remove->bind(1, *removal.before);
    TRY_STATUS(remove->bind(limit_at, std::int64_t{kRetainRows}).run());
    rows = static_cast<std::uint64_t>(writer_->changed_rows());
    bytes += static_cast<std::uint64_t>(gone);
    metric_bytes_added_ -= gone;
    return {};
  };
  TRY_STATUS(in_transaction(write));
  return rows;
}

#define QUELL_SUM(data, table) "SELECT sum(" QUELL_ROW_BYTES(data) ") FROM " table " WHERE "
#define QUELL_OLD_CHUNKS \
  "id IN (SELECT id FROM metric_chunks ORDER BY id LIMIT ?2) AND written_at < ?1"
#define QUELL_OLD_ROLLUPS                                      \
  "id IN (SELECT id FROM metric_rollups WHERE last_time < ?1 " \
  "ORDER BY last_time LIMIT ?2)"
#define QUELL_FIRST_CHUNKS "id IN (SELECT id FROM metric_chunks ORDER BY id LIMIT ?1)"
#define QUELL_FIRST_ROLLUPS "id IN (SELECT id FROM metric_rollups ORDER BY last_time LIMIT ?1)"

Result<std::uint64_t> SqliteStore::retain_metrics(Duration keep, Timestamp now) {
  if (keep <= Duration::zero()) return 0;
  std::uint64_t bytes = 0;
  TRY(const std::uint64_t chunks,
      remove_metrics({QUELL_SUM("samples", "metric_chunks") QUELL_OLD_CHUNKS,
                      "DELETE FROM metric_chunks WHERE " QUELL_OLD_CHUNKS, now - keep},
                     bytes));
  TRY(const std::uint64_t rollups,
      remove_metrics({QUELL_SUM("points", "metric_rollups") QUELL_OLD_ROLLUPS,
                      "DELETE FROM metric_rollups WHERE " QUELL_OLD_ROLLUPS, now - keep},
                     bytes));
  return chunks + rollups;
}

Result<std::uint64_t> SqliteStore::shrink_metrics(const RetentionPolicy& policy) {
  std::uint64_t bytes = 0;
  if (policy.metrics_bytes_max == 0 || metric_bytes_ <= policy.metrics_bytes_max) return bytes;
  TRY(const std::uint64_t rollups,
      remove_metrics({QUELL_SUM("points", "metric_rollups") QUELL_FIRST_ROLLUPS,
                      "DELETE FROM metric_rollups WHERE " QUELL_FIRST_ROLLUPS},
                     bytes));
  if (rollups > 0) return bytes;
  TRY_STATUS(remove_metrics({QUELL_SUM("samples", "metric_chunks") QUELL_FIRST_CHUNKS,
                             "DELETE FROM metric_chunks WHERE " QUELL_FIRST_CHUNKS},
                            bytes));
  return bytes;
}

#undef QUELL_SUM
#undef QUELL_OLD_CHUNKS
#undef QUELL_OLD_ROLLUPS
#undef QUELL_FIRST_CHUNKS
#undef QUELL_FIRST_ROLLUPS
#undef QUELL_ROW_BYTES

// ---------------------------------------------------------------------------------------------
// Old chunks become rollups.

// Chunks are written in the order of time: the last one before `before` is found by bisection.
Result<SqliteStore::DownsamplePass> SqliteStore::begin_pass(Timestamp begin_before,
                                                            Timestamp before) {
  std::int64_t low = 0;
  std::int64_t high = 0;
  {
    TRY(Statement * ends, writer_->statement("SELECT id, written_at, (SELECT max(id) FROM "
                                             "metric_chunks) FROM metric_chunks "
                                             "ORDER BY id LIMIT 1"));
    const ResetAtEnd reset(*ends);
    TRY(const bool found, ends->step());
    if (!found || ends->time(1) >= begin_before) return DownsamplePass{};
    low = ends->integer(0);
    high = ends->integer(2);
  }
  DownsamplePass pass{.is_open = true};
  TRY(Statement * last_until, writer_->statement("SELECT id, written_at, end_offset FROM "
                                                 "metric_chunks WHERE id <= ? "
                                                 "ORDER BY id DESC LIMIT 1"));
  while (low <= high) {
    const std::int64_t middle = low + (high - low) / 2;
    const ResetAtEnd reset(*last_until);
    TRY(const bool found, last_until->bind(1, middle).step());
    if (found && last_until->time(1) < before) {
      pass.end_offset = last_until->offset(2);
      low = middle + 1;
    } else {
      high = found ? last_until->integer(0) - 1 : middle - 1;
    }
  }
  return pass;
}

Result<std::vector<SqliteStore::OldChunks>> SqliteStore::old_chunks(std::uint64_t& rows) {
  TRY(Statement * select,
      writer_->statement("SELECT id, metric, tenant, host, series, first_time, last_time, "
                         "end_offset, count, samples FROM metric_chunks "
                         "INDEXED BY metric_chunks_series "
                         "WHERE (metric, tenant, host) >= (?1, ?2, ?3) AND end_offset <= ?4 "
                         "ORDER BY metric, tenant, host, end_offset, id LIMIT ?5"));
  const ResetAtEnd reset(*select);
  select->bind(1, pass_.metric).bind(2, pass_.tenant).bind(3, pass_.host);
  select->bind(4, pass_.end_offset).bind(5, std::int64_t{kDownsampledChunks});
  std::vector<OldChunks> all;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> numbers;
  while (true) {
    TRY(const bool row, select->step());
    if (!row) return all;
    ++rows;
    pass_.metric = select->bytes(1);
    pass_.tenant = select->bytes(2);
    pass_.host = select->bytes(3);
    TRY(MetricChunk chunk, read_chunk(*select, 4));
    const Hash128 id = chunk.series->id;
    const auto [known, is_new] = numbers.emplace(std::pair(id.low, id.high), all.size());
    if (is_new) all.emplace_back();
    OldChunks& old = all[known->second];
    old.ids.push_back(select->integer(0));
    old.bytes += bytes_of(*chunk.series, select->bytes(4).size(), chunk.samples.size());
    old.chunks.push_back(std::move(chunk));
  }
}

// Those that the chunks may have samples for; else the last one before, which has room for more.
Result<std::vector<std::pair<std::int64_t, MetricRollups>>> SqliteStore::kept_rollups(
    const OldChunks& old) const {
  constexpr auto kSpan = std::chrono::minutes(5);  // No rollup is longer.
  Timestamp first = Timestamp::max();
  Timestamp last = Timestamp::min();
  for (const MetricChunk& chunk : old.chunks) {
    first = std::min(first, chunk.first_time);
    last = std::max(last, chunk.last_time);
  }
  const Series& series = *old.chunks.front().series;
  std::vector<std::pair<std::int64_t, MetricRollups>> kept;
  TRY(Statement * around, writer_->statement("SELECT id, series, first_time, last_time, count, "
                                             "points FROM metric_rollups WHERE series_id = ?1 "
                                             "AND last_time >= ?2 AND first_time <= ?3 "
                                             "ORDER BY last_time"));
  TRY(Statement * before, writer_->statement("SELECT id, series, first_time, last_time, count, "
                                             "points FROM metric_rollups WHERE series_id = ?1 "
                                             "AND last_time < ?2 AND count < 72 AND ?3 != 0 "
                                             "ORDER BY last_time DESC LIMIT 1"));
  for (Statement* select : {around, before}) {
    const ResetAtEnd reset(*select);
    select->bind(1, rollup_key(series));
    select->bind(2, std::max(first, Timestamp::min() + kSpan) - kSpan);
    select->bind(3, std::min(last, Timestamp::max() - kSpan) + kSpan);
    while (kept.empty() || select == around) {
      TRY(const bool row, select->step());
      if (!row) break;
      TRY(MetricRollups rollups, read_rollups(*select, 1));
      if (rollups.series->id == series.id) kept.emplace_back(select->integer(0), rollups);
    }
  }
  return kept;
}

Status SqliteStore::put_rollups(const MetricRollups& row, std::int64_t& added) {
  TRY(Statement * put,
      writer_->statement("INSERT INTO metric_rollups(series_id, tenant, metric, host, first_time, "
                         "last_time, count, series, points) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  std::string series;
  encode_series(*row.series, series);
  put->bind(1, rollup_key(*row.series)).bind(2, row.series->tenant).bind(3, row.series->metric());
  put->bind(4, row.series->host()).bind(5, row.first_time).bind(6, row.last_time);
  put->bind(7, std::int64_t{row.count}).bind_blob(8, series).bind_blob(9, row.points);
  added += bytes_of(*row.series, series.size(), row.points.size());
  return put->run();
}

Status SqliteStore::replace_chunks(const OldChunks& old, const Downsampler& downsampler,
                                   Downsampled& done, std::int64_t& added) {
  TRY(const auto kept, kept_rollups(old));
  TRY(Statement * remove_row, writer_->statement("DELETE FROM metric_rollups WHERE id = ?"));
  std::vector<MetricRollups> rows;
  std::string series;
  for (const auto& [id, row] : kept) {
    series.clear();
    encode_series(*row.series, series);
    added -= bytes_of(*row.series, series.size(), row.points.size());
    TRY_STATUS(remove_row->bind(1, id).run());
    rows.push_back(row);
  }
  const RolledUp made = downsampler(old.chunks, rows);
  done.damaged += made.damaged;
  for (const MetricRollups& row : made.rows) TRY_STATUS(put_rollups(row, added));
  TRY(Statement * remove, writer_->statement("DELETE FROM metric_chunks WHERE id = ?"));
  for (const std::int64_t id : old.ids) TRY_STATUS(remove->bind(1, id).run());
  added -= old.bytes;
  done.chunks += old.ids.size();
  return {};
}

Result<Downsampled> SqliteStore::downsample(const RetentionPolicy& policy, Timestamp now,
                                            const Downsampler& downsampler) {
  Downsampled done;
  if (policy.metrics_raw <= Duration::zero()) return done;
  if (!pass_.is_open) {
    const Timestamp before = now - policy.metrics_raw;
    TRY(pass_, begin_pass(before - policy.metrics_raw / kSlackShare, before));
    if (!pass_.is_open) return done;
  }
  const DownsamplePass here = pass_;
  std::uint64_t rows = 0;
  const Status written = in_transaction([&]() -> Status {
    TRY(const auto all, old_chunks(rows));
    for (const OldChunks& old : all) {
      TRY_STATUS(replace_chunks(old, downsampler, done, metric_bytes_added_));
    }
    return {};
  });
  if (!written) {
    pass_ = here;  // Nothing of it was kept: the same again.
    return std::unexpected(written.error());
  }
  pass_.is_open = rows == kDownsampledChunks;
  done.is_done = !pass_.is_open;
  return done;
}

}  // namespace quell
