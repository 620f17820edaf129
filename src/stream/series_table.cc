#include "stream/series_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "base/bytes.h"
#include "base/text.h"
#include "model/histogram.h"

namespace quell {
namespace {

constexpr std::size_t kPlacesFirst = 1024;
constexpr std::size_t kAhead = 32;  // Runs that are looked up side by side.
constexpr std::size_t kLine = 64;   // Bytes of a cache line.

std::uint32_t tag_of(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash >> 32);
}

// What a name says of the values, where nobody did: the endings that Prometheus' conventions and
// OpenMetrics prescribe for totals.
SeriesKind kind_by_name(std::string_view metric) {
  for (const std::string_view ending : {"_total", "_count", "_sum", "_bucket"}) {
    if (metric.ends_with(ending)) return SeriesKind::Counter;
  }
  return SeriesKind::Gauge;
}

void refuse(SeriesRefusals& refused, const WireSamples& in, const WireSamples::Run& run,
            const Error& error) {
  ++refused.series;
  refused.samples += run.count;
  if (run.place != refused.last_place) ++refused.places;
  refused.last_place = run.place;
  if (run.part != HistogramPart::None) refused.of_histograms += run.count;
  if (run.part == HistogramPart::Count) refused.histograms += run.count;
  if (error.code == Errc::Exhausted) ++refused.over_limit;
  if (refused.listed.size() >= SeriesRefusals::kListed) return;
  const std::string place = fmt::format("{} {}", in.place_word, run.place);
  SeriesLimits any;
  any.bytes_max = UINT32_MAX;
  const auto labels = SeriesLabels::parse(in.key(run), any);
  const std::string text = labels ? labels->to_string() : std::string();
  refused.listed.push_back({error.message, error.place.empty() ? place : place + ", " + error.place,
                            std::string(utf8_prefix(text, 256))});
}

}  // namespace

SeriesTable::SeriesTable(const SeriesTableOptions& options, std::uint64_t secret)
    : options_(options), hash_(secret), places_(kPlacesFirst) {}

// ---------------------------------------------------------------------------------------------
// The open table: linear probing, and backward shift when a series leaves.

std::uint64_t SeriesTable::hash_of(const Key& key) const {
  return hash_(key.bytes) + key.tenant * 0x9e3779b97f4a7c15ull;
}

bool SeriesTable::is_it(SeriesSlot slot, const Key& key) const {
  const Entry& entry = entries_[slot];
  return entry.key != nullptr && entry.key_size == key.bytes.size() && entry.tenant == key.tenant &&
         std::memcmp(entry.key, key.bytes.data(), entry.key_size) == 0;
}

SeriesSlot SeriesTable::look_up(std::uint64_t hash, const Key& key) const {
  const std::size_t mask = places_.size() - 1;
  for (std::size_t i = hash & mask; places_[i].slot != kNoSlot; i = (i + 1) & mask) {
    if (places_[i].tag == tag_of(hash) && is_it(places_[i].slot, key)) return places_[i].slot;
  }
  return kNoSlot;
}

void SeriesTable::place(std::uint64_t hash, SeriesSlot slot) {
  if ((size_ + 1) * 3 > places_.size() * 2) grow_places();
  const std::size_t mask = places_.size() - 1;
  std::size_t i = hash & mask;
  while (places_[i].slot != kNoSlot) i = (i + 1) & mask;
  places_[i] = {tag_of(hash), slot};
}

void SeriesTable::unplace(std::uint64_t hash, SeriesSlot slot) {
  const std::size_t mask = places_.size() - 1;
  std::size_t hole = hash & mask;
  while (places_[hole].slot != slot) hole = (hole + 1) & mask;
  for (std::size_t i = (hole + 1) & mask; places_[i].slot != kNoSlot; i = (i + 1) & mask) {
    const std::size_t wanted = hashes_[places_[i].slot] & mask;
    if (((i - wanted) & mask) < ((i - hole) & mask)) continue;
    places_[hole] = places_[i];
    hole = i;
  }
  places_[hole] = {};
}

