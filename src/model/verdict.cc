#include "model/verdict.h"

#include <array>

namespace quell {

std::string_view verdict_kind_name(VerdictKind kind) {
  static constexpr std::array<std::string_view, 17> kNames{
      "accepted", "deduplicated", "updated", "refired",  "resolved", "expired",
      "held",     "released",     "dropped", "flapping", "steady",   "grouped",
      "opened",   "not_opened",   "moved",   "attached", "changed"};
  const auto index = static_cast<std::size_t>(kind);
  return index < kNames.size() ? kNames[index] : "unknown";
}

void Trace::add(VerdictKind kind, Timestamp at, std::uint64_t offset, std::string_view reason) {
  if (!verdicts_.empty() && verdicts_.back().kind == kind && verdicts_.back().reason == reason) {
    verdicts_.back().last_at = at;
    ++verdicts_.back().count;
    return;
  }
  if (verdicts_.size() == kHead + kTail) {
    verdicts_.erase(verdicts_.begin() + kHead);
    ++omitted_;
  }
  // Most have three or four, and there are very many of them: no room in advance.
  if (verdicts_.size() < 4) verdicts_.reserve(verdicts_.size() + 1);
  verdicts_.push_back({.kind = kind,
                       .at = at,
                       .last_at = at,
                       .reason = SharedText::common(reason),
                       .offset = offset});
}

void Trace::encode(ByteWriter& out) const {
  out.u64(omitted_);
  out.u64(verdicts_.size());
  for (const Verdict& v : verdicts_) {
    out.u8(static_cast<std::uint8_t>(v.kind));
    out.time(v.at);
    out.i64((v.last_at - v.at).count());
    out.u64(v.count);
    out.u64(v.offset);
    out.text(v.reason);
  }
}

Trace Trace::decode(ByteReader& in) {
  Trace trace;
  trace.omitted_ = in.u64();
  const std::size_t count = in.count();
  trace.verdicts_.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    Verdict v;
    v.kind = static_cast<VerdictKind>(in.u8());
    v.at = in.time();
    v.last_at = v.at + Duration{in.i64()};
    v.count = in.u64();
    v.offset = in.u64();
    v.reason = SharedText::common(in.text());
    trace.verdicts_.push_back(std::move(v));
  }
  return trace;
}

}  // namespace quell
