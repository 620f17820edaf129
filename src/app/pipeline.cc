#include "app/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "app/dead_letter_retry.h"
#include "app/metric_answer.h"
#include "app/settings.h"
#include "base/bytes.h"
#include "base/json.h"
#include "base/time.h"
#include "incident/lifecycle.h"

namespace quell {
namespace {

constexpr std::uint8_t kSnapshotVersion = 4;
// Event times further ahead than this do not move the watermark: a sender's clock is wrong.
constexpr Duration kFutureMax = std::chrono::minutes(10);
// How often series beyond a threshold are asked whether they have gone silent.
constexpr Duration kStaleCheckEvery = std::chrono::minutes(1);

// When a window that is open at `t` can close without further events.
Timestamp end_of_window(Timestamp t) {
  const Duration into = t.time_since_epoch() % HealthWindows::kLength;
  return t - into + HealthWindows::kLength + HealthWindows::kLateness + HealthWindows::kQuietAfter;
}

// Of two times between these, and of one and any setting, the difference and the sum are times too.
constexpr Timestamp kEarliest{};
constexpr Timestamp kLatest = std::chrono::sys_days{std::chrono::year{2200} / 1 / 1};

void limit_times(Event& event) {
  const auto limit = [](Timestamp t) { return std::clamp(t, kEarliest, kLatest); };
  event.time = limit(event.time);
  if (event.starts_at) event.starts_at = limit(*event.starts_at);
  const bool forever = event.ends_at == kMaxTime;
  if (event.ends_at && !forever) event.ends_at = limit(*event.ends_at);
}

// The correlator's view of incidents: the book, changed by events of the lifecycle only.
class Sink final : public IncidentSink {
 public:
  Sink(IncidentBook& book, PipelineCounters& counters) : book_(book), counters_(counters) {}

  const Incident* find(IncidentId id) const override { return book_.find(id); }
  IncidentId create(std::string tenant) override {
    Incident incident;
    incident.tenant = std::move(tenant);
    ++counters_.incidents_opened;
    return book_.add(std::move(incident)).id;
  }
  void append(IncidentId id, IncidentEvent event) override {
    book_.edit(id, [&](Incident& incident) { quell::append(incident, std::move(event)); });
  }
  void annotate(IncidentId id, const std::function<void(Incident&)>& change) override {
    book_.edit(id, change);
  }
  void remove(IncidentId id) override { book_.remove(id); }
  std::vector<IncidentId> all() const override {
    std::vector<IncidentId> ids;
    book_.newest_first(UINT64_MAX, [&](std::uint64_t, const Incident& incident) {
      ids.push_back(incident.id);
      return true;
    });
    std::ranges::sort(ids);
    return ids;
  }