void SeriesTable::grow_places() {
  std::vector<Place> old(places_.size() * 2);
  old.swap(places_);
  const std::size_t mask = places_.size() - 1;
  for (const Place& p : old) {
    if (p.slot == kNoSlot) continue;
    std::size_t i = hashes_[p.slot] & mask;
    while (places_[i].slot != kNoSlot) i = (i + 1) & mask;
    places_[i] = p;
  }
}

// ---------------------------------------------------------------------------------------------
// Looking up.

// Senders send their series in one order, and slots are given in the order in which series came:
// most often the next run is of the next slot, whose bytes are compared without a hash and a look
// into the table. Returns: of how many of the `keys` this was so; the others are to be looked up.
std::size_t SeriesTable::find_next_ones(std::span<const Key> keys, std::size_t first) {
  const std::size_t next = next_slot_;
  std::size_t count = next < entries_.size() ? std::min(keys.size(), entries_.size() - next) : 0;
  if (count == 0 || !is_it(static_cast<SeriesSlot>(next), keys[0])) return 0;
  for (std::size_t j = 1; j < count; ++j) {
    const Entry& entry = entries_[next + j];
    if (entry.key_size != keys[j].bytes.size()) count = j;
    for (std::size_t at = 0; at < entry.key_size; at += kLine) __builtin_prefetch(entry.key + at);
  }
  std::size_t found = 0;
  for (; found < count; ++found) {
    const auto slot = static_cast<SeriesSlot>(next + found);
    if (!is_it(slot, keys[found])) break;
    found_[first + found] = slot;
  }
  return found;
}

// In passes, each of which asks for the memory that the next one reads: a table of a million series
// is in no cache, and one miss after the other would cost four times as much.
void SeriesTable::find_some(std::span<const Key> keys, std::size_t first) {
  std::array<std::uint64_t, kAhead> hashes;
  std::array<SeriesSlot, kAhead> slots;
  const std::size_t mask = places_.size() - 1;
  for (std::size_t j = 0; j < keys.size(); ++j) {
    hashes[j] = hash_of(keys[j]);
    __builtin_prefetch(&places_[hashes[j] & mask]);
  }
  for (std::size_t j = 0; j < keys.size(); ++j) {
    std::size_t i = hashes[j] & mask;
    while (places_[i].slot != kNoSlot && places_[i].tag != tag_of(hashes[j])) i = (i + 1) & mask;
    slots[j] = places_[i].slot;
    if (slots[j] != kNoSlot) __builtin_prefetch(&entries_[slots[j]]);
  }
  for (std::size_t j = 0; j < keys.size(); ++j) {
    if (slots[j] == kNoSlot) continue;
    const Entry& entry = entries_[slots[j]];
    for (std::size_t at = 0; at < entry.key_size; at += kLine) __builtin_prefetch(entry.key + at);
  }
  for (std::size_t j = 0; j < keys.size(); ++j) {
    const bool is_first = slots[j] == kNoSlot || is_it(slots[j], keys[j]);
    found_[first + j] = is_first ? slots[j] : look_up(hashes[j], keys[j]);
  }
}

void SeriesTable::find_runs(const WireSamples& in, const std::vector<std::uint16_t>& tenants) {
  found_.resize(in.series.size());
  std::array<Key, kAhead> keys;
  for (std::size_t first = 0; first < found_.size();) {
    const std::size_t count = std::min(kAhead, found_.size() - first);
    for (std::size_t j = 0; j < count; ++j) {
      const WireSamples::Run& run = in.series[first + j];
      keys[j] = {in.key(run), tenants[run.tenant]};
    }
    const std::span<const Key> some(keys.data(), count);
    const std::size_t known = find_next_ones(some, first);
    if (known < count) find_some(some.subspan(known), first + known);
    first += count;
    next_slot_ = found_[first - 1] == kNoSlot ? kNoSlot : found_[first - 1] + 1;
  }
}

