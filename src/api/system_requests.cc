#include "api/system_requests.h"

#include <algorithm>

#include "api/assets.h"
#include "api/json_views.h"
#include "base/embedded.h"
#include "base/text.h"
#include "base/time.h"

namespace quell {

EmbeddedFiles embedded_api();

namespace {

http::Response text_response(int status, std::string_view text) {
  return {.status = status,
          .headers = {{"content-type", "text/plain; charset=utf-8"}, {"cache-control", "no-store"}},
          .body = std::string(text) + '\n'};
}

http::Response embedded_response(std::string_view path, std::string_view content_type) {
  const auto bytes = find_embedded(embedded_api(), path);
  QUELL_ASSERT(bytes, "the API embeds its documents");
  return {.headers = {{"content-type", std::string(content_type)}, {"cache-control", "no-cache"}},
          .body = std::string(*bytes)};
}

bool names_secret(std::string_view key) {
  const std::string lower = to_lower(key);
  for (const std::string_view part :
       {"token", "secret", "password", "passwd", "credential", "api_key", "apikey"}) {
    if (lower.find(part) != lower.npos) return true;
  }
  return lower == "key" || lower.ends_with("_key");
}

// `scheme://user:password@host` -> `scheme://***@host`.
std::string mask_urls(std::string_view line) {
  std::string out;
  for (;;) {
    const auto scheme = line.find("://");
    if (scheme == line.npos) break;
    const std::string_view rest = line.substr(scheme + 3);
    const auto authority = std::min(rest.find_first_of("/?# \t\"'"), rest.size());
    const auto at = rest.substr(0, authority).rfind('@');
    out += line.substr(0, scheme + 3);
    line = rest;
    if (at == line.npos) continue;
    out += "***";
    line.remove_prefix(at);
  }
  return out + std::string(line);
}

// `https://host/x?key=abc` -> `https://host/x?***`; so in a `path:`.
std::string mask_queries(std::string_view line) {
  std::string out;
  const bool has_path = line.contains("path:");
  for (auto mark = line.find('?'); mark != line.npos; mark = line.find('?', mark)) {
    const std::string_view before = line.substr(0, mark);
    const std::string_view word = before.substr(before.find_last_of(" \t\"'[{(,") + 1);
    ++mark;
    if (!word.contains("://") && !(has_path && word.starts_with('/'))) continue;
    const auto end = std::min(line.find_first_of(" \t\r", mark), line.size());
    const auto last = line.substr(0, end).find_last_not_of("\"',]})");
    out += line.substr(0, mark);
    if (last != line.npos && last >= mark) {
      out += "***";
      mark = last + 1;
    }
    line.remove_prefix(mark);
    mark = 0;
  }
  return out + std::string(line);
}

// One past `headers:`, which may be quoted; npos: it is not there.
std::size_t end_of_headers_key(std::string_view line) {
  constexpr std::string_view kKey = "headers";
  const std::string lower = to_lower(line);
  for (auto at = lower.find(kKey); at != lower.npos; at = lower.find(kKey, at + 1)) {
    auto end = at + kKey.size();
    if (at > 0 && !std::string_view(" \t{,\"'").contains(lower[at - 1])) continue;
    if (end < lower.size() && (lower[end] == '"' || lower[end] == '\'')) ++end;
    while (end < lower.size() && lower[end] == ' ') ++end;
    if (end < lower.size() && lower[end] == ':') return end + 1;
  }
  return line.npos;
}

std::string mask_addresses(std::string_view line) {
  return mask_queries(mask_urls(line));
}

struct YamlLine {
  std::size_t indent = 0;  // Of its key, behind the dashes of list items.
  bool is_item = false;
  std::string_view key{};    // Empty: no `key:` on this line.
  std::string_view value{};  // Behind the colon, trimmed.
};

YamlLine read_line(std::string_view line) {
  YamlLine result;
  std::size_t i = 0;
  // A secret in a comment is one too.
  while (i < line.size() && (line[i] == ' ' || line[i] == '#' || line.substr(i, 2) == "- ")) {
    result.is_item |= line[i] == '-';
    ++i;
  }
  result.indent = i;
  auto colon = line.find(": ", i);
  if (colon == line.npos && line.ends_with(':')) colon = line.size() - 1;
  if (colon == line.npos || i == line.size()) {
    result.value = trim(line.substr(i));
    return result;
  }
  result.key = trim(line.substr(i, colon - i));
  if (result.key.size() > 2 && (result.key[0] == '"' || result.key[0] == '\'')) {
    result.key = result.key.substr(1, result.key.size() - 2);
  }
  result.value = trim(line.substr(colon + 1));
  return result;
}

// `{name: kim, token: abc}` -> `{name: kim, token: "***"}`.
std::string mask_flow(std::string_view line) {
  std::string out;
  for (;;) {
    const auto colon = line.find(": ");
    if (colon == line.npos) return out + std::string(line);
    const std::string_view before = line.substr(0, colon);
    const std::string_view key = before.substr(before.find_last_of("{[, ") + 1);
    out += line.substr(0, colon + 2);
    line.remove_prefix(colon + 2);
    if (!names_secret(key) || line.empty() || line[0] == '[' || line[0] == '{') continue;
    const bool is_quoted = line[0] == '"' || line[0] == '\'';
    const auto end = is_quoted ? line.find(line[0], 1) : line.find_first_of(",}");
    out += "\"***\"";
    if (end == line.npos) return out;
    line.remove_prefix(is_quoted ? end + 1 : end);
  }
}

// Masks one line after the other; remembers a secret key whose value stands on the next lines.
class YamlMask {
 public:
  std::string operator()(std::string_view line) {
    const YamlLine read = read_line(line);
    if (inside_headers_ && (trim(line).empty() || read.indent > headers_indent_)) {
      return masked_header(line, read);
    }
    const auto headers = end_of_headers_key(line);
    inside_headers_ = headers != line.npos;
    if (inside_headers_) {
      headers_indent_ = read.indent;
      inside_secret_ = false;
      const std::string before = mask_line(line.substr(0, headers), read_line(""));
      return trim(line.substr(headers)).empty() ? before : before + " \"***\"";
    }
    return mask_line(line, read);
  }

