// SeriesTable: the bytes that name a series -> its slot. The one place where series are made, are
// counted against their limits, and leave.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "model/event.h"
#include "model/sample.h"
#include "model/series.h"
#include "model/state_page.h"

namespace quell {

struct SeriesTableOptions {
  std::uint64_t series_max = 1'000'000;        // Of one tenant from one source.
  std::uint64_t series_total_max = 2'000'000;  // Of all.
  std::uint64_t bytes_max = 2ull << 30;        // Of all: their labels and kSeriesBytes for each.
  SeriesLimits limits{};
  bool operator==(const SeriesTableOptions& other) const {
    return series_max == other.series_max && series_total_max == other.series_total_max &&
           bytes_max == other.bytes_max;
  }
};

// What of a request was not taken.
struct SeriesRefusals {
  std::uint64_t series = 0;  // Their runs.
  std::uint64_t samples = 0;
  std::uint64_t places = 0;  // Different ones that follow each other: the data points of OTLP.
  std::uint64_t of_histograms = 0;  // Of the samples: those of parts of native histograms,
  std::uint64_t histograms = 0;     // and of these their counts.
  std::uint64_t over_limit = 0;     // Of the runs: refused because of a limit on their number.
  std::vector<Rejected> listed{};   // The first kListed.

  static constexpr std::size_t kListed = 20;
  std::uint64_t last_place = UINT64_MAX;
};

// One tenant's series from one source.
struct SeriesOwner {
  std::string tenant{};
  std::string source{};
  std::uint64_t series = 0;
  std::uint64_t refused_series = 0;  // Runs that came with new labels beyond the limit, since the
                                     // start of the process.
  std::map<std::string, std::uint64_t, std::less<>> refused_metrics{};  // At most kOffendersMax.

  static constexpr std::size_t kOffendersMax = 100;
};

struct MetricCount {
  std::string metric{};
  std::uint64_t series = 0;
};
struct LabelCount {
  std::string name{};
  std::uint64_t values = 0;
};

// Labels are parsed once, when a series is new. From then on the bytes on the wire are hashed,
// looked up, and compared with those of the series, so that series are never mixed. Series that are
// known go on when a limit is reached; new ones are refused.
//
// Invariant: the slots depend on the series that are there and on the order in which they came,
// not on the hash. Equal calls give equal tables.
// Thread: one. Cost: about 40 ns per run of which the series is known, 1 µs per new one.
// Memory: about kSeriesBytes per series beside its labels.
class SeriesTable {
 public:
  static constexpr std::uint64_t kSeriesBytes = 240;
  static constexpr std::size_t kSeriesPerPage = 64;
  static constexpr std::size_t kOwnersMax = 10'000;
  static constexpr std::size_t kMetadataMax = 100'000;

  // `secret` keeps senders from choosing labels that collide; it changes no result.
  explicit SeriesTable(const SeriesTableOptions& options = {}, std::uint64_t secret = 0);
  SeriesTable(const SeriesTable&) = delete;
  SeriesTable& operator=(const SeriesTable&) = delete;

  // New limits; series that are there stay.
  void set_options(const SeriesTableOptions& options) { options_ = options; }
  const SeriesTableOptions& options() const { return options_; }

  enum class Unknown : std::uint8_t {
    Make,  // New series are made, as far as the limits allow.
    Skip,  // They are passed over silently: a restart reads old frames again.
  };
  // Looks up all runs of `in` and moves its samples into `out`, without those that are refused.
  // Metadata is taken first. `offset` is that of their frame: an old frame has nothing for a series
  // that was made by a later one, because the same labels left in between and came again.
  void resolve(WireSamples& in, std::string_view source, Unknown unknown, SampleBatch& out,
               SeriesRefusals& refused, std::uint64_t offset = 0);

  // Those that the last resolve() made, and make_beside() since.
  const std::vector<SeriesSlot>& made() const { return made_; }

  // Series that nobody sent, of the tenant, the source and the unit of another one; they count
  // against the same limits. Returns: all of them, or none when there is no room for all.
  // Requires: they are not there.
  std::vector<SeriesSlot> make_beside(SeriesSlot other, std::vector<SeriesLabels> wanted,
                                      SeriesKind kind, std::uint64_t offset);

  // The slot must be told to everybody who keeps something for it, before the next resolve().
  void remove(SeriesSlot slot);

  std::size_t size() const { return size_; }
  std::uint64_t bytes() const { return bytes_; }
  // One more than the greatest slot that was ever in use.
  std::size_t slot_count() const { return entries_.size(); }
  // Null when the slot is free.
  const std::shared_ptr<const Series>& series(SeriesSlot slot) const { return series_[slot]; }
  // Never Unknown for a slot in use.
  SeriesKind kind(SeriesSlot slot) const { return kinds_[slot]; }
  // The offset of the frame that made it: what is known of earlier frames is of another series, or
  // of the same labels before they left.
  std::uint64_t born(SeriesSlot slot) const { return born_[slot]; }
  // Of a classic histogram, by its name and its label `le`.
  bool is_bucket(SeriesSlot slot) const { return entries_[slot].is_bucket; }
  SeriesSlot find(std::string_view tenant, const SeriesLabels& labels) const;  // kNoSlot if absent.

  std::vector<std::string> metrics() const;  // All names, sorted.
  // In order of slots for those that are there since the start, then as they came.
  const std::vector<SeriesSlot>& slots_of(std::string_view metric) const;
  const MetricMetadata* metadata(std::string_view tenant, std::string_view metric) const;

