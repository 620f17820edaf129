#include "detect/recent_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "base/time.h"

namespace quell {
namespace {

constexpr std::size_t kTitleBytes = 120;

std::string change_key(std::string_view tenant, std::string_view kind, std::string_view name) {
  std::string key(tenant);
  key += '\0';
  key += kind;
  key += '\0';
  key += name;
  return key;
}

}  // namespace

void RecentChanges::on_change(const Event& event) {
  if (event.entity.empty()) return;
  const auto [at, is_new] =
      changes_.try_emplace(change_key(event.tenant, event.entity.kind, event.entity.name));
  Change& change = at->second;
  if (!is_new && change.time > event.time) return;
  change = {.time = event.time, .title = std::string(utf8_prefix(event.title, kTitleBytes))};
  if (change.title.empty()) change.title = "change of " + event.entity.to_string();
  if (changes_.size() > kEntitiesMax) remove_oldest();
}

// A tenth of them, so that a flood of changes does not look at all of them each time.
void RecentChanges::remove_oldest() {
  std::vector<Timestamp> times;
  for (const auto& [key, change] : changes_) times.push_back(change.time);
  const auto tenth = times.begin() + kEntitiesMax / 10;
  std::ranges::nth_element(times, tenth);
  std::size_t left = kEntitiesMax / 10;
  std::erase_if(changes_, [&](const auto& item) {
    return item.second.time <= *tenth && left > 0 && left-- > 0;
  });
}

const RecentChanges::Change* RecentChanges::find(const Series& series, Timestamp time,
                                                 Duration window) const {
  if (changes_.empty() || window <= Duration::zero()) return nullptr;
  window = std::min(window, kKept);
  const Change* last = nullptr;
  const auto look = [&](std::string_view kind, std::string_view name) {
    const auto found = changes_.find(change_key(series.tenant, kind, name));
    if (found == changes_.end()) return;
    const Change& change = found->second;
    const double passed = ns_between(change.time, time);
    if (passed < 0 || passed >= static_cast<double>(window.count())) return;
    if (last == nullptr || change.time > last->time) last = &change;
  };
  const Entity entity = entity_of(series);
  look(entity.kind, entity.name);
  for (const Label label : series.labels) look(label.name, label.value);
  return last;
}

std::string describe_change(const RecentChanges::Change& change, Timestamp time) {
  const auto ago = std::chrono::floor<std::chrono::seconds>(time - change.time);
  return fmt::format("'{}' {} before", change.title, format_duration(ago));
}

void RecentChanges::save(ByteWriter& w) const {
  w.u64(changes_.size());
  for (const auto& [key, change] : changes_) {
    w.text(key);
    w.time(change.time);
    w.text(change.title);
  }
}

void RecentChanges::load(ByteReader& r) {
  changes_.clear();
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    std::string key = r.string();
    Change& change = changes_[std::move(key)];
    change.time = r.time();
    change.title = r.string();
  }
}

}  // namespace quell
