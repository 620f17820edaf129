// AlertLog: the live alerts as a log of chunks, each holding the alerts that one commit changed.
//
// A row per alert would touch one page per change, and pages are what a commit must write: with
// 100,000 alerts of 800 bytes that was 70,000 upserts a second. Here changed alerts are appended
// and an index in memory knows where the latest value of each is.
//
// Method: a log-structured store with an index in memory (Bitcask) and first-in first-out cleaning:
// when more than half of the log is garbage, the oldest chunks are read, what is still valid in
// them is written again, and they are deleted.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/guarded.h"
#include "base/hash.h"
#include "model/alert.h"
#include "store/sqlite.h"
#include "store/store.h"

namespace quell {

// Invariant: the index and the chunk table agree at the end of every commit.
//
// Memory: about 80 bytes per live alert. Disk: at most twice the live alerts plus kGarbageFree.
class AlertLog {
 public:
  static constexpr std::size_t kChunkBytes = 128 * 1024;
  static constexpr std::uint64_t kGarbageFree = 8 << 20;

  struct Place {
    std::int64_t chunk = 0;
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    bool operator==(const Place&) const = default;
  };

  explicit AlertLog(SqliteConnection& connection) : connection_(connection) {}

  // Reads the index of every chunk. Cost: 24 bytes of disk per stored value.
  Status load();

  // Writes the alerts and removals of `batch` within the open transaction. The caller then calls
  // exactly one of the two below. Thread: the writer's.
  Status write(const StoreBatch& batch);
  void committed();
  void rolled_back();

  // All live alerts, in no particular order. Thread: the writer's.
  Status read_all(std::vector<Alert>& alerts);

  // Where the live value of `key` is. A cleaning may move it at once: when the chunk is gone, ask
  // again. Thread: any.
  std::optional<Place> find(const AlertKey& key) const;

 private:
  // One entry of a chunk, in the order of writing. Size 0 says that the alert left the live state.
  struct Entry {
    Hash128 key{};
    Place place{};
  };
  struct Chunk {
    std::uint64_t bytes = 0;
    std::uint32_t live = 0;     // Entries that the index points to.
    std::uint32_t removed = 0;  // Entries of size 0. They hide older values until these are gone.
  };
  using Index = std::unordered_map<Hash128, Place, Hash128Hasher>;

  static Hash128 hash(const AlertKey& key);
  void append(Hash128 key, std::string_view record);
  Status flush();
  Status remove(const AlertKey& key, const Alert* latest, Timestamp now);
  Status clean();
  Status move_chunk(std::int64_t id);
  Status delete_chunk(std::int64_t id);
  void apply(const Entry& entry, Index& index);
  void forget(const Place& place);
  void keep_dead_only();
  bool is_live(Hash128 key, const Place& place) const;

  SqliteConnection& connection_;
  mutable Guarded<Index> index_;  // Changed by the writer only.

  // The writer's own.
  std::map<std::int64_t, Chunk> chunks_;
  std::vector<std::int64_t>
      dead_chunks_;  // Sorted; nothing in them counts: the next commit deletes them.
  std::uint64_t total_bytes_ = 0;
  std::uint64_t live_bytes_ = 0;
  std::int64_t next_chunk_ = 1;

  // Of the open transaction.
  std::vector<Entry> staged_;
  std::unordered_map<Hash128, std::size_t, Hash128Hasher> latest_;  // Its place in the batch.
  std::vector<std::int64_t> deleted_;
  std::string chunk_entries_;
  std::string chunk_records_;
  std::int64_t staged_chunk_ = 1;
  std::uint64_t staged_bytes_ = 0;
};

}  // namespace quell
