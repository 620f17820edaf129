#include "base/metrics.h"

#include <algorithm>

#include "base/result.h"

namespace quell {
namespace {

bool is_metric_name(std::string_view name) {
  return name.starts_with("quell_") && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

}  // namespace

void MetricList::add(std::string_view name, std::string_view help, MetricKind kind,
                     std::function<void(MetricFamily&)> fill) {
  QUELL_ASSERT(is_metric_name(name), "a metric is named quell_<module>_<noun>_<unit>");
  QUELL_ASSERT((kind == MetricKind::Counter) == name.ends_with("_total"),
               "counters, and only they, end in _total");
  for (const auto& [known, collect] : metrics_) {
    QUELL_ASSERT(known != name, "a metric is declared once");
  }
  metrics_.emplace_back(
      name, [name = std::string(name), help = std::string(help), kind, fill = std::move(fill)] {
        MetricFamily family{.name = name, .help = help, .kind = kind};
        fill(family);
        return family;
      });
}

std::vector<MetricFamily> MetricList::collect() const {
  std::vector<MetricFamily> families;
  families.reserve(metrics_.size());
  for (const auto& [name, collect] : metrics_) families.push_back(collect());
  return families;
}

Counter::Counter(MetricList& list, std::string_view name, std::string_view help) {
  list.add(name, help, MetricKind::Counter, [this](MetricFamily& family) {
    family.samples.push_back({.value = static_cast<double>(value())});
  });
}

Gauge::Gauge(MetricList& list, std::string_view name, std::string_view help) {
  list.add(name, help, MetricKind::Gauge,
           [this](MetricFamily& family) { family.samples.push_back({.value = value()}); });
}

Histogram::Histogram(MetricList& list, std::string_view name, std::string_view help,
                     std::span<const double> bounds)
    : bounds_(bounds), buckets_(new std::atomic<std::uint64_t>[bounds.size() + 1] {}) {
  QUELL_ASSERT(std::ranges::is_sorted(bounds), "the bounds of a histogram ascend");
  list.add(name, help, MetricKind::Histogram, [this](MetricFamily& family) {
    family.bounds.assign(bounds_.begin(), bounds_.end());
    MetricSample sample{.value = sum_.load(std::memory_order_relaxed)};
    for (std::size_t i = 0; i <= bounds_.size(); ++i) {
      sample.buckets.push_back(buckets_[i].load(std::memory_order_relaxed));
    }
    family.samples.push_back(std::move(sample));
  });
}

CounterFamily::CounterFamily(MetricList& list, std::string_view name, std::string_view help,
                             std::string_view label)
    : label_(label) {
  list.add(name, help, MetricKind::Counter, [this](MetricFamily& family) {
    cells_.with([&](const Cells& cells) {
      for (const auto& [value, cell] : cells) {
        family.samples.push_back(
            {.labels = {{label_, value}}, .value = static_cast<double>(cell->value())});
      }
    });
  });
}

CounterFamily::Cell& CounterFamily::at(std::string_view value) {
  return cells_.with([&](Cells& cells) -> Cell& {
    auto it = cells.find(value);
    if (it == cells.end()) {
      const bool full = cells.size() >= kValuesMax;
      it = cells.try_emplace(full ? "other" : std::string(value)).first;
      if (!it->second) it->second = std::make_unique<Cell>();
    }
    return *it->second;
  });
}

}  // namespace quell
