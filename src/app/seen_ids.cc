#include "app/seen_ids.h"

#include "base/bytes.h"

namespace quell {
namespace {

Hash128 key_of(const Event& event) {
  std::string bytes;
  ByteWriter w(bytes);
  w.text(event.tenant);
  w.text(event.source);
  w.text(event.id);
  return hash128(bytes);
}

Hash128 content_of(const Event& event, Timestamp arrived_at) {
  std::string bytes;
  ByteWriter w(bytes);
  w.text(event.type);
  w.text(event.subject);
  w.time(event.time == arrived_at ? Timestamp{} : event.time);
  w.text(event.title);
  w.u8(static_cast<std::uint8_t>(event.status));
  w.text(event.labels.bytes());
  w.text(event.annotations.bytes());
  w.text(event.data);
  return hash128(bytes);
}

}  // namespace

SeenIds::Verdict SeenIds::check(const Event& event, Timestamp arrived_at, Timestamp now) {
  if (event.id.empty()) return Verdict::New;
  forget_before(now - kKeptFor);
  const SeenId id{.key = key_of(event), .content = content_of(event, arrived_at), .at = now};
  const auto known = content_.find(id.key);
  if (known != content_.end()) {
    return known->second == id.content ? Verdict::Duplicate : Verdict::OtherContent;
  }
  remember(id);
  fresh_.push_back(id);
  return Verdict::New;
}

std::optional<std::uint64_t> SeenIds::done_by(const Hash128& key) const {
  const auto known = content_.find(key);
  if (known == content_.end()) return std::nullopt;
  return known->second.low;
}

void SeenIds::remember_done(const Hash128& key, std::uint64_t offset, Timestamp now) {
  forget_before(now - kKeptFor);
  const SeenId id{.key = key, .content = {.low = offset}, .at = now};
  remember(id);
  fresh_.push_back(id);
}

void SeenIds::remember(const SeenId& id) {
  content_.emplace(id.key, id.content);
  order_.emplace_back(id.at, id.key);
  while (order_.size() > kIdsMax) {
    content_.erase(order_.front().second);
    order_.pop_front();
  }
}

void SeenIds::forget_before(Timestamp t) {
  while (!order_.empty() && order_.front().first < t) {
    content_.erase(order_.front().second);
    order_.pop_front();
  }
}

void SeenIds::restore(const std::vector<SeenId>& ids) {
  content_.clear();
  order_.clear();
  fresh_.clear();
  for (const SeenId& id : ids) remember(id);
}

}  // namespace quell