void SeriesTable::resolve(WireSamples& in, std::string_view source, Unknown unknown,
                          SampleBatch& out, SeriesRefusals& refused, std::uint64_t offset) {
  made_.clear();
  std::vector<std::uint16_t> tenants;
  for (const std::string& name : in.tenants) tenants.push_back(find_tenant(name));
  if (!in.metadata.empty() && unknown == Unknown::Make && !tenants.empty()) {
    if (tenants[0] == kNoTenant) tenants[0] = tenant_number(in.tenants[0]).value_or(kNoTenant);
    if (tenants[0] != kNoTenant) take_metadata(tenants[0], in.metadata);
  }
  find_runs(in, tenants);
  for (std::size_t i = 0; i < in.series.size(); ++i) {
    const WireSamples::Run& run = in.series[i];
    if (found_[i] == kNoSlot && unknown == Unknown::Make) {
      if (auto slot = find_or_make(in, run, tenants[run.tenant], source, offset)) {
        found_[i] = *slot;
      } else {
        refuse(refused, in, run, slot.error());
      }
    }
    const bool is_old = unknown == Unknown::Skip && found_[i] != kNoSlot;
    if (is_old && offset < born_[found_[i]]) found_[i] = kNoSlot;
    // When old frames are read again, what was said last is known from the pages.
    const bool says = run.unit != 0 || run.kind != SeriesKind::Unknown;
    if (says && found_[i] != kNoSlot && unknown == Unknown::Make) {
      note_said(found_[i], run, in);
    }
  }
  collect(in, out);
}

// A source may change its mind about the unit and the meaning of the values.
void SeriesTable::note_said(SeriesSlot slot, const WireSamples::Run& run, const WireSamples& in) {
  if (run.unit != 0 && series_[slot]->unit != in.units[run.unit]) {
    change_unit(slot, in.units[run.unit]);
  }
  if (run.kind != SeriesKind::Unknown && run.kind != kinds_[slot]) {
    kinds_[slot] = run.kind;
    mark_dirty(slot);
  }
}

void SeriesTable::collect(WireSamples& in, SampleBatch& out) const {
  out.clear();
  out.slots.resize(in.size());
  std::swap(out.times, in.times);
  std::swap(out.values, in.values);
  std::size_t to = 0;
  for (std::size_t i = 0; i < in.series.size(); ++i) {
    const WireSamples::Run& run = in.series[i];
    if (found_[i] == kNoSlot) continue;
    if (to != run.first) {
      std::copy_n(out.times.data() + run.first, run.count, out.times.data() + to);
      std::copy_n(out.values.data() + run.first, run.count, out.values.data() + to);
    }
    std::fill_n(out.slots.begin() + static_cast<std::ptrdiff_t>(to), run.count, found_[i]);
    if (entries_[found_[i]].is_bucket) {
      out.buckets.push_back({.first = static_cast<std::uint32_t>(to),
                             .count = run.count,
                             .is_native = run.part == HistogramPart::Bucket});
    }
    to += run.count;
  }
  out.slots.resize(to);
  out.times.resize(to);
  out.values.resize(to);
}

SeriesSlot SeriesTable::find(std::string_view tenant, const SeriesLabels& labels) const {
  const Key key{labels.bytes(), find_tenant(tenant)};
  return look_up(hash_of(key), key);
}

// ---------------------------------------------------------------------------------------------
// Making and removing.

std::uint16_t SeriesTable::find_tenant(std::string_view name) const {
  const auto known = tenant_numbers_.find(name);
  return known == tenant_numbers_.end() ? kNoTenant : known->second;
}

Result<std::uint16_t> SeriesTable::tenant_number(std::string_view name) {
  if (const std::uint16_t known = find_tenant(name); known != kNoTenant) return known;
  auto number = tenants_.size();
  if (number >= kOwnersMax) {
    const auto unused = std::ranges::find(tenants_, 0u, &Tenant::series);
    if (unused == tenants_.end()) {
      return fail(Errc::Exhausted,
                  fmt::format("there are series of {} tenants, the limit: those of a new one are "
                              "refused",
                              kOwnersMax));
    }
    number = static_cast<std::size_t>(unused - tenants_.begin());
    tenant_numbers_.erase(unused->name);
    forget_metadata(static_cast<std::uint16_t>(number));
  } else {
    tenants_.emplace_back();
  }
  tenants_[number].name = name;
  tenant_numbers_.emplace(std::string(name), static_cast<std::uint16_t>(number));
  return static_cast<std::uint16_t>(number);
}

