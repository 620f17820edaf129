#include "app/ingest_answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/decoders.h"
#include "base/json.h"

namespace quell {
namespace {

constexpr std::size_t kRejectedListed = 100;

void write_rejected(JsonWriter& w, const std::vector<Rejected>& rejected) {
  w.key("rejected").begin_array();
  for (std::size_t i = 0; i < std::min(rejected.size(), kRejectedListed); ++i) {
    w.begin_object().field("reason", rejected[i].reason);
    w.field_or_null("place", rejected[i].place);
    w.end_object();
  }
  w.end_array();
}

bool is_pack(std::string_view source) {
  return std::ranges::find(kBuiltInKinds, source) == std::end(kBuiltInKinds);
}

}  // namespace

http::Response ingest_answer(const Frame& frame, const FrameOutcome& outcome,
                             std::string_view external_url) {
  if (outcome.reply.status != 0) {
    http::Response response{.status = outcome.reply.status, .body = outcome.reply.body};
    if (!outcome.reply.content_type.empty()) {
      response.headers.emplace_back("content-type", outcome.reply.content_type);
    }
    for (const auto& header : outcome.reply.headers) response.headers.push_back(header);
    return response;
  }
  const auto& rejected = outcome.rejected;
  const bool not_json = !rejected.empty() && rejected.front().reason.contains("not valid JSON");
  const bool refused =
      outcome.accepted == 0 && !rejected.empty() && (not_json || !is_pack(frame.source));
  std::string body;
  JsonWriter w(body);
  w.begin_object();
  if (refused) {
    const Rejected& first = rejected.front();
    w.field("type", "about:blank").field("title", "Bad Request").field("status", 400);
    w.field("detail", first.place.empty() ? first.reason : first.place + ": " + first.reason);
    w.field("code", "invalid_argument");
  } else {
    w.field("status", "accepted");
  }
  w.field("accepted", outcome.accepted).field("duplicates", outcome.duplicates);
  w.field("offset", frame.offset);
  if (!rejected.empty()) write_rejected(w, rejected);
  if (frame.source == "alertmanager") {
    w.key("report_urls").begin_array();
    for (const AlertKey& alert : outcome.alerts) {
      w.value(fmt::format("{}/alerts/{}", external_url, format_fingerprint(alert.fingerprint)));
    }
    w.end_array();
  }
  w.end_object();
  return {.status = refused ? 400 : 202,
          .headers = {{"content-type", refused ? "application/problem+json" : "application/json"}},
          .body = std::move(body)};
}

}  // namespace quell