 private:
  IncidentBook& book_;
  PipelineCounters& counters_;
};

}  // namespace

Pipeline::Pipeline(const PackLibrary& built_in, std::uint64_t secret)
    : built_in_(built_in),
      options_(std::make_shared<const PipelineOptions>()),
      decoders_(built_in),
      sink_(std::make_unique<Sink>(incidents_, counters_)),
      tracker_(options_->alerts, alerts_),
      correlator_(options_->correlation, options_->topology, alerts_, *sink_),
      metrics_(secret) {}

Pipeline::~Pipeline() = default;

FrameOutcome Pipeline::on_frame(const Frame& frame) {
  QUELL_ASSERT(frame.offset == next_offset_ || counters_.frames == 0,
               "frames come in the order of their offsets");
  QUELL_ASSERT(frame.arrived_at >= now_, "arrival times do not fall");
  next_offset_ = frame.offset + 1;
  arrived_at_ = now_ = frame.arrived_at;
  step_ = {.now = frame.arrived_at, .offset = frame.offset};
  ++counters_.frames;
  next_index_ = 0;
  next_letter_ = 0;
  on_time();
  first_index_ = next_index_;
  switch (frame.kind) {
    case FrameKind::Ingest: return on_ingest(frame);
    case FrameKind::Tick: advance_watermark(now_); return {};
    case FrameKind::Config: return on_config(frame);
    case FrameKind::Command: return on_command(frame);
  }
  return {};
}

void Pipeline::on_time() {
  std::vector<AlertOutcome> outcomes;
  const auto in_use = [&](const Alert& alert) { return correlator_.in_use(alert); };
  tracker_.on_time(step_, in_use, outcomes);
  for (const AlertOutcome& outcome : outcomes) correlator_.on_alert(outcome, step_);
  correlator_.on_time(step_);
  std::vector<Event> events;
  detect_.on_time(now_, metrics_.table(), events);
  for (const SeriesSlot slot : metrics_.find_silent(now_)) {
    thresholds_.forget(slot);
    detect_.forget(slot, metrics_.table(), step_.offset);
  }
  metrics_.remove_silent();
  thresholds_.on_tick(now_, events);
  FrameOutcome ignored;
  on_events(std::move(events), ignored);
  windows_.on_tick(now_);
  if (now_ >= windows_due_) {
    const bool more = end_of_window(last_counted_) > now_;
    windows_due_ = more ? end_of_window(last_counted_) : Timestamp::max();
  }
  keep_closed_windows();
}

void Pipeline::keep_closed_windows() {
  for (HealthWindow& window : windows_.take_closed()) closed_windows_.push_back(std::move(window));
}

// Windows close with the events of the next one; when none come, a tick after their end does it.
void Pipeline::count_in_windows(const Event& event) {
  windows_.on_event(event, now_);
  last_counted_ = now_;
  if (windows_due_ == Timestamp::max()) windows_due_ = end_of_window(now_);
}

Timestamp Pipeline::next_deadline() const {
  const Timestamp stale =
      thresholds_.breaching_count() > 0 ? now_ + kStaleCheckEvery : Timestamp::max();
  return std::min({tracker_.next_deadline(), correlator_.next_deadline(), windows_due_, stale,
                   detect_.next_deadline()});
}

void Pipeline::advance_watermark(Timestamp event_time) {
  if (event_time > now_ && event_time - now_ > kFutureMax) return;
  max_event_time_ = std::max(max_event_time_, event_time);
  const Timestamp watermark = max_event_time_ - options_->correlation.lateness;
  if (watermark <= watermark_) return;
  watermark_ = watermark;
  correlator_.on_watermark(watermark_, step_);
}

FrameOutcome Pipeline::on_ingest(const Frame& frame) {
  if (auto letter = retried_dead_letter(frame)) return on_retry(frame, *std::move(letter));
  DecodedFrame decoded = decoders_.decode(frame);
  FrameOutcome outcome;
  outcome.reply = std::move(decoded.reply);
  outcome.accepted = static_cast<std::uint32_t>(decoded.decoded.events.size());
  on_samples(frame, decoded, outcome);
  counters_.rejected += decoded.decoded.rejected.size();
  on_events(std::move(decoded.decoded.events), outcome);
  keep_rejected(frame, decoded.decoded.rejected, outcome);
  if (decoded.protocol != SampleProtocol::None) return outcome;
  for (Rejected& one : decoded.decoded.rejected) outcome.rejected.push_back(std::move(one));
  return outcome;
}

void Pipeline::on_events(std::vector<Event> events, FrameOutcome& outcome) {
  Timestamp latest = Timestamp::min();
  for (Event& event : events) {
    latest = std::max(latest, event.time);
    on_event(std::move(event), next_index_++, outcome);
  }
  if (latest != Timestamp::min()) advance_watermark(latest);
}

// Series that a limit refuses are no dead letters: nothing is wrong with them, and a source that is
// over its limit would write one for every request. Nor are single samples of a sender that is told
// at once what was refused; a request of which nothing can be read is one.
void Pipeline::on_samples(const Frame& frame, DecodedFrame& decoded, FrameOutcome& outcome) {
  const bool is_answered = decoded.protocol != SampleProtocol::None;
  if (decoded.samples.series.empty() && decoded.samples.metadata.empty() && !is_answered) return;
  SeriesRefusals refused;
  const SampleBatch& batch = metrics_.on_samples(frame, decoded.samples, refused);
  const std::size_t taken = batch.size() - batch.made;
  counters_.samples += taken;
  outcome.accepted += static_cast<std::uint32_t>(taken);
  thresholds_.on_samples(batch, metrics_.table(), now_, decoded.decoded.events);
  detect_.give_imported(metrics_.table(), step_.offset);
  detect_.on_samples(batch, metrics_.table(), now_, step_.offset, decoded.decoded.events);
  if (is_answered) {
    std::vector<Rejected>& reasons = decoded.decoded.rejected;
    outcome.rejected = reasons;
    for (const Rejected& one : refused.listed) outcome.rejected.push_back(one);
    outcome.reply = metric_answer(decoded, taken, refused, outcome.rejected);
    if (!decoded.samples.series.empty()) reasons.clear();
    return;
  }
  for (Rejected& one : refused.listed) outcome.rejected.push_back(std::move(one));
}

void Pipeline::restore_samples(const Frame& frame) {
  if (frame.kind != FrameKind::Ingest) return;
  if (!frame.header(kRetryHeader).empty()) return restore_retried_samples(frame);
  DecodedFrame decoded = decoders_.decode(frame);
  if (!decoded.samples.series.empty()) restore_samples(frame, decoded.samples);
}

void Pipeline::restore_samples(const Frame& frame, WireSamples& samples) {
  detect_.restore_samples(metrics_.restore_samples(frame, samples), frame.arrived_at, frame.offset);
}

Status Pipeline::load_page(const StatePage& page) {
  switch (page.kind) {
    case StatePageKind::Models:
    case StatePageKind::Findings:
    case StatePageKind::Imported:
    case StatePageKind::Watches: return detect_.load(page, metrics_.table());
    case StatePageKind::Series:
    case StatePageKind::Metadata:
    case StatePageKind::Samples:
    case StatePageKind::Histograms: break;
  }
  return metrics_.load(page);
}

Status Pipeline::finish_pages() {
  metrics_.finish_load();
  return detect_.finish_load(metrics_.table(), next_offset_);
}

void Pipeline::on_event(Event event, std::uint32_t index, FrameOutcome& outcome) {
  if (event.tenant.empty()) event.tenant = kDefaultTenant;
  limit_times(event);
  ++counters_.events;
  if (event.time < watermark_ && event.kind != EventKind::Alert) ++counters_.late;
  const SeenIds::Verdict seen = seen_.check(event, arrived_at_, now_);
  if (seen != SeenIds::Verdict::New) {
    ++outcome.duplicates;
    ++counters_.duplicates;
    if (seen == SeenIds::Verdict::OtherContent) keep_other_content(event, index, outcome);
    return;
  }
  count_in_windows(event);
  EventRow row{.offset = step_.offset, .index = index, .arrived_at = now_};
  if (event.kind == EventKind::Alert) {
    const AlertOutcome alert = tracker_.on_event(event, step_);
    correlator_.on_alert(alert, step_);
    if (outcome.alerts.size() < FrameOutcome::kAlertsNamed) outcome.alerts.push_back(alert.key);
    if (!alert.fresh) {
      ++outcome.duplicates;
      ++counters_.duplicates;
      return;
    }
    row.alert = alert.key.fingerprint;
    if (const Alert* known = alerts_.find(alert.key)) row.incident = known->incident;
  } else if (event.kind == EventKind::Change) {
    correlator_.on_change(event, step_);
    detect_.on_change(event);
  }
  row.event = std::move(event);
  batch_.events.push_back(std::move(row));
}

// The letter is of the event's source, as the sender names it.
void Pipeline::keep_other_content(const Event& event, std::uint32_t index, FrameOutcome& outcome) {
  Rejected rejected{fmt::format("the id '{}' came before from '{}' with other content; the first "
                                "one counts",
                                event.id, event.source),
                    fmt::format("event {}", index - first_index_), event.title};
  if (retry_rejected_ != nullptr) return retry_rejected_->push_back(std::move(rejected));
  ++outcome.dead_letters;
  batch_.dead_letters.push_back({.offset = step_.offset,
                                 .index = next_letter_++,
                                 .arrived_at = now_,
                                 .tenant = event.tenant,
                                 .source = event.source,
                                 .rejected = std::move(rejected)});
}

void Pipeline::keep_rejected(const Frame& frame, const std::vector<Rejected>& rejected,
                             FrameOutcome& outcome) {
  for (const Rejected& item : rejected) {
    ++outcome.dead_letters;
    batch_.dead_letters.push_back({.offset = frame.offset,
                                   .index = next_letter_++,
                                   .arrived_at = now_,
                                   .tenant = frame.tenant,
                                   .source = frame.source,
                                   .rejected = item});
  }
}

FrameOutcome Pipeline::on_config(const Frame& frame) {
  FrameOutcome outcome;
  std::vector<Event> ended;  // By threshold rules that are gone.
  if (auto taken = take_config(frame.body, ended); !taken) {
    // Checked before it was journaled; a newer program may still refuse what an older one took.
    outcome.rejected.push_back({.reason = taken.error().message, .place = taken.error().place});
    keep_rejected(frame, outcome.rejected, outcome);
    return outcome;
  }
  detect_.match_rules(metrics_.table(), step_.offset);
  tracker_.rebuild(now_);  // Its lengths of time may be others.
  correlator_.derive();
  FrameOutcome ignored;
  on_events(std::move(ended), ignored);
  outcome.accepted = 1;
  return outcome;
}

// The correlator's indexes are still to be derived.
Status Pipeline::take_config(std::string text, std::vector<Event>& ended) {
  TRY(PipelineOptions options, parse_pipeline_config(text));
  PackLibrary packs = built_in_;
  TRY_STATUS(packs.add(options.packs));
  TRY_STATUS(thresholds_.set_rules(options.thresholds, now_, ended));
  decoders_.set_packs(std::move(packs));
  options_ = std::make_shared<const PipelineOptions>(std::move(options));
  config_text_ = std::move(text);
  tracker_.set_options(options_->alerts);
  correlator_.set_options(options_->correlation, options_->topology);
  metrics_.set_options(options_->metrics);
  detect_.set_options(options_->detection, next_offset_, now_);
  return {};
}

bool Pipeline::has_changes() const {
  return alerts_.has_dirty() || incidents_.has_dirty() || !batch_.events.empty() ||
         !batch_.dead_letters.empty() || batch_.next_offset != next_offset_ ||
         metrics_.has_waiting();
}

StoreBatch Pipeline::take_batch() {
  keep_closed_windows();  // The last event may have closed some.
  batch_.next_offset = next_offset_;
  batch_.now = now_;
  batch_.engine = snapshot();
  batch_.alerts = alerts_.take_dirty();
  batch_.removed_alerts = alerts_.take_removed();
  batch_.incidents = incidents_.take_dirty();
  batch_.removed_incidents = incidents_.take_removed();
  batch_.seen_ids = seen_.take_fresh();
  metrics_.take(next_offset_, now_, batch_);
  detect_.take(next_offset_, metrics_.table(), batch_);
  for (const HealthWindow& window : closed_windows_) {
    WindowRow row{.tenant = window.tenant, .scope = window.scope, .starts_at = window.starts_at};
    encode_health_window(window, row.record);
    batch_.windows.push_back(std::move(row));
  }
  closed_windows_.clear();
  StoreBatch batch = std::move(batch_);
  batch_ = {};
  batch_.next_offset = next_offset_;
  return batch;
}

std::string Pipeline::snapshot() const {
  std::string bytes;
  ByteWriter w(bytes);
  w.u8(kSnapshotVersion);
  w.time(now_);
  w.time(max_event_time_);
  w.time(watermark_);
  w.text(config_text_);
  w.u64(incidents_.last_id());
  for (const std::uint64_t count :
       {counters_.frames, counters_.events, counters_.duplicates, counters_.rejected,
        counters_.late, counters_.samples, counters_.incidents_opened}) {
    w.u64(count);
  }
  correlator_.snapshot(w);
  w.time(windows_due_);
  w.time(last_counted_);
  metrics_.snapshot(w);
  std::string windows;
  windows_.snapshot(windows);
  w.text(windows);
  std::string thresholds;
  thresholds_.snapshot(thresholds);
  w.text(thresholds);
  correlator_.snapshot_rules(w);
  std::string detection;
  detect_.snapshot(detection);
  w.text(detection);
  return bytes;
}

Status Pipeline::restore(StoredState stored) {
  next_offset_ = stored.next_offset;
  batch_.next_offset = stored.next_offset;
  if (stored.engine.empty()) return {};
  std::vector<Alert*> by_change;
  by_change.reserve(stored.alerts.size());
  for (Alert& alert : stored.alerts) by_change.push_back(&alert);
  std::ranges::sort(by_change, [](const Alert* a, const Alert* b) {
    return std::tie(a->updated_at, a->key) < std::tie(b->updated_at, b->key);
  });
  for (Alert* alert : by_change) alerts_.put_back(std::move(*alert));
  std::ranges::sort(stored.incidents, {},
                    [](const Incident& i) { return std::pair(i.updated_at, i.id); });
  for (Incident& incident : stored.incidents) incidents_.put_back(std::move(incident));
  seen_.restore(stored.seen_ids);
  return restore_engine(stored.engine, stored.windows);
}

Status Pipeline::restore_engine(std::string_view bytes, const std::vector<WindowRow>& windows) {
  ByteReader r(bytes);
  const std::uint8_t version = r.u8();
  if (version < 2 || version > kSnapshotVersion) {
    return fail(Errc::Corrupt, "the stored state was written by another version of Quell");
  }
  now_ = r.time();
  max_event_time_ = r.time();
  watermark_ = r.time();
  config_text_ = r.string();
  incidents_.set_last_id(r.u64());
  for (std::uint64_t* count :
       {&counters_.frames, &counters_.events, &counters_.duplicates, &counters_.rejected,
        &counters_.late, &counters_.samples, &counters_.incidents_opened}) {
    *count = r.u64();
  }
  std::vector<Event> ended;  // None: the rules have no state yet.
  if (!config_text_.empty()) TRY_STATUS(take_config(config_text_, ended));
  tracker_.rebuild(now_);
  TRY_STATUS(correlator_.restore(r));
  windows_due_ = r.time();
  last_counted_ = r.time();
  metrics_.restore(r);
  std::vector<HealthWindow> closed;
  for (const WindowRow& row : windows) {
    TRY(HealthWindow window, decode_health_window(row.record));
    closed.push_back(std::move(window));
  }
  const std::string_view open = r.text();
  const std::string_view thresholds = r.text();
  if (version >= 3) correlator_.restore_rules(r);
  const std::string_view detection = version >= 4 ? r.text() : std::string_view();
  if (!r.ok()) return fail(Errc::Corrupt, "the stored state ends early");
  TRY_STATUS(thresholds_.restore(thresholds));
  if (version >= 4) TRY_STATUS(detect_.restore(detection));
  return windows_.restore(open, closed);
}

}  // namespace quell
