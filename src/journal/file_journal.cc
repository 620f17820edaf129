#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>

#include "base/this_thread.h"
#include "journal/journal.h"
#include "journal/segment_log.h"

namespace quell {
namespace {

constexpr std::size_t kScratchBytesKept = 256 << 10;  // A larger frame's buffer is given back.

[[noreturn]] void abort_on_broken(const Error& error) {
  std::fprintf(stderr, "quell: %s\n", error.to_string().c_str());
  std::abort();
}

// Frames that wait for the next commit, and their encoding.
struct Pending {
  Batch batch;
  std::vector<Frame> frames;
  std::vector<std::unique_ptr<Waiter>> waiters;

  // Empties it, with room for about as much as last time.
  void restart(std::size_t count) {
    batch.clear();
    frames.clear();
    waiters.clear();
    frames.reserve(count);
    waiters.reserve(count);
  }
};

class FileJournal final : public Journal {
 public:
  FileJournal(const JournalOptions& options, const Clock& clock, CommitCallback on_commit,
              std::unique_ptr<SegmentLog> log)
      : options_(options),
        clock_(clock),
        on_commit_(std::move(on_commit)),
        log_(std::move(log)),
        last_arrived_at_(log_->last_arrived_at()) {
    committer_ = std::thread([this] {
      name_this_thread("journal");
      run_soon_after_waking();
      run();
    });
  }
  ~FileJournal() override { close(); }

  Status append(Frame frame, std::unique_ptr<Waiter> waiter) override {
    // Encoded and summed before the lock is taken; copied under it.
    thread_local std::string scratch;
    frame.arrived_at = arrival(frame);
    encode_into(frame, scratch);
    const bool is_large = scratch.capacity() > kScratchBytesKept;
    Status status = add(frame, std::move(waiter), scratch);
    if (is_large) scratch = std::string();
    return status;
  }

  Status read(std::uint64_t from, const std::function<bool(Frame)>& visit) const override {
    return log_->read(from, visit);
  }
  Status discard_before(std::uint64_t offset) override { return log_->discard_before(offset); }
  std::uint64_t offset_before(Timestamp t) const override { return log_->offset_before(t); }

  JournalStats stats() const override {
    JournalStats stats = log_->stats();
    std::scoped_lock lock(mutex_);
    stats.pending_bytes = pending_bytes_ + committing_bytes_;
    stats.appends_refused = appends_refused_;
    return stats;
  }

  void close() override {
    {
      std::scoped_lock lock(mutex_);
      is_closing_ = true;
    }
    has_work_.notify_one();
    std::scoped_lock once(closing_);
    if (committer_.joinable()) committer_.join();
  }

 private:
  Timestamp arrival(const Frame& frame) const {
    return frame.arrived_at == Timestamp{} ? clock_.now() : frame.arrived_at;
  }

  static void encode_into(const Frame& frame, std::string& scratch) {
    scratch.clear();
    encode_record(frame, scratch);
  }

  Status add(Frame& frame, std::unique_ptr<Waiter> waiter, std::string& record) {
    if (record.size() > options_.record_bytes_max) return refuse_large(record.size());
    bool was_idle = false;
    {
      std::scoped_lock lock(mutex_);
      TRY_STATUS(check_open());
      if (frame.arrived_at < last_arrived_at_) {
        // Another thread came between the clock and the lock, or the clock went back.
        frame.arrived_at = last_arrived_at_;
        encode_into(frame, record);
      }
      TRY_STATUS(check_room(record.size()));
      last_arrived_at_ = frame.arrived_at;
      pending_.batch.add(record, frame.arrived_at);
      pending_.frames.push_back(std::move(frame));
      pending_.waiters.push_back(std::move(waiter));
      pending_bytes_ += record.size();
      was_idle = std::exchange(is_idle_, false);
    }
    if (was_idle) has_work_.notify_one();
    return {};
  }

  Status refuse_large(std::size_t bytes) {
    std::scoped_lock lock(mutex_);
    ++appends_refused_;
    return fail(Errc::TooLarge,
                fmt::format("the frame takes {} bytes, the journal's limit for one is {} "
                            "(record_bytes_max): send it in parts or raise the limit",
                            bytes, options_.record_bytes_max));
  }

