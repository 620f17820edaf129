// A server without threads: the journal's files on a disk that tears, fails and fills up, the
// pipeline behind it, and a store that may not take a batch. What its senders were told must hold.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/pipeline.h"
#include "app/render.h"
#include "base/memory_disk.h"
#include "base/prng.h"
#include "journal/segment_log.h"
#include "tests/support/memory_store.h"

namespace quell {

class FaultyServer {
 public:
  FaultyServer(const PackLibrary& packs, Prng& prng)
      : packs_(packs),
        prng_(prng),
        options_({.directory = "j",
                  .segment_bytes = 2000 + prng.below(20'000),
                  .reserve_bytes = 1000 + prng.below(4000)}),
        disk_(prng.below(1u << 30)) {
    start(false);
  }

  // From now on the disk loses what it says it has kept: nobody can be right on it.
  void let_disk_lie() { disk_.ignore_syncs(); }

  // Sends frames until they are accepted, as a sender does, with faults of the disk on the way.
  void send(const std::vector<Frame>& frames, Timestamp at) {
    if (prng_.chance(30)) arm();
    for (int attempt = 0; problem_.empty() && !commit(frames, at); ++attempt) {
      if (attempt > 20) report("the disk is sound and takes nothing");
      if (attempt > 2) disk_.set_capacity(1 << 30);
    }
    if (!problem_.empty()) return;
    if (prng_.chance(20)) write_to_store();
    if (prng_.chance(8)) crash();
  }

  void until(Timestamp at) {
    while (problem_.empty() && pipeline_->next_deadline() <= at) {
      send({{.kind = FrameKind::Tick}}, std::max(pipeline_->next_deadline(), pipeline_->now()));
    }
  }

  // Empty, or the promise that was broken.
  std::string finish() {
    if (problem_.empty()) crash();
    if (!problem_.empty()) return problem_;
    Pipeline undisturbed(packs_);
    std::vector<std::string> found;
    const Status read = log_->read(0, [&](const Frame& frame) {
      undisturbed.on_frame(frame);
      found.push_back(frame.body);
      return true;
    });
    if (!read) return "the journal does not read: " + read.error().to_string();
    for (const auto& [offset, body] : accepted_) {
      if (offset >= found.size() || found[offset] != body) {
        return fmt::format("frame {} was accepted and is not there", offset);
      }
    }
    if (render_state(undisturbed) != render_state(*pipeline_)) {
      return "the state is another one than that of an undisturbed run";
    }
    return {};
  }

  Pipeline& pipeline() { return *pipeline_; }

 private:
  void arm() {
    const std::uint64_t kind = prng_.below(4);
    const std::uint64_t n = 1 + prng_.below(6);
    if (kind == 0) disk_.kill_at_operation(n);
    ends_ = ends_ || kind == 0;
    if (kind == 1) disk_.fail_operation(n, Errc::Exhausted);
    if (kind == 2) disk_.fail_operation(n, Errc::Unavailable);
    if (kind == 3) disk_.set_capacity(disk_.used_bytes() + prng_.below(3000));
  }

  // One group commit, and what it leads to. False: nothing of it is answered with success.
  bool commit(const std::vector<Frame>& frames, Timestamp at) {
    Batch batch;
    std::vector<Frame> work;
    for (Frame frame : frames) {
      frame.arrived_at = std::max({at, pipeline_->now(), log_->last_arrived_at()});
      std::string record;
      encode_record(frame, record);
      batch.add(record, frame.arrived_at);
      work.push_back(std::move(frame));
    }
    const auto first = log_->commit(batch);
    if (!first) {
      if (log_->is_broken() || (ends_ && disk_.has_failed())) crash();
      return false;
    }
    for (std::size_t i = 0; i < work.size(); ++i) {
      work[i].offset = *first + i;
      accepted_.emplace_back(work[i].offset, work[i].body);
      if (work[i].offset != pipeline_->next_offset()) report("an offset is given twice or left out");
      if (!problem_.empty()) return true;
      pipeline_->on_frame(work[i]);
    }
    return true;
  }

  // A store that is full keeps the batch waiting, and the frames come together in the next one.
  void write_to_store() {
    if (!waiting_) waiting_ = pipeline_->take_batch();
    if (prng_.chance(30)) return;
    store_.commit(*waiting_);
    waiting_.reset();
  }

  void crash() {
    log_.reset();
    pipeline_.reset();
    waiting_.reset();
    ends_ = false;
    prng_.chance(50) ? disk_.crash() : disk_.kill();
    disk_.set_capacity(1 << 30);
    start(true);
  }

  void start(bool again) {
    auto opened = SegmentLog::open(options_, disk_);
    if (!opened) opened = SegmentLog::open(options_, disk_);  // A fault that was still armed.
    if (!opened) return report("does not open: " + opened.error().to_string());
    log_ = *std::move(opened);
    pipeline_ = std::make_unique<Pipeline>(packs_);
    if (!again) return;
    std::vector<Frame> journal;
    const auto keep = [&](Frame frame) {
      journal.push_back(std::move(frame));
      return true;
    };
    if (!log_->read(0, keep)) return report("the journal does not read");
    if (!restart(*pipeline_, store_, journal)) return report("the state does not restore");
    if (pipeline_->next_offset() > journal.size()) return report("frames that were kept are gone");
    for (std::size_t i = pipeline_->next_offset(); i < journal.size(); ++i) {
      pipeline_->on_frame(journal[i]);
    }
  }

  void report(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }

  const PackLibrary& packs_;
  Prng& prng_;
  const JournalOptions options_;
  MemoryDisk disk_;
  std::unique_ptr<SegmentLog> log_;
  std::unique_ptr<Pipeline> pipeline_;
  MemoryStore store_;
  std::optional<StoreBatch> waiting_;
  std::vector<std::pair<std::uint64_t, std::string>> accepted_;
  bool ends_ = false;  // A fault that was armed may end the process.
  std::string problem_;
};

}  // namespace quell
