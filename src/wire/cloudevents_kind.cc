#include "wire/cloudevents_kind.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace quell::wire {
namespace {

constexpr std::array<std::string_view, 27> kChangeWords{
    "deploy",   "deployed",    "deployment", "deployments",   "push",     "pushed",     "merge",
    "merged",   "config",      "configmap",  "configuration", "scale",    "scaled",     "scaling",
    "release",  "released",    "releases",   "rollout",       "rollback", "rolledback", "migration",
    "migrated", "featureflag", "flag",       "autoscaling",   "upgrade",  "upgraded"};

constexpr std::array<std::string_view, 13> kEntityKinds{
    "service", "workload", "pod",  "node",      "host",    "database", "cache",
    "queue",   "topic",    "team", "namespace", "cluster", "instance"};

constexpr std::array<std::string_view, 13> kEnvironments{
    "prod", "production", "staging", "stage",  "dev",     "development", "test",
    "qa",   "uat",        "live",    "canary", "preprod", "sandbox"};

template <std::size_t N>
bool has(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::optional<EventStatus> status_word(std::string_view word) {
  const std::string lower = to_lower(word);
  if (lower == "firing") return EventStatus::Firing;
  if (lower == "resolved") return EventStatus::Resolved;
  if (lower == "acknowledged") return EventStatus::Acknowledged;
  return std::nullopt;
}

// In a type, more words are clear than in a free text field.
std::optional<EventStatus> type_word(std::string_view word) {
  const std::string lower = to_lower(word);
  if (lower == "fired" || lower == "triggered" || lower == "opened") return EventStatus::Firing;
  if (lower == "recovered" || lower == "closed" || lower == "cleared") return EventStatus::Resolved;
  if (lower == "acked") return EventStatus::Acknowledged;
  return status_word(lower);
}

std::string_view last_segment(std::string_view type) {
  const auto dot = type.rfind('.');
  return dot == type.npos ? type : type.substr(dot + 1);
}

std::string_view without_last_segment(std::string_view type) {
  const auto dot = type.rfind('.');
  return dot == type.npos ? std::string_view{} : type.substr(0, dot);
}

std::string_view without_version(std::string_view type) {
  const std::string_view last = last_segment(type);
  const bool is_version = last.size() >= 2 && (last[0] == 'v' || last[0] == 'V') &&
                          last.find_first_not_of("0123456789", 1) == last.npos;
  const std::string_view rest = without_last_segment(type);
  return is_version && !rest.empty() ? rest : type;
}

bool ends_in_alert(std::string_view type) {
  const std::string_view last = last_segment(type);
  return equals_ignore_case(last, "alert") || equals_ignore_case(last, "alerts");
}

// The status of a type that names an alert; empty for other types.
std::optional<EventStatus> alert_type(std::string_view type) {
  type = without_version(type);
  if (ends_in_alert(type)) return EventStatus::None;
  const auto status = type_word(last_segment(type));
  if (status && ends_in_alert(without_last_segment(type))) return status;
  return std::nullopt;
}

// Walks the words of `Acme.DeploymentCompleted/feature_flag`: acme deployment completed feature
// flag.
bool speaks_of_change(std::string_view type) {
  std::string word;
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  for (std::size_t i = 0; i <= type.size(); ++i) {
    const char c = i < type.size() ? type[i] : '.';
    const bool begins = is_upper(c) && i > 0 && is_lower(type[i - 1]);
    if (begins || (!is_lower(c) && !is_upper(c))) {
      if (has(kChangeWords, word)) return true;
      word.clear();
    }
    if (is_upper(c)) word += static_cast<char>(c - 'A' + 'a');
    if (is_lower(c)) word += c;
  }
  return false;
}

}  // namespace

EventMeaning kind_of(std::string_view type, std::string_view status_extension,
                     std::string_view data_status) {
  if (const auto status = status_word(status_extension)) return {EventKind::Alert, *status};
  const auto said = status_word(data_status);
  if (const auto status = alert_type(type)) {
    if (*status != EventStatus::None) return {EventKind::Alert, *status};
    return {EventKind::Alert, said.value_or(EventStatus::Firing)};
  }
  if (speaks_of_change(type)) return {EventKind::Change, EventStatus::None};
  if (said) return {EventKind::Alert, *said};
  return {};
}

std::string_view alert_name_of_type(std::string_view type) {
  const std::string_view name = without_version(type);
  const std::string_view rest = without_last_segment(name);
  return type_word(last_segment(name)) && !rest.empty() ? rest : name;
}

Entity entity_of_subject(std::string_view subject) {
  if (subject.empty() || subject.find(' ') != subject.npos) return {};
  const auto colon = subject.find(':');
  if (colon != subject.npos && colon + 1 < subject.size() &&
      has(kEntityKinds, subject.substr(0, colon))) {
    return parse_entity(subject);
  }
  const auto slash = subject.rfind('/');
  if (slash != subject.npos && slash > 0 && has(kEnvironments, subject.substr(slash + 1))) {
    subject = subject.substr(0, slash);
  }
  return {"service", std::string(subject)};
}

}  // namespace quell::wire