Result<std::uint16_t> SeriesTable::owner_number(std::uint16_t tenant, std::string_view source) {
  const std::pair key(tenant, std::string(source));
  if (const auto known = owner_numbers_.find(key); known != owner_numbers_.end()) {
    return known->second;
  }
  auto number = owners_.size();
  if (number >= kOwnersMax) {
    const auto unused = std::ranges::find(owners_, 0u, &SeriesOwner::series);
    if (unused == owners_.end()) {
      return fail(Errc::Exhausted,
                  fmt::format("there are series from {} sources, the limit: those of a new one are "
                              "refused",
                              kOwnersMax));
    }
    number = static_cast<std::size_t>(unused - owners_.begin());
    std::erase_if(owner_numbers_, [&](const auto& entry) { return entry.second == number; });
  } else {
    owners_.emplace_back();
  }
  owners_[number] = {.tenant = tenants_[tenant].name, .source = std::string(source)};
  owner_numbers_.emplace(key, static_cast<std::uint16_t>(number));
  return static_cast<std::uint16_t>(number);
}

Result<SeriesSlot> SeriesTable::find_or_make(const WireSamples& in, const WireSamples::Run& run,
                                             std::uint16_t& tenant, std::string_view source,
                                             std::uint64_t offset) {
  // An earlier run of the request may have made it.
  const std::string_view bytes = in.key(run);
  if (tenant != kNoTenant) {
    const Key key{bytes, tenant};
    if (const SeriesSlot known = look_up(hash_of(key), key); known != kNoSlot) return known;
  }
  TRY(SeriesLabels labels, SeriesLabels::parse(bytes, options_.limits));
  if (tenant == kNoTenant) {
    TRY(tenant, tenant_number(in.tenants[run.tenant]));
  }
  const Key sorted{labels.bytes(), tenant};
  const std::uint64_t hash = hash_of(sorted);
  if (const SeriesSlot known = look_up(hash, sorted); known != kNoSlot) return known;
  TRY(const std::uint16_t owner, owner_number(tenant, source));
  TRY_STATUS(check_room(owner, 1, labels.bytes().size(), labels.get(kMetricLabel)));
  const SeriesKind kind = kind_of(tenant, labels.get(kMetricLabel), run.kind);
  const SeriesSlot slot =
      insert(hash, tenant, owner, std::move(labels), in.units[run.unit], kind, kNoSlot);
  born_[slot] = offset;
  made_.push_back(slot);
  mark_dirty(slot);
  return slot;
}

std::vector<SeriesSlot> SeriesTable::make_beside(SeriesSlot other, std::vector<SeriesLabels> wanted,
                                                 SeriesKind kind, std::uint64_t offset) {
  const std::uint16_t tenant = entries_[other].tenant;
  const std::uint16_t owner = entries_[other].owner;
  std::size_t bytes = 0;
  for (const SeriesLabels& labels : wanted) bytes += labels.bytes().size();
  if (!check_room(owner, wanted.size(), bytes, wanted.front().get(kMetricLabel))) return {};
  std::vector<SeriesSlot> slots;
  for (SeriesLabels& labels : wanted) {
    const std::uint64_t hash = hash_of({labels.bytes(), tenant});
    const SeriesSlot slot =
        insert(hash, tenant, owner, std::move(labels), series_[other]->unit, kind, kNoSlot);
    born_[slot] = offset;
    made_.push_back(slot);
    mark_dirty(slot);
    slots.push_back(slot);
  }
  return slots;
}

Status SeriesTable::check_room(std::uint16_t owner, std::size_t count, std::size_t bytes,
                               std::string_view metric) {
  SeriesOwner& o = owners_[owner];
  const auto over = [&](std::string what) -> Status {
    ++o.refused_series;
    auto& metrics = o.refused_metrics;
    if (const auto at = metrics.find(metric); at != metrics.end()) {
      ++at->second;
    } else if (metrics.size() < SeriesOwner::kOffendersMax) {
      metrics.emplace(metric, 1);
    }
    return fail(Errc::Exhausted, std::move(what) +
                                     ": a series with new labels is refused, known ones go on "
                                     "(GET /api/v1/series says which metrics have the most)");
  };
  if (o.series + count > options_.series_max) {
    return over(
        fmt::format("the tenant '{}' has {} series from '{}', the limit of "
                    "metrics.series_max",
                    o.tenant, o.series, o.source));
  }
  if (size_ + count > options_.series_total_max) {
    return over(fmt::format("there are {} series, the limit of metrics.series_total_max", size_));
  }
  if (bytes_ + bytes + count * kSeriesBytes > options_.bytes_max) {
    return over(fmt::format("series take {} bytes, the limit of metrics.series_memory is {}",
                            bytes_, options_.bytes_max));
  }
  return {};
}

