// What of findings survives a restart. Episodes name their series by slot; findings have pages of
// their own.
#include <algorithm>

#include "detect/finding_tracker.h"

namespace quell {
namespace {

// 1 had no standings, 2 no rules' detectors, 3 episodes instead of the series of a finding, 4 no
// times of what alerts were told, 5 slots of the series of a finding, 6 the least share of a
// standing and no golden signals.
constexpr std::uint8_t kTrackerVersion = 7;

void write_open_signal(ByteWriter& w, const FindingSignal& s) {
  w.boolean(s.is_rate);
  w.time(s.onset);
  w.time(s.last_time);
  w.u64(s.samples);
  w.f64(s.score);
  write_point(w, s.peak);
  w.f64(s.band);
  w.u64(s.fired);
  w.u64(s.stride);
  w.u64(s.points.size());
  for (const FindingPoint& p : s.points) write_point(w, p);
  write_rule(w, s.rule);
  w.boolean(s.is_golden);
}

// How the signals in a tracker's snapshot are encoded.
std::uint8_t finding_version_of(std::uint8_t tracker_version) {
  if (tracker_version < 3) return 1;
  return tracker_version < 7 ? 2 : kFindingVersion;
}

FindingSignal read_open_signal(ByteReader& r, std::uint8_t version) {
  FindingSignal s;
  s.is_rate = r.boolean();
  s.onset = r.time();
  s.last_time = r.time();
  s.samples = static_cast<std::uint32_t>(r.u64());
  s.score = r.f64();
  s.peak = read_point(r);
  s.band = r.f64();
  s.fired = static_cast<std::uint16_t>(r.u64());
  s.stride = static_cast<std::uint32_t>(r.u64());
  s.points.resize(r.count());
  for (FindingPoint& p : s.points) p = read_point(r);
  if (version >= 3) s.rule = read_rule(r);
  if (version >= 7) s.is_golden = r.boolean();
  return s;
}

}  // namespace

void FindingTracker::snapshot(std::string& out) const {
  ByteWriter w(out);
  w.u8(kTrackerVersion);
  w.u64(last_id_);
  w.time(checked_at_);
  w.u64(open_episodes());
  // By slot, so that equal states give equal bytes.
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t n = 0; n < episodes_.size(); ++n) {
    if (episodes_[n].slot != kNoSlot) numbers.push_back(n);
  }
  std::ranges::sort(numbers, {}, [&](std::uint32_t n) { return episodes_[n].slot; });
  for (const std::uint32_t n : numbers) {
    const Episode& e = episodes_[n];
    w.u64(e.slot);
    w.u64(e.finding);
    w.time(e.last_arrival);
    w.u8(static_cast<std::uint8_t>((e.counts ? 1 : 0) | (e.is_charted ? 2 : 0) |
                                   (e.is_mature ? 4 : 0)));
    w.u64(e.charted);
    w.u8(static_cast<std::uint8_t>(e.kind));
    w.u8(e.severity ? static_cast<std::uint8_t>(*e.severity) + 1 : 0);
    write_open_signal(w, e.signal);
    e.standing.write(w);
  }
  w.u64(open_.size());
  for (const auto& [id, open] : open_) {
    w.u64(id);
    w.u64(open.series.size());
    for (const std::uint64_t series : open.series) w.fixed64(series);
    w.u64(open.charted);
    w.time(open.last_news);
    w.time(open.refreshed_at);
    w.time(open.told_at);
    w.i64(open.tell_after.count());
    w.boolean(open.is_storm);
    w.u64(open.entities.size());
    for (const std::string& key : open.entities) w.text(key);
    w.u64(open.metrics.size());
    for (const auto& [metric, count] : open.metrics) {
      w.fixed64(metric);
      w.u64(count);
    }
    w.u64(open.over.size());
    for (const FindingSignal& signal : open.over) {
      std::string bytes;
      encode_signal(signal, bytes);
      w.text(bytes);
    }
  }
  w.u64(begun_.size());
  for (const auto& [tenant, times] : begun_) {
    w.text(tenant);
    w.u64(times.size());
    for (const Timestamp t : times) w.time(t);
  }
  w.u64(bars_.size());
  for (const auto& [key, bar] : bars_) {
    w.text(key.first);
    w.fixed64(key.second);
    w.f64(bar);
  }
  changes_.save(w);
}