  const std::vector<SeriesOwner>& owners() const { return owners_; }
  // The metrics with the most series, of one owner. Cost: a walk over all slots.
  std::vector<MetricCount> top_metrics(std::size_t owner, std::size_t limit) const;
  // The labels with the most values among the first `series_max` series of a metric of an owner.
  std::vector<LabelCount> top_labels(std::size_t owner, std::string_view metric, std::size_t limit,
                                     std::size_t series_max) const;

  // What changed since the last call, for the store.
  void take_pages(std::vector<StatePage>& out);
  // Restart: the pages, in any order, then finish_load(). Errors: Corrupt.
  Status load(const StatePage& page);
  void finish_load();

 private:
  struct Entry {
    const char* key = nullptr;  // Of series_[slot]; null: the slot is free.
    std::uint32_t key_size = 0;
    std::uint16_t owner : 15 = 0;  // Below kOwnersMax.
    bool is_bucket : 1 = false;
    std::uint16_t tenant = 0;
  };
  struct Place {  // In the open table.
    std::uint32_t tag = 0;
    SeriesSlot slot = kNoSlot;
  };
  struct Metric {
    std::string name{};
    std::vector<SeriesSlot> slots{};
  };
  struct Tenant {
    std::string name{};
    std::uint64_t series = 0;
  };
  struct Key {
    std::string_view bytes{};
    std::uint16_t tenant = 0;
  };

  std::uint64_t hash_of(const Key& key) const;
  bool is_it(SeriesSlot slot, const Key& key) const;
  SeriesSlot look_up(std::uint64_t hash, const Key& key) const;
  void place(std::uint64_t hash, SeriesSlot slot);
  void unplace(std::uint64_t hash, SeriesSlot slot);
  void grow_places();

  static constexpr std::uint16_t kNoTenant = UINT16_MAX;
  std::uint16_t find_tenant(std::string_view name) const;  // kNoTenant if absent.
  Result<std::uint16_t> tenant_number(std::string_view name);
  Result<std::uint16_t> owner_number(std::uint16_t tenant, std::string_view source);
  void forget_metadata(std::uint16_t tenant);
  void find_runs(const WireSamples& in, const std::vector<std::uint16_t>& tenants);
  std::size_t find_next_ones(std::span<const Key> keys, std::size_t first);
  void find_some(std::span<const Key> keys, std::size_t first);
  Result<SeriesSlot> find_or_make(const WireSamples& in, const WireSamples::Run& run,
                                  std::uint16_t& tenant, std::string_view source,
                                  std::uint64_t offset);
  // For so many series, with so many bytes of labels.
  Status check_room(std::uint16_t owner, std::size_t count, std::size_t bytes,
                    std::string_view metric);
  SeriesSlot insert(std::uint64_t hash, std::uint16_t tenant, std::uint16_t owner,
                    SeriesLabels labels, std::string unit, SeriesKind kind, SeriesSlot slot);
  void change_unit(SeriesSlot slot, const std::string& unit);
  void join_metric(SeriesSlot slot, std::string_view name);
  void leave_metric(SeriesSlot slot);
  void take_metadata(std::uint16_t tenant, std::vector<MetricMetadata>& metadata);
  SeriesKind kind_of(std::uint16_t tenant, std::string_view metric, SeriesKind said) const;
  void mark_dirty(SeriesSlot slot);
  StatePage series_page(std::uint64_t number) const;
  Status load_series(const StatePage& page);
  Status load_metadata(const StatePage& page);
  void note_said(SeriesSlot slot, const WireSamples::Run& run, const WireSamples& in);
  void collect(WireSamples& in, SampleBatch& out) const;

  SeriesTableOptions options_;
  SecretHash hash_;
  std::vector<Place> places_;  // A power of two, at most two thirds full.

  // By slot.
  std::vector<Entry> entries_;
  std::vector<std::shared_ptr<const Series>> series_;
  std::vector<std::uint64_t> hashes_;
  std::vector<SeriesKind> kinds_;
  std::vector<std::uint64_t> born_;  // The offset of the frame that made it.
  std::vector<std::uint32_t> metric_of_;
  std::vector<std::uint32_t> metric_position_;
  std::priority_queue<SeriesSlot, std::vector<SeriesSlot>, std::greater<>> free_;
  std::size_t size_ = 0;
  std::uint64_t bytes_ = 0;

  // Those without series give their numbers to others when kOwnersMax is reached.
  std::vector<Tenant> tenants_;
  std::unordered_map<std::string, std::uint16_t, StringHash, std::equal_to<>> tenant_numbers_;
  std::vector<SeriesOwner> owners_;
  std::map<std::pair<std::uint16_t, std::string>, std::uint16_t, std::less<>> owner_numbers_;
  std::deque<Metric> metrics_;
  std::vector<std::uint32_t> free_metrics_;
  std::unordered_map<std::string, std::uint32_t, StringHash, std::equal_to<>> metric_numbers_;

  struct Known {  // Metadata of one metric of one tenant.
    std::uint64_t number = 0;
    MetricMetadata metadata{};
  };
  std::map<std::pair<std::uint16_t, std::string>, Known> metadata_;
  std::uint64_t next_metadata_ = 0;

  std::vector<std::uint64_t> dirty_pages_;
  std::vector<bool> is_dirty_;
  std::vector<std::pair<std::uint16_t, std::string>> dirty_metadata_;
  std::vector<std::uint64_t> gone_metadata_;

  std::vector<SeriesSlot> made_;
  std::vector<SeriesSlot> found_;   // Of the request in hand, by its runs.
  SeriesSlot next_slot_ = kNoSlot;  // That the next run may be of.
};

}  // namespace quell