SeriesSlot SeriesTable::insert(std::uint64_t hash, std::uint16_t tenant, std::uint16_t owner,
                               SeriesLabels labels, std::string unit, SeriesKind kind,
                               SeriesSlot slot) {
  if (slot == kNoSlot && !free_.empty()) {
    slot = free_.top();
    free_.pop();
  }
  if (slot == kNoSlot) slot = static_cast<SeriesSlot>(entries_.size());
  if (slot >= entries_.size()) {
    const std::size_t count = std::size_t{slot} + 1;
    entries_.resize(count);
    series_.resize(count);
    hashes_.resize(count);
    kinds_.resize(count);
    born_.resize(count);
    metric_of_.resize(count);
    metric_position_.resize(count);
    is_dirty_.resize(count / kSeriesPerPage + 1);
  }
  series_[slot] = make_series(tenants_[tenant].name, std::move(labels), std::move(unit), slot);
  const std::string_view key = series_[slot]->labels.bytes();
  entries_[slot] = {.key = key.data(),
                    .key_size = static_cast<std::uint32_t>(key.size()),
                    .owner = static_cast<std::uint16_t>(owner & 0x7fff),
                    .is_bucket = bucket_bound(series_[slot]->labels).has_value(),
                    .tenant = tenant};
  hashes_[slot] = hash;
  kinds_[slot] = kind;
  place(hash, slot);
  join_metric(slot, series_[slot]->metric());
  ++size_;
  bytes_ += key.size() + kSeriesBytes;
  ++owners_[owner].series;
  ++tenants_[tenant].series;
  return slot;
}

void SeriesTable::change_unit(SeriesSlot slot, const std::string& unit) {
  const Series& old = *series_[slot];
  series_[slot] = make_series(old.tenant, old.labels, unit, slot);
  entries_[slot].key = series_[slot]->labels.bytes().data();
  mark_dirty(slot);
}

void SeriesTable::remove(SeriesSlot slot) {
  QUELL_ASSERT(slot < entries_.size() && series_[slot] != nullptr, "the slot is in use");
  unplace(hashes_[slot], slot);
  leave_metric(slot);
  --size_;
  bytes_ -= entries_[slot].key_size + kSeriesBytes;
  --owners_[entries_[slot].owner].series;
  --tenants_[entries_[slot].tenant].series;
  entries_[slot] = {};
  series_[slot] = nullptr;
  free_.push(slot);
  mark_dirty(slot);
}

// ---------------------------------------------------------------------------------------------
// By metric.

void SeriesTable::join_metric(SeriesSlot slot, std::string_view name) {
  auto known = metric_numbers_.find(name);
  if (known == metric_numbers_.end()) {
    auto number = static_cast<std::uint32_t>(metrics_.size());
    if (free_metrics_.empty()) {
      metrics_.emplace_back();
    } else {
      number = free_metrics_.back();
      free_metrics_.pop_back();
    }
    metrics_[number].name = name;
    known = metric_numbers_.emplace(std::string(name), number).first;
  }
  std::vector<SeriesSlot>& slots = metrics_[known->second].slots;
  metric_of_[slot] = known->second;
  metric_position_[slot] = static_cast<std::uint32_t>(slots.size());
  slots.push_back(slot);
}

// The last one takes the place.
void SeriesTable::leave_metric(SeriesSlot slot) {
  Metric& metric = metrics_[metric_of_[slot]];
  const SeriesSlot last = metric.slots.back();
  metric.slots[metric_position_[slot]] = last;
  metric_position_[last] = metric_position_[slot];
  metric.slots.pop_back();
  if (!metric.slots.empty()) return;
  metric_numbers_.erase(metric.name);
  metric = {};
  free_metrics_.push_back(metric_of_[slot]);
}

