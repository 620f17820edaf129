#include "api/model_requests.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/list_query.h"
#include "base/json.h"
#include "detect/model_file.h"
#include "model/command.h"
#include "promql/expr.h"

namespace quell {
namespace {

// Of one page: what the core does for them is done within about 20 ms.
constexpr std::uint32_t kPageDefault = 2000;
constexpr std::uint32_t kPageMax = 2000;
constexpr std::size_t kPageBytesMax = 4 << 20;
constexpr std::size_t kLooksMax = 200'000;  // Series looked at.

bool fits(const promql::Selector& selector, const Series& series) {
  return std::ranges::all_of(
      selector.matchers, [&](const Matcher& m) { return m.matches(series.labels.get(m.name())); });
}

}  // namespace

Result<Reply> export_models(const Call& call, LiveView& live) {
  TRY_STATUS(check_parameters(call.request, {"series", "tenant", "after", "limit"}));
  TRY(const auto limit, limit_parameter(call.request, kPageDefault, kPageMax));
  TRY(const auto after, number_parameter(call.request, "after"));
  promql::Selector selector;
  if (const std::string text = call.request.parameter("series"); !text.empty()) {
    auto parsed = promql::parse_selector(text);
    if (!parsed) return fail(Errc::InvalidArgument, parsed.error().message, "series");
    selector = *std::move(parsed);
  }
  const std::string tenant = call.request.parameter("tenant");
  ModelFile file;
  const std::size_t end = live.series == nullptr ? 0 : live.series->slot_count();
  std::size_t looks = 0;
  std::size_t bytes = 0;
  for (std::size_t at = after.value_or(0); at < end && live.detector != nullptr; ++at) {
    if (file.models.size() == limit || bytes > kPageBytesMax || ++looks > kLooksMax) {
      file.next = at;
      break;
    }
    const auto slot = static_cast<SeriesSlot>(at);
    const auto& series = live.series->series(slot);
    if (series == nullptr || (!tenant.empty() && series->tenant != tenant)) continue;
    if (!fits(selector, *series) || live.detector->model(slot).samples == 0) continue;
    file.models.push_back({series->tenant, series->labels, live.detector->save(slot)});
    bytes += series->labels.bytes().size() + file.models.back().model.size();
    if (live.watches == nullptr) continue;
    if (auto own = live.watches->exported(slot, *live.series)) {
      bytes += own->state.size();
      file.detectors.push_back(*std::move(own));
    }
  }
  return http::Response{.headers = {{"content-type", "application/octet-stream"},
                                    {"content-disposition", "attachment; filename=\"models\""},
                                    {"cache-control", "no-store"}},
                        .body = encode_model_file(file)};
}

Result<Reply> import_models(const Call& call, LiveView&) {
  TRY_STATUS(check_parameters(call.request, {"actor"}));
  TRY(const ModelFile file, decode_model_file(call.request.body));
  Command command{.kind = CommandKind::ImportModels,
                  .actor = call.request.parameter("actor"),
                  .data = call.request.body};
  if (command.actor.size() > 200) {
    return fail(Errc::InvalidArgument, "it has more than 200 bytes", "actor");
  }
  if (command.actor.empty()) {
    command.actor = call.identity.name.empty() ? "api" : call.identity.name;
  }
  Submission submission{
      .kind = FrameKind::Command, .source = "api", .body = encode_command(command)};
  submission.answer = [](LiveView&, const Applied& applied) {
    std::string text;
    JsonWriter(text)
        .begin_object()
        .field("imported", applied.count)
        .field("waiting", applied.waiting)
        .field("offset", applied.offset)
        .end_object();
    return json_response(std::move(text));
  };
  return submission;
}

}  // namespace quell