 private:
  // The values of headers are secrets, whatever their names.
  static std::string masked_header(std::string_view line, const YamlLine& read) {
    if (read.value.empty()) return std::string(line);
    const auto value_at = static_cast<std::size_t>(read.value.data() - line.data());
    return std::string(line.substr(0, value_at)) + "\"***\"";
  }

  std::string mask_line(std::string_view line, const YamlLine& read) {
    if (line.find('{') != line.npos) return mask_addresses(mask_flow(line));
    if (inside_secret_ && !read.value.empty() && read.key.empty() &&
        (read.is_item || read.indent > secret_indent_)) {
      return std::string(line.substr(0, read.indent)) + "***";
    }
    if (read.value.empty() && read.key.empty()) return std::string(line);
    const bool is_secret = !read.key.empty() && names_secret(read.key);
    const bool continues = read.value.empty() || read.value[0] == '|' || read.value[0] == '>';
    inside_secret_ = is_secret && continues;
    secret_indent_ = read.indent;
    if (!is_secret || read.value.empty()) return mask_addresses(line);
    if (continues) return std::string(line);
    const auto value_at = static_cast<std::size_t>(read.value.data() - line.data());
    return std::string(line.substr(0, value_at)) + "\"***\"";
  }

  bool inside_secret_ = false;
  std::size_t secret_indent_ = 0;
  bool inside_headers_ = false;
  std::size_t headers_indent_ = 0;
};

}  // namespace

void write_status(JsonWriter& w, const LiveView& live, Timestamp now) {
  const ServerFacts f = live.facts();
  std::uint64_t open = 0;
  for (const auto s : {IncidentStatus::Open, IncidentStatus::Acknowledged,
                       IncidentStatus::Investigating, IncidentStatus::Mitigated}) {
    open += live.incidents.count(s);
  }
  w.begin_object()
      .field("version", f.version)
      .field("revision", f.revision)
      .field("started_at", f.started_at)
      .field("uptime_seconds", std::chrono::floor<std::chrono::seconds>(now - f.started_at).count())
      .key("journal")
      .begin_object()
      .field("begin_offset", f.journal_begin_offset)
      .field("end_offset", f.journal_end_offset)
      .field("size_bytes", f.journal_size_bytes)
      .field("segments", f.journal_segments)
      .end_object()
      .field("lag_frames", f.lag_frames)
      .field("open_incidents", open)
      .field("firing_alerts", live.alerts.counts().of(AlertStatus::Firing))
      .field("held_alerts", live.alerts.counts().of(AlertStatus::Held))
      .field("events_total", f.events_total)
      .field("deduplicated_total", f.deduplicated_total)
      .field("dead_letters", f.dead_letters)
      .field("watermark", f.watermark)
      .key("metric_history")
      .begin_object()
      .field("bytes", f.metric_history.bytes)
      .field("bytes_max", f.metric_history.bytes_max)
      .field("dropped_bytes", f.metric_history.dropped_bytes)
      .field("is_full", f.metric_history.is_full)
      .field("dropped_blocks", f.metric_history.dropped_blocks)
      .end_object()
      .end_object();
}

Result<Reply> get_status(const Call& call, LiveView& live) {
  return json_response(to_json([&](JsonWriter& w) { write_status(w, live, call.now); }));
}

Result<Reply> get_identity(const Call& call, LiveView&) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().field("name", call.identity.name).key("roles").begin_array();
  for (const auto& [role, name] : {std::pair(Role::Read, "read"), std::pair(Role::Write, "write"),
                                   std::pair(Role::Ingest, "ingest")}) {
    if (allows(call.identity.roles, role)) w.value(std::string_view(name));
  }
  w.end_array().end_object();
  return json_response(std::move(body));
}

