#include "normalize/check_pack.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "model/event_json.h"
#include "normalize/pack_decoder.h"

namespace quell {
namespace {

std::string_view plural(std::size_t n) {
  return n == 1 ? "" : "s";
}

std::string describe_signature(const PackReport& report) {
  if (!report.signature_checked) return "not checked (no secret given)";
  return report.signature_refused.empty() ? "valid" : "refused: " + report.signature_refused;
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> parse_header_lines(std::string_view text,
                                                                            std::string_view file) {
  std::vector<std::pair<std::string, std::string>> headers;
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    line = trim(line);
    if (line.empty() || line.starts_with('#')) continue;
    const auto colon = line.find(':');
    if (colon == line.npos || colon == 0) {
      return fail(Errc::InvalidArgument,
                  fmt::format("'{}' is no header such as 'Name: value'", line),
                  fmt::format("{}:{}", file, number));
    }
    headers.emplace_back(to_lower(trim(line.substr(0, colon))), trim(line.substr(colon + 1)));
  }
  return headers;
}

Result<PackReport> check_pack(const PackSample& sample) {
  TRY(const Pack pack, parse_pack(sample.pack_text, sample.pack_file));
  Frame frame{.arrived_at = sample.arrived_at, .source = "pack/" + pack.name};
  for (const auto& [name, value] : sample.headers)
    frame.headers.emplace_back(to_lower(name), value);
  frame.content_type = frame.header("content-type");
  frame.body = sample.body;
  PackScratch scratch;
  PackReport report{.name = pack.name, .title = pack.title};
  std::vector<Scope::Miss> misses;
  report.decoded = decode_with_pack(pack, frame, scratch, {}, &misses);
  for (Scope::Miss& miss : misses) {
    if (std::ranges::find(report.misses, miss) == report.misses.end()) {
      report.misses.push_back(std::move(miss));
    }
  }
  if (sample.secret.empty()) return report;
  report.signature_checked = true;
  const Status status = verify_signature(
      pack.signature, sample.secret,
      {.headers = frame.headers, .query = sample.query, .body = sample.body}, sample.arrived_at);
  if (!status) report.signature_refused = status.error().message;
  return report;
}

std::string render_text(const PackReport& report) {
  const Decoded& decoded = report.decoded;
  std::string out = fmt::format("pack: {} ({})\nsignature: {}\n", report.name, report.title,
                                describe_signature(report));
  out += fmt::format("{} event{}, {} refused, {} ignored\n", decoded.events.size(),
                     plural(decoded.events.size()), decoded.rejected.size(), decoded.ignored);
  for (const Event& event : decoded.events) out += '\n' + render_event_json(event);
  for (const Rejected& rejected : decoded.rejected) {
    out += fmt::format("\nrefused{}{}: {}\n  {}\n", rejected.place.empty() ? "" : " at ",
                       rejected.place, rejected.reason, printable(rejected.excerpt));
  }
  if (!report.misses.empty()) out += "\npointers that found nothing:\n";
  for (const Scope::Miss& miss : report.misses) {
    out += fmt::format("  {:<24} {}\n", miss.what, miss.pointer);
  }
  return out;
}

std::string render_json(const PackReport& report) {
  std::string compact;
  JsonWriter w(compact);
  w.begin_object()
      .field("pack", report.name)
      .field("good", report.good())
      .field("signature", describe_signature(report))
      .field_raw("decoded", render_decoded_json(report.decoded));
  w.key("pointers_that_found_nothing").begin_array();
  for (const Scope::Miss& miss : report.misses) {
    w.begin_object().field("for", miss.what).field("pointer", miss.pointer).end_object();
  }
  w.end_array().end_object();
  return indent_json(compact) + '\n';
}

}  // namespace quell
