#include "eval/entity_watch.h"

#include <algorithm>

namespace quell {

EntityWatch::EntityWatch(std::span<const Member> members, const FindingOptions& options)
    : calendar_(options.calendar) {
  WireSamples request;
  for (const Member& member : members) {
    const auto tenant = std::ranges::find(request.tenants, member.tenant);
    WireSamples::Run run{.key_at = static_cast<std::uint32_t>(request.made.size()),
                         .key_size = static_cast<std::uint32_t>(member.labels.bytes().size()),
                         .first = static_cast<std::uint32_t>(request.size()),
                         .count = 1,
                         .tenant = static_cast<std::uint16_t>(tenant - request.tenants.begin()),
                         .kind = SeriesKind::Gauge,
                         .is_made = true};
    if (tenant == request.tenants.end()) request.tenants.push_back(member.tenant);
    request.made += member.labels.bytes();
    request.times.emplace_back();
    request.values.push_back(0);
    request.series.push_back(run);
  }
  SampleBatch batch;
  SeriesRefusals refused;
  table_.resolve(request, "eval", SeriesTable::Unknown::Make, batch, refused);
  QUELL_ASSERT(batch.size() == members.size(), "members are good series, each another one");
  all_ = std::move(batch.slots);
  detector_.set_settings({.finding_p = options.series_p, .warmup_samples = options.warmup});
  tracker_.set_options(options);
  tracker_.follow(table_);
}

void EntityWatch::observe(Timestamp time, std::span<const std::uint32_t> members,
                          std::span<const double> values) {
  some_.clear();
  for (const std::uint32_t member : members) some_.push_back(all_[member]);
  take(time, some_, values);
}

void EntityWatch::observe(Timestamp time, std::span<const double> values) {
  take(time, all_, values);
}

void EntityWatch::take(Timestamp time, std::span<const SeriesSlot> slots,
                       std::span<const double> values) {
  times_.assign(slots.size(), time);
  news_.clear();
  tracker_.on_time(time, table_, news_);
  detector_.observe(slots, times_, values, calendar_, seen_);
  tracker_.on_samples({slots, times_, values, seen_}, detector_, table_, time, news_);
  for (const FindingNews& one : news_) {
    if (one.ended) ended_.push_back(*tracker_.findings().find(one.id));
  }
  for (const std::uint8_t flags : seen_.flags) {
    samples_ += (flags & (kNotUsed | kLearning)) == 0 ? 1 : 0;
    opened_ += (flags & kOpened) != 0 ? 1 : 0;
  }
}

std::vector<Finding> EntityWatch::findings() const {
  std::vector<Finding> found = ended_;
  tracker_.findings().newest_first(UINT64_MAX, [&](std::uint64_t, const Finding& finding) {
    if (finding.status == FindingStatus::Open) found.push_back(finding);
    return true;
  });
  std::ranges::sort(found, {}, &Finding::id);
  return found;
}

}  // namespace quell
