#include "normalize/check_pack.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "model/event_json.h"
#include "normalize/pack_decoder.h"

namespace quell {
namespace {

std::string_view plural(std::size_t n) {
  return n == 1 ? "" : "s";
}

std::string describe_signature(const Pack& pack, const PackSample& sample,
                               const std::vector<std::pair<std::string, std::string>>& headers) {
  if (sample.secret.empty()) return "signature: not checked (no secret given)\n";
  const Status status = verify_signature(
      pack.signature, sample.secret,
      {.headers = headers, .query = sample.query, .body = sample.body}, sample.arrived_at);
  return status ? "signature: valid\n" : "signature: refused: " + status.error().message + '\n';
}

std::string describe_misses(std::vector<Scope::Miss> misses) {
  if (misses.empty()) return {};
  std::string text = "\npointers that found nothing:\n";
  std::vector<Scope::Miss> shown;
  for (Scope::Miss& miss : misses) {
    if (std::ranges::find(shown, miss) != shown.end()) continue;
    text += fmt::format("  {:<24} {}\n", miss.what, miss.pointer);
    shown.push_back(std::move(miss));
  }
  return text;
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

Result<std::string> check_pack(const PackSample& sample) {
  TRY(const Pack pack, parse_pack(sample.pack_text, sample.pack_file));
  Frame frame{.arrived_at = sample.arrived_at, .source = "pack/" + pack.name};
  for (const auto& [name, value] : sample.headers)
    frame.headers.emplace_back(to_lower(name), value);
  frame.content_type = frame.header("content-type");
  frame.body = sample.body;
  PackScratch scratch;
  std::vector<Scope::Miss> misses;
  const Decoded decoded = decode_with_pack(pack, frame, scratch, {}, &misses);

  std::string out = fmt::format("pack: {} ({})\n", pack.name, pack.title);
  out += describe_signature(pack, sample, frame.headers);
  out += fmt::format("{} event{}, {} refused, {} ignored\n", decoded.events.size(),
                     plural(decoded.events.size()), decoded.rejected.size(), decoded.ignored);
  for (const Event& event : decoded.events) out += '\n' + render_event_json(event);
  for (const Rejected& rejected : decoded.rejected) {
    out += fmt::format("\nrefused{}{}: {}\n  {}\n", rejected.place.empty() ? "" : " at ",
                       rejected.place, rejected.reason, rejected.excerpt);
  }
  return out + describe_misses(std::move(misses));
}

}  // namespace quell