std::vector<std::string> SeriesTable::metrics() const {
  std::vector<std::string> names;
  names.reserve(metric_numbers_.size());
  for (const auto& [name, number] : metric_numbers_) names.push_back(name);
  std::ranges::sort(names);
  return names;
}

const std::vector<SeriesSlot>& SeriesTable::slots_of(std::string_view metric) const {
  static const std::vector<SeriesSlot> kNone;
  const auto known = metric_numbers_.find(metric);
  return known == metric_numbers_.end() ? kNone : metrics_[known->second].slots;
}

std::vector<MetricCount> SeriesTable::top_metrics(std::size_t owner, std::size_t limit) const {
  std::vector<std::uint64_t> counts(metrics_.size());
  for (std::size_t slot = 0; slot < entries_.size(); ++slot) {
    if (entries_[slot].key != nullptr && entries_[slot].owner == owner) ++counts[metric_of_[slot]];
  }
  std::vector<MetricCount> all;
  for (std::size_t number = 0; number < counts.size(); ++number) {
    if (counts[number] > 0) all.push_back({metrics_[number].name, counts[number]});
  }
  const auto more = [](const MetricCount& a, const MetricCount& b) {
    return a.series != b.series ? a.series > b.series : a.metric < b.metric;
  };
  const std::size_t kept = std::min(limit, all.size());
  std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(kept), more);
  all.resize(kept);
  return all;
}

std::vector<LabelCount> SeriesTable::top_labels(std::size_t owner, std::string_view metric,
                                                std::size_t limit, std::size_t series_max) const {
  std::map<std::string_view, std::set<std::string_view>> values;
  std::size_t seen = 0;
  for (const SeriesSlot slot : slots_of(metric)) {
    if (entries_[slot].owner != owner) continue;
    if (++seen > series_max) break;
    for (const Label label : series_[slot]->labels) {
      if (label.name != kMetricLabel) values[label.name].insert(label.value);
    }
  }
  std::vector<LabelCount> all;
  for (const auto& [name, set] : values) all.push_back({std::string(name), set.size()});
  std::ranges::stable_sort(all, std::greater<>(), &LabelCount::values);
  if (all.size() > limit) all.resize(limit);
  return all;
}

// ---------------------------------------------------------------------------------------------
// Metadata.

SeriesKind SeriesTable::kind_of(std::uint16_t tenant, std::string_view metric,
                                SeriesKind said) const {
  if (said != SeriesKind::Unknown) return said;
  const auto known = metadata_.find({tenant, std::string(metric)});
  if (known != metadata_.end() && known->second.metadata.kind != SeriesKind::Unknown) {
    return known->second.metadata.kind;
  }
  return kind_by_name(metric);
}

void SeriesTable::take_metadata(std::uint16_t tenant, std::vector<MetricMetadata>& metadata) {
  for (MetricMetadata& said : metadata) {
    const std::pair key(tenant, said.metric);
    auto known = metadata_.find(key);
    if (known == metadata_.end()) {
      if (metadata_.size() >= kMetadataMax) continue;
      known = metadata_.emplace(key, Known{.number = next_metadata_++}).first;
    } else if (known->second.metadata == said) {
      continue;
    }
    const SeriesKind kind = said.kind;
    known->second.metadata = std::move(said);
    dirty_metadata_.push_back(key);
    if (kind == SeriesKind::Unknown) continue;
    for (const SeriesSlot slot : slots_of(key.second)) {
      if (entries_[slot].tenant != tenant || kinds_[slot] == kind) continue;
      kinds_[slot] = kind;
      mark_dirty(slot);
    }
  }
}

void SeriesTable::forget_metadata(std::uint16_t tenant) {
  std::erase_if(metadata_, [&](const auto& entry) {
    if (entry.first.first != tenant) return false;
    gone_metadata_.push_back(entry.second.number);
    return true;
  });
  std::erase_if(dirty_metadata_, [&](const auto& key) { return key.first == tenant; });
}

const MetricMetadata* SeriesTable::metadata(std::string_view tenant,
                                            std::string_view metric) const {
  const auto known = metadata_.find({find_tenant(tenant), std::string(metric)});
  return known == metadata_.end() ? nullptr : &known->second.metadata;
}

}  // namespace quell