  // Requires: mutex_ is held, here and in check_room().
  Status check_open() const {
    if (broken_) return std::unexpected(*broken_);
    if (is_closing_) return fail(Errc::Unavailable, "the journal is closed");
    return {};
  }

  // One frame is always taken when nothing is pending, however large.
  Status check_room(std::size_t bytes) {
    const std::uint64_t pending = pending_bytes_ + committing_bytes_;
    if (pending == 0 || pending + bytes <= options_.pending_bytes_max) return {};
    ++appends_refused_;
    return fail(Errc::Exhausted,
                fmt::format("{} bytes wait to be committed and the journal's limit is {} "
                            "(journal.pending_max): retry later, send less, or raise the limit",
                            pending, options_.pending_bytes_max));
  }

  // The committer: the next commit starts when the last one has ended, with all that has come in.
  void run() {
    Pending work;
    while (take(work)) {
      Commit commit;
      const Timestamp begin = clock_.now();
      const auto first = log_->commit(work.batch);
      commit.took = clock_.now() - begin;
      if (first) {
        for (std::size_t i = 0; i < work.frames.size(); ++i) work.frames[i].offset = *first + i;
      } else {
        commit.status = std::unexpected(first.error());
        if (log_->is_broken()) report_broken(first.error());
      }
      const std::size_t count = work.frames.size();
      commit.frames = std::move(work.frames);
      commit.waiters = std::move(work.waiters);
      {
        std::scoped_lock lock(mutex_);
        committing_bytes_ = 0;
        if (!first) appends_refused_ += count;
      }
      on_commit_(std::move(commit));
      work.restart(count);
    }
    if (auto closed = log_->close(); !closed && log_->is_broken()) report_broken(closed.error());
  }

  // Waits for frames and swaps them into `work`. Returns false when closed and all is committed.
  bool take(Pending& work) {
    std::unique_lock lock(mutex_);
    is_idle_ = pending_.batch.count() == 0;
    has_work_.wait(lock, [this] { return pending_.batch.count() > 0 || is_closing_; });
    is_idle_ = false;
    if (pending_.batch.count() == 0) return false;
    std::swap(work, pending_);
    committing_bytes_ = std::exchange(pending_bytes_, 0);
    return true;
  }

  void report_broken(const Error& error) {
    if (!options_.on_broken) abort_on_broken(error);
    options_.on_broken(error);
    std::scoped_lock lock(mutex_);
    broken_ = error;
  }

  // Constant after construction.
  const JournalOptions options_;
  const Clock& clock_;
  const CommitCallback on_commit_;
  const std::unique_ptr<SegmentLog> log_;  // Its commit() and close() are the committer's.
  std::thread committer_;
  std::mutex closing_;

  mutable std::mutex mutex_;
  std::condition_variable has_work_;
  // Guarded by mutex_.
  Pending pending_;
  std::uint64_t pending_bytes_ = 0;
  std::uint64_t committing_bytes_ = 0;
  std::uint64_t appends_refused_ = 0;
  Timestamp last_arrived_at_{};
  bool is_idle_ = false;  // The committer waits: wake it. Otherwise it will look by itself.
  bool is_closing_ = false;
  std::optional<Error> broken_;
};

}  // namespace

Result<Frame> read_frame(const Journal& journal, std::uint64_t offset) {
  std::optional<Frame> found;
  TRY_STATUS(journal.read(offset, [&](Frame frame) {
    if (frame.offset == offset) found = std::move(frame);
    return false;
  }));
  if (!found) return fail(Errc::NotFound, fmt::format("frame {} is not kept any more", offset));
  return *std::move(found);
}

Result<std::unique_ptr<Journal>> open_file_journal(const JournalOptions& options, Disk& disk,
                                                   const Clock& clock, CommitCallback on_commit) {
  TRY(auto log, SegmentLog::open(options, disk));
  return std::make_unique<FileJournal>(options, clock, std::move(on_commit), std::move(log));
}

}  // namespace quell
