// Pipeline: frames -> events -> alerts -> incidents. Everything that Quell decides, decided here,
// as a pure function of the frames: no clock, no thread, no file.
//
// The server, the replay, the scenarios and the simulation all run this class.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/decoders.h"
#include "app/detect_stage.h"
#include "app/metric_stage.h"
#include "app/pipeline_options.h"
#include "app/seen_ids.h"
#include "correlate/alert_book.h"
#include "correlate/alert_tracker.h"
#include "correlate/correlator.h"
#include "incident/incident_book.h"
#include "model/command.h"
#include "model/frame.h"
#include "store/store.h"
#include "stream/health_window.h"
#include "stream/threshold_rules.h"
#include "topology/topology.h"
#include "wire/reply.h"

namespace quell {

// What one frame led to.
struct FrameOutcome {
  WireReply reply{.status = 0};  // What the protocol demands; status 0: it demands nothing.
  std::uint32_t accepted = 0;    // Events or samples.
  std::uint32_t duplicates = 0;  // Of these, the ones that said nothing new.
  std::vector<Rejected> rejected{};
  std::uint32_t dead_letters = 0;  // New ones.
  std::vector<AlertKey> alerts{};  // Of its alert events; at most kAlertsNamed.
  // Commands only: the incident that was changed or made, or why not. Of an import of models
  // `accepted` are all, and `duplicates` those that wait for their series.
  Result<IncidentId> command = IncidentId{0};

  std::uint64_t rest_at = 0;  // ResetModels: the slot from which on nothing is done; 0: all is.

  static constexpr std::size_t kAlertsNamed = 1000;
};

// Totals since the first frame of the journal (they are part of the snapshot).
struct PipelineCounters {
  std::uint64_t frames = 0;
  std::uint64_t events = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t rejected = 0;
  std::uint64_t late = 0;
  std::uint64_t samples = 0;
  std::uint64_t incidents_opened = 0;
  bool operator==(const PipelineCounters&) const = default;
};

// Invariant: equal frames in equal order give equal state, replies and batches, also when the
// pipeline is rebuilt from its batches between any two frames.
//
// Thread: one.
class Pipeline {
 public:
  // The packs of the configuration are added to `built_in`. `secret` changes no result
  // (stream/series_table.h).
  explicit Pipeline(const PackLibrary& built_in, std::uint64_t secret = 0);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Requires: offsets that rise by one, arrival times that do not fall.
  FrameOutcome on_frame(const Frame& frame);

  // The earliest time at which a Tick would change something. Timestamp::max(): never.
  Timestamp next_deadline() const;

  // Everything that changed since the last call, ready to be committed with its offset.
  StoreBatch take_batch();
  bool has_changes() const;
  // Soon after the last one.
  bool wants_commit() const { return metrics_.wants_commit(); }
  // No frame comes any more: what take_batch() would keep for later is due now.
  void drain() { metrics_.drain(); }

  // Makes the state that `stored` describes. Requires: a new pipeline. Errors: Corrupt.
  Status restore(StoredState stored);

  std::uint64_t next_offset() const { return next_offset_; }
  Timestamp now() const { return now_; }
  Timestamp watermark() const { return watermark_; }
  const PipelineCounters& counters() const { return counters_; }
  std::shared_ptr<const PipelineOptions> options() const { return options_; }
  const std::string& config_text() const { return config_text_; }
  AlertBook& alerts() { return alerts_; }
  IncidentBook& incidents() { return incidents_; }
  const AlertBook& alerts() const { return alerts_; }
  const IncidentBook& incidents() const { return incidents_; }
  const HealthWindows& windows() const { return windows_; }
  const MetricStage& metrics() const { return metrics_; }
  DetectStage& detection() { return detect_; }
  const DetectStage& detection() const { return detect_; }

  // After restore(), before the first frame: the pages of the store, then finish_pages(), then the
  // frames from StoredState::samples_offset to next_offset(), for their samples only, then
  // finish_samples().
  Status load_page(const StatePage& page);
  Status finish_pages();
  void restore_samples(const Frame& frame);
  void finish_samples() { detect_.finish_samples(); }
  // Events of the batch that take_batch() will return, oldest first.
  const std::vector<EventRow>& pending_events() const { return batch_.events; }
  const std::vector<DeadLetter>& pending_dead_letters() const { return batch_.dead_letters; }
  const std::vector<HealthWindow>& pending_windows() const { return closed_windows_; }

 private:
  FrameOutcome on_ingest(const Frame& frame);
  FrameOutcome on_retry(const Frame& frame, DeadLetter letter);
  FrameOutcome on_config(const Frame& frame);
  Status take_config(std::string text, std::vector<Event>& ended);
  FrameOutcome on_command(const Frame& frame);
  FrameOutcome reset_models(const Command& command);
  FrameOutcome import_models(const Command& command);
  Result<IncidentId> apply(const Command& command, const Step& step);
  Result<IncidentId> apply_to_incident(const Command& command, const Step& step);
  void on_samples(const Frame& frame, DecodedFrame& decoded, FrameOutcome& outcome);
  void on_event(Event event, std::uint32_t index, FrameOutcome& outcome);
  void keep_rejected(const Frame& frame, const std::vector<Rejected>& rejected,
                     FrameOutcome& outcome);
  void keep_other_content(const Event& event, std::uint32_t index, FrameOutcome& outcome);
  void restore_samples(const Frame& frame, WireSamples& samples);
  void restore_retried_samples(const Frame& frame);
  void keep_rest(DeadLetter& letter, std::vector<Rejected> rejected, FrameOutcome& outcome);
  void on_time();
  void on_events(std::vector<Event> events, FrameOutcome& outcome);
  void keep_closed_windows();
  void count_in_windows(const Event& event);
  void advance_watermark(Timestamp event_time);
  std::string snapshot() const;
  Status restore_engine(std::string_view bytes, const std::vector<WindowRow>& windows);

  const PackLibrary& built_in_;
  std::shared_ptr<const PipelineOptions> options_;
  std::string config_text_;
  Decoders decoders_;

  AlertBook alerts_;
  IncidentBook incidents_;
  std::unique_ptr<IncidentSink> sink_;
  AlertTracker tracker_;
  Correlator correlator_;
  SeenIds seen_;
  HealthWindows windows_;
  MetricStage metrics_;
  ThresholdRules thresholds_;
  DetectStage detect_;
  Timestamp windows_due_ = Timestamp::max();  // When open windows can close without more events.
  Timestamp last_counted_{};

  PipelineCounters counters_;
  StoreBatch batch_;
  std::vector<HealthWindow> closed_windows_;
  Step step_;
  std::uint32_t next_index_ = 0;                     // Of the next event within the frame,
  std::uint32_t first_index_ = 0;                    // of the first one that it decodes to,
  std::uint32_t next_letter_ = 0;                    // and of its next dead letter.
  std::vector<Rejected>* retry_rejected_ = nullptr;  // While a dead letter is tried again.
  Timestamp now_ = Timestamp::min();
  Timestamp arrived_at_{};  // Of the events at hand: those of a letter came before now_.
  Timestamp max_event_time_ = Timestamp::min();
  Timestamp watermark_ = Timestamp::min();
  std::uint64_t next_offset_ = 0;
};

}  // namespace quell
