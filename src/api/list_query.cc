#include "api/list_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "base/time.h"

namespace quell {
namespace {

std::unexpected<Error> bad_parameter(std::string_view name, std::string message) {
  return fail(Errc::InvalidArgument, std::move(message), std::string(name));
}

template <class T>
std::optional<T> whole_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string in_quotes(std::string_view text) {
  return fmt::format("'{}'", utf8_prefix(text, 64));
}

constexpr std::array<std::string_view, 4> kPseudoLabels{"status", "severity", "title", "assignee"};

bool is_pseudo(std::string_view name) {
  return std::ranges::find(kPseudoLabels, name) != kPseudoLabels.end();
}

bool has_word(const Incident& incident, const std::string& word) {
  if (contains_ignore_case(incident.title, word) || contains_ignore_case(incident.assignee, word) ||
      contains_ignore_case(format_incident_id(incident.id), word)) {
    return true;
  }
  const std::size_t count = std::min(incident.members.size(), IncidentFilter::kMembersAsked);
  for (std::size_t i = 0; i < count; ++i) {
    if (contains_ignore_case(incident.members[i].entity.name, word)) return true;
  }
  return false;
}

}  // namespace

Status check_parameters(const http::Request& request,
                        std::initializer_list<std::string_view> known) {
  for (const std::string& name : request.parameter_names()) {
    if (name == "token" || std::ranges::find(known, name) != known.end()) continue;
    const auto near = nearest_word(name, {known.begin(), known.size()});
    return bad_parameter(
        utf8_prefix(name, 64),
        near ? fmt::format("there is no parameter {}, did you mean '{}'?", in_quotes(name), *near)
             : fmt::format("there is no parameter {}; there {} {}", in_quotes(name),
                           known.size() == 1 ? "is" : "are", fmt::join(known, ", ")));
  }
  return {};
}

Result<std::uint32_t> limit_parameter(const http::Request& request, std::uint32_t fallback,
                                      std::uint32_t max) {
  const std::string text = request.parameter("limit");
  if (text.empty()) return fallback;
  const auto value = whole_number<std::uint32_t>(text);
  if (!value || *value == 0 || *value > max) {
    return bad_parameter("limit",
                         fmt::format("{} is not a number from 1 to {}", in_quotes(text), max));
  }
  return *value;
}

Result<std::optional<Timestamp>> time_parameter(const http::Request& request, std::string_view name,
                                                Timestamp now) {
  const std::string text = request.parameter(name);
  if (text.empty()) return std::optional<Timestamp>{};
  if (const auto age = parse_duration(text)) return std::optional<Timestamp>{now - *age};
  if (const auto time = parse_rfc3339(text)) return std::optional<Timestamp>{*time};
  return bad_parameter(
      name, fmt::format("{} is neither a time such as 2026-11-21T08:00:00Z nor a duration "
                        "such as 1h",
                        in_quotes(text)));
}

Result<std::optional<Severity>> severity_parameter(const http::Request& request,
                                                   std::string_view name) {
  const std::string text = request.parameter(name);
  if (text.empty()) return std::optional<Severity>{};
  for (const Severity s :
       {Severity::Info, Severity::Warning, Severity::Error, Severity::Critical}) {
    if (severity_name(s) == text) return std::optional<Severity>{s};
  }
  return bad_parameter(
      name, fmt::format("{} is not one of info, warning, error, critical", in_quotes(text)));
}

Result<std::vector<Matcher>> filter_parameter(const http::Request& request) {
  std::vector<Matcher> matchers;
  for (const std::string& text : request.parameters("filter")) {
    auto parsed = parse_matchers(text);
    if (!parsed) return bad_parameter("filter", std::move(parsed).error().message);
    std::ranges::move(*parsed, std::back_inserter(matchers));
  }
  return matchers;
}

Result<bool> bool_parameter(const http::Request& request, std::string_view name, bool fallback) {
  const std::string text = request.parameter(name);
  if (text.empty()) return fallback;
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return bad_parameter(name, fmt::format("{} is neither true nor false", in_quotes(text)));
}

Result<std::optional<std::uint64_t>> number_parameter(const http::Request& request,
                                                      std::string_view name) {
  const std::string text = request.parameter(name);
  if (text.empty()) return std::optional<std::uint64_t>{};
  const auto value = whole_number<std::uint64_t>(text);
  if (!value) return bad_parameter(name, fmt::format("{} is not a whole number", in_quotes(text)));
  return std::optional<std::uint64_t>{*value};
}

Result<IncidentId> incident_parameter(const http::Request& request) {
  const std::string text = request.parameter("incident");
  if (text.empty()) return IncidentId{0};
  const auto id = parse_incident_id(text);
  if (!id) return bad_parameter("incident", id.error().message);
  return *id;
}

std::vector<std::string> word_parameter(const http::Request& request) {
  std::vector<std::string> words;
  const std::string text = to_lower(request.parameter("q"));
  for (const std::string_view word : split(text, ' ')) {
    if (!trim(word).empty()) words.emplace_back(trim(word));
  }
  return words;
}

std::string format_cursor(const Cursor& cursor) {
  return cursor.index == 0 ? fmt::format("{}{}", cursor.kind, cursor.position)
                           : fmt::format("{}{}-{}", cursor.kind, cursor.position, cursor.index);
}

Result<Cursor> cursor_parameter(const http::Request& request, std::string_view kinds) {
  const std::string text = request.parameter("cursor");
  if (text.empty()) return Cursor{};
  const auto dash = std::min(text.find('-'), text.size());
  const auto position = whole_number<std::uint64_t>(std::string_view(text).substr(1, dash - 1));
  const auto index = dash == text.size()
                         ? std::optional<std::uint64_t>(0)
                         : whole_number<std::uint64_t>(std::string_view(text).substr(dash + 1));
  if (kinds.find(text[0]) == kinds.npos || !position || !index) {
    return bad_parameter("cursor", fmt::format("{} is not a cursor of this list", in_quotes(text)));
  }
  return Cursor{.kind = text[0], .position = *position, .index = *index};
}

bool has_words(const Alert& alert, const std::vector<std::string>& words) {
  return std::ranges::all_of(words, [&](const std::string& word) {
    if (contains_ignore_case(alert.title, word) || contains_ignore_case(alert.source, word) ||
        contains_ignore_case(alert.entity.name, word)) {
      return true;
    }
    return std::any_of(alert.labels.begin(), alert.labels.end(),
                       [&](const Label label) { return contains_ignore_case(label.value, word); });
  });
}

bool AlertFilter::matches(const Alert& alert) const {
  if (statuses != 0 && (statuses >> static_cast<unsigned>(alert.status) & 1) == 0) return false;
  if (severity_min && alert.severity < *severity_min) return false;
  if (incident != 0 && alert.incident != incident) return false;
  if (!tenant.empty() && alert.key.tenant != tenant) return false;
  for (const Matcher& matcher : matchers) {
    if (!matcher.matches(alert.labels.get(matcher.name()))) return false;
  }
  return words.empty() || has_words(alert, words);
}

bool AlertFilter::is_by_status_only() const {
  return !severity_min && matchers.empty() && words.empty() && incident == 0 && tenant.empty();
}

Result<AlertFilter> alert_filter(const http::Request& request) {
  TRY_STATUS(check_parameters(
      request, {"status", "severity_min", "filter", "q", "incident", "tenant", "limit", "cursor"}));
  AlertFilter filter;
  for (const std::string& word : request.parameters("status")) {
    std::uint8_t bit = 0;
    for (const AlertStatus s : {AlertStatus::Firing, AlertStatus::Held, AlertStatus::Resolved}) {
      if (alert_status_name(s) == word) bit = static_cast<std::uint8_t>(1u << static_cast<int>(s));
    }
    if (bit == 0) {
      return bad_parameter("status",
                           fmt::format("{} is not one of firing, held, resolved", in_quotes(word)));
    }
    filter.statuses |= bit;
  }
  TRY(filter.severity_min, severity_parameter(request, "severity_min"));
  TRY(filter.matchers, filter_parameter(request));
  TRY(filter.incident, incident_parameter(request));
  filter.words = word_parameter(request);
  filter.tenant = request.parameter("tenant");
  return filter;
}

bool IncidentFilter::is_by_status_only() const {
  return severity_max == 5 && matchers.empty() && words.empty() && !since && !until &&
         tenant.empty();
}

bool IncidentFilter::matches_itself(const Incident& incident) const {
  if (!wants(incident.status) || incident.severity > severity_max) return false;
  if (since && incident.updated_at < *since) return false;
  if (until && incident.updated_at > *until) return false;
  if (!tenant.empty() && incident.tenant != tenant) return false;
  return std::ranges::all_of(words,
                             [&](const std::string& word) { return has_word(incident, word); });
}

bool IncidentFilter::asks_members() const {
  return std::ranges::any_of(matchers, [](const Matcher& m) { return !is_pseudo(m.name()); });
}

bool IncidentFilter::matches_member(const Incident& incident, const Member* member,
                                    const LabelSet* labels) const {
  return std::ranges::all_of(matchers, [&](const Matcher& m) {
    if (m.name() == "status") return m.matches(incident_status_name(incident.status));
    if (m.name() == "severity") return m.matches(std::to_string(incident.severity));
    if (m.name() == "title") return m.matches(incident.title);
    if (m.name() == "assignee") return m.matches(incident.assignee);
    if (m.name() == "entity") {
      return m.matches(member == nullptr ? std::string() : member->entity.to_string());
    }
    return m.matches(labels == nullptr ? std::string_view() : labels->get(m.name()));
  });
}

void set_matchers(IncidentFilter& filter, std::vector<Matcher> matchers) {
  filter.matchers = std::move(matchers);
  filter.asks_labels = std::ranges::any_of(filter.matchers, [](const Matcher& m) {
    return !is_pseudo(m.name()) && m.name() != "entity";
  });
}

Result<IncidentFilter> incident_filter(const http::Request& request, Timestamp now) {
  TRY_STATUS(check_parameters(request, {"status", "severity_max", "filter", "q", "since", "until",
                                        "tenant", "limit", "cursor"}));
  IncidentFilter filter;
  for (const std::string& word : request.parameters("status")) {
    const auto status = parse_incident_status(word);
    if (!status) {
      return bad_parameter("status",
                           fmt::format("{} is not one of open, acknowledged, investigating, "
                                       "mitigated, resolved, closed",
                                       in_quotes(word)));
    }
    filter.statuses |= static_cast<std::uint8_t>(1u << static_cast<unsigned>(*status));
  }
  if (const std::string text = request.parameter("severity_max"); !text.empty()) {
    const auto value = whole_number<int>(text);
    if (!value || *value < 1 || *value > 5) {
      return bad_parameter("severity_max",
                           fmt::format("{} is not a number from 1 to 5", in_quotes(text)));
    }
    filter.severity_max = *value;
  }
  TRY(auto matchers, filter_parameter(request));
  set_matchers(filter, std::move(matchers));
  filter.words = word_parameter(request);
  TRY(filter.since, time_parameter(request, "since", now));
  TRY(filter.until, time_parameter(request, "until", now));
  filter.tenant = request.parameter("tenant");
  return filter;
}

}  // namespace quell