Result<Reply> list_sources(const Call&, LiveView& live) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("items").begin_array();
  for (const SourceFacts& source : live.sources()) {
    w.begin_object()
        .field("name", source.name)
        .field("path", source.path)
        .field("kind", source.kind)
        .field("last_event_at", source.last_event_at)
        .field("events", source.events)
        .field("rejected", source.rejected)
        .field("protected", source.is_protected)
        .end_object();
  }
  w.end_array().end_object();
  return json_response(std::move(body));
}

Result<Reply> get_config(const Call&, LiveView& live) {
  std::string body;
  JsonWriter(body)
      .begin_object()
      .field("yaml", mask_secrets(live.config.yaml))
      .field("loaded_at", live.config.loaded_at)
      .field_or_null("path", live.config.path)
      .end_object();
  return json_response(std::move(body));
}

namespace {

http::Response topology_response(const Topology& topology) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("entities").begin_array();
  for (const auto& [entity, owner] : topology.owners()) {
    w.begin_object().field("entity", entity.to_string()).field_or_null("owner", owner).end_object();
  }
  w.end_array().key("edges").begin_array();
  for (const Topology::Edge& edge : topology.edges()) {
    w.begin_object()
        .field("from", edge.from.to_string())
        .field("to", edge.to.to_string())
        .end_object();
  }
  w.end_array().end_object();
  return json_response(std::move(body));
}

}  // namespace

Result<Reply> get_topology(const Call&, LiveView& live) {
  return Deferred([topology = live.topology](const History&) -> Result<http::Response> {
    return topology_response(*topology);
  });
}

http::Response get_healthy(const Call&, const StaticView&) {
  return text_response(200, "OK");
}

http::Response get_ready(const Call&, const StaticView& view) {
  if (view.ready) return text_response(200, "OK");
  auto response = text_response(503, view.not_ready_why.empty() ? "not ready" : view.not_ready_why);
  response.headers.emplace_back("retry-after", "1");
  return response;
}

http::Response get_openapi(const Call&, const StaticView&) {
  auto response = embedded_response("openapi.json", "application/json");
  // Tools of other origins read it; it holds nothing that is not public.
  response.headers.emplace_back("access-control-allow-origin", "*");
  return response;
}

http::Response get_docs(const Call&, const StaticView&) {
  auto response = embedded_response("docs/docs.html", "text/html; charset=utf-8");
  response.headers.emplace_back("content-security-policy", content_security_policy());
  return response;
}

std::string mask_secrets(std::string_view yaml) {
  std::string out;
  YamlMask mask;
  for (const std::string_view line : split(yaml, '\n')) {
    out += mask(line);
    out += '\n';
  }
  out.pop_back();
  return out;
}

}  // namespace quell