Status FindingTracker::restore(std::string_view bytes) {
  ByteReader r(bytes);
  const std::uint8_t version = r.u8();
  if (version < 1 || version > kTrackerVersion) {
    return fail(Errc::Corrupt, "findings in progress of an unknown version");
  }
  last_id_ = r.u64();
  checked_at_ = r.time();
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    Episode e;
    e.slot = static_cast<SeriesSlot>(r.u64());
    e.finding = r.u64();
    e.last_arrival = r.time();
    const std::uint8_t flags = r.u8();
    e.counts = (flags & 1) != 0;
    e.is_charted = (flags & 2) != 0;
    e.is_mature = (flags & 4) != 0;
    e.charted = static_cast<std::uint32_t>(r.u64());
    const std::uint8_t kind = version >= 3 ? r.u8() : 0;
    if (kind > static_cast<std::uint8_t>(NamedDetectorKind::Isolation)) {
      return fail(Errc::Corrupt, "an episode of an unknown detector");
    }
    e.kind = static_cast<NamedDetectorKind>(kind);
    const std::uint8_t severity = version >= 3 ? r.u8() : 0;
    if (severity > 0) e.severity = static_cast<Severity>(severity - 1);
    e.signal = read_open_signal(r, version);
    if (version >= 2) e.standing = Standing::read(r, version < 7);
    episodes_.push_back(std::move(e));
  }
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    TRY_STATUS(restore_open(r, version));
  }
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    std::deque<Timestamp>& times = begun_[r.string()];
    for (std::size_t k = r.count(); k > 0 && r.ok(); --k) times.push_back(r.time());
  }
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    std::string key = r.string();
    const std::uint64_t metric = r.fixed64();
    bars_[{std::move(key), metric}] = r.f64();
  }
  if (version >= 3) changes_.load(r);
  if (!r.ok() || !r.at_end()) return fail(Errc::Corrupt, "findings in progress do not decode");
  return {};
}

Status FindingTracker::restore_open(ByteReader& r, std::uint8_t version) {
  const FindingId id = r.u64();
  OpenFinding& open = open_[id];
  if (version < 4) (void)r.u64();
  for (std::size_t n = version < 4 ? 0 : r.count(); n > 0 && r.ok(); --n) {
    if (version < 6) {
      loaded_slots_[id].push_back(static_cast<SeriesSlot>(r.u64()));
    } else {
      open.series.insert(r.fixed64());
    }
  }
  open.charted = static_cast<std::uint32_t>(r.u64());
  open.last_news = r.time();
  open.refreshed_at = r.time();
  open.told_at = version >= 5 ? r.time() : open.refreshed_at;
  if (version >= 5) open.tell_after = Duration(r.i64());
  open.is_storm = r.boolean();
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) open.entities.insert(r.string());
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    const std::uint64_t metric = r.fixed64();
    open.metrics[metric] = static_cast<std::uint32_t>(r.u64());
  }
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    TRY(FindingSignal signal, decode_signal(r.text(), finding_version_of(version)));
    open.over.push_back(std::move(signal));
  }
  return {};
}

Status FindingTracker::load_finding(std::string_view bytes) {
  TRY(Finding finding, decode_finding(bytes));
  loaded_.push_back(std::move(finding));
  return {};
}

Status FindingTracker::finish_restore(const SeriesTable& table) {
  follow(table);
  std::ranges::sort(loaded_, {}, [](const Finding& f) { return std::pair(f.updated_at, f.id); });
  for (Finding& finding : loaded_) {
    const FindingId id = finding.id;
    if (finding.status == FindingStatus::Ended) ended_.insert(id);
    findings_.restore(id, std::move(finding));
  }
  loaded_.clear();
  for (const auto& [id, slots] : loaded_slots_) {
    for (const SeriesSlot slot : slots) {
      const bool is_there = slot < table.slot_count() && table.series(slot) != nullptr;
      if (is_there) open_[id].series.insert(table.series(slot)->id.low);
    }
  }
  loaded_slots_.clear();
  const auto corrupt = [] { return fail(Errc::Corrupt, "findings in progress do not fit"); };
  for (const auto& [id, open] : open_) {
    if (findings_.find(id) == nullptr) return corrupt();
    for (const std::string& key : open.entities) entities_[find_entity(key)].finding = id;
  }
  for (std::uint32_t n = 0; n < episodes_.size(); ++n) {
    Episode& e = episodes_[n];
    if (e.slot >= entity_of_.size() || entity_of_[e.slot] == kNone) return corrupt();
    if (episode_of_[e.slot] != kNone || (e.finding != 0 && !open_.contains(e.finding))) {
      return corrupt();
    }
    // Of a bucket that was watched before buckets were histograms.
    if (entity_of_[e.slot] == kUnwatched) give_entity(e.slot, table);
    e.entity = entity_of_[e.slot];
    e.metric = hash64(table.series(e.slot)->metric());
    if (e.finding != 0) {
      ++open_[e.finding].lasting;
      open_[e.finding].series.insert(table.series(e.slot)->id.low);
    }
    link(n);
    if (e.counts) note_counting(n);
  }
  for (const std::uint32_t entity : touched_) entities_[entity].touched = false;
  touched_.clear();
  for (const auto& [id, open] : open_) {
    if (open.series.size() > findings_.find(id)->series_count) grown_.insert(id);
  }
  return {};
}

}  // namespace quell
