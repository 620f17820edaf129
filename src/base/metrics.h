// Metrics: what Quell says about itself. Each is declared once, as a member of a struct of the
// module that counts, with its name, its help text and the list that it belongs to:
//
//   struct JournalMetrics {
//     explicit JournalMetrics(MetricList& list)
//         : commits(list, "quell_journal_commits_total", "Group commits."),
//           commit_seconds(list, "quell_journal_commit_seconds", "One commit.", kFastBuckets) {}
//     Counter commits;
//     Histogram commit_seconds;
//   };
//
// Names: quell_<module>_<noun>_<unit>, and _total for counters.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/guarded.h"

namespace quell {

enum class MetricKind : std::uint8_t { Counter, Gauge, Histogram };

// The state of one metric at one time, as a page shows it (api/metrics_page.h).
struct MetricSample {
  std::vector<std::pair<std::string, std::string>> labels{};
  double value = 0;                      // Counters and gauges; the sum of a histogram.
  std::vector<std::uint64_t> buckets{};  // Histograms: not cumulative; the last is above all.
  bool operator==(const MetricSample&) const = default;
};
struct MetricFamily {
  std::string name{};
  std::string help{};
  MetricKind kind = MetricKind::Gauge;
  std::vector<double> bounds{};  // Histograms: upper bounds, ascending.
  std::vector<MetricSample> samples{};
};

// Bounds for what takes 0.1 ms to 10 s, and for what takes 1 µs to 100 ms.
inline constexpr double kSlowBuckets[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                          0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                          1,      2.5,     5,      10};
inline constexpr double kFastBuckets[] = {0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005,
                                          0.0001,   0.00025,   0.0005,   0.001,   0.0025,   0.005,
                                          0.01,     0.025,     0.05,     0.1};

// The metrics of one process, in order of declaration.
//
// Thread: metrics are added while the process is put together; collect() from any thread later.
class MetricList {
 public:
  MetricList() = default;
  MetricList(const MetricList&) = delete;
  MetricList& operator=(const MetricList&) = delete;

  std::vector<MetricFamily> collect() const;

 private:
  friend class Counter;
  friend class Gauge;
  friend class Histogram;
  friend class CounterFamily;
  using Collect = std::function<MetricFamily()>;
  // Requires: a name of letters, digits and underscores that is not taken.
  void add(std::string_view name, std::string_view help, MetricKind kind,
           std::function<void(MetricFamily&)> fill);

  std::vector<std::pair<std::string, Collect>> metrics_;
};

// Only grows. Thread: any. Cost: one relaxed atomic addition.
class Counter {
 public:
  // Requires: a name that ends in _total; the list is asked no more after the metric is gone.
  Counter(MetricList& list, std::string_view name, std::string_view help);
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Goes up and down. Thread: any.
class Gauge {
 public:
  Gauge(MetricList& list, std::string_view name, std::string_view help);
  Gauge(const Gauge&) = delete;
  Gauge& operator=(const Gauge&) = delete;

  void set(double v) { value_.store(v, std::memory_order_relaxed); }
  void add(double n) { value_.fetch_add(n, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// How often values fell under each bound, and their sum. Thread: any.
// Cost: two relaxed additions and a walk over the bounds.
class Histogram {
 public:
  // Requires: ascending bounds that outlive the histogram.
  Histogram(MetricList& list, std::string_view name, std::string_view help,
            std::span<const double> bounds);
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;

  void observe(double v) {
    std::size_t i = 0;
    while (i < bounds_.size() && v > bounds_[i]) ++i;
    buckets_[i].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(v, std::memory_order_relaxed);
  }

 private:
  std::span<const double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> buckets_;
  std::atomic<double> sum_{0};
};

// Counters that differ in the value of one label. At most kValuesMax values; all further ones
// share the value "other".
class CounterFamily {
 public:
  static constexpr std::size_t kValuesMax = 1000;

  CounterFamily(MetricList& list, std::string_view name, std::string_view help,
                std::string_view label);
  CounterFamily(const CounterFamily&) = delete;
  CounterFamily& operator=(const CounterFamily&) = delete;

  class Cell {
   public:
    void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

   private:
    std::atomic<std::uint64_t> value_{0};
  };
  // The counter of one value. Good as long as the family: keep it where every increment counts.
  // Thread: any. Cost: a lock and a search.
  Cell& at(std::string_view value);

 private:
  using Cells = std::map<std::string, std::unique_ptr<Cell>, std::less<>>;
  std::string label_;
  mutable Guarded<Cells> cells_;
};

}  // namespace quell
