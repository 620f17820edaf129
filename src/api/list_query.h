// List queries: the query parameters that lists share, checked once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/matcher.h"
#include "base/result.h"
#include "http/server.h"
#include "model/alert.h"
#include "model/incident.h"
#include "model/severity.h"

namespace quell {

// All errors are InvalidArgument with the parameter's name as the place.

// Refuses parameters that are not `known`, naming the nearest: a filter that is misspelt must not
// look like one that found everything. `token` is known everywhere.
Status check_parameters(const http::Request& request,
                        std::initializer_list<std::string_view> known);
// `limit`: 1 to `max`.
Result<std::uint32_t> limit_parameter(const http::Request& request, std::uint32_t fallback = 50,
                                      std::uint32_t max = 1000);
// RFC 3339, or a duration before `now` such as `1h`.
Result<std::optional<Timestamp>> time_parameter(const http::Request& request, std::string_view name,
                                                Timestamp now);
Result<std::optional<Severity>> severity_parameter(const http::Request& request,
                                                   std::string_view name);
// `filter`, any number of times; all matchers together.
Result<std::vector<Matcher>> filter_parameter(const http::Request& request);
Result<bool> bool_parameter(const http::Request& request, std::string_view name, bool fallback);
Result<std::optional<std::uint64_t>> number_parameter(const http::Request& request,
                                                      std::string_view name);
Result<IncidentId> incident_parameter(const http::Request& request);
// The words of `q`, in lower case.
std::vector<std::string> word_parameter(const http::Request& request);

// Cursors: opaque for clients; a letter for the kind and numbers.
struct Cursor {
  char kind = 0;  // 0: none was given.
  std::uint64_t position = 0;
  std::uint64_t index = 0;
};
std::string format_cursor(const Cursor& cursor);
// `kinds`: the letters that this list gives out.
Result<Cursor> cursor_parameter(const http::Request& request, std::string_view kinds);

struct AlertFilter {
  std::uint8_t statuses = 0;  // Bits by AlertStatus; 0: all.
  std::optional<Severity> severity_min{};
  std::vector<Matcher> matchers{};   // On labels.
  std::vector<std::string> words{};  // In title, entity, source or label values; in lower case.
  IncidentId incident = 0;
  std::string tenant{};

  bool matches(const Alert& alert) const;
  // Only statuses are asked for: counts answer how many there are.
  bool is_by_status_only() const;
};
Result<AlertFilter> alert_filter(const http::Request& request);

// Whether all `words` (in lower case) occur in the texts that `alert` shows.
bool has_words(const Alert& alert, const std::vector<std::string>& words);

struct IncidentFilter {
  std::uint8_t statuses = 0;  // Bits by IncidentStatus; 0: all.
  int severity_max = 5;
  std::vector<Matcher> matchers{};
  std::vector<std::string> words{};  // In id, title, assignee, or the entities of its members.
  std::optional<Timestamp> since{};
  std::optional<Timestamp> until{};
  std::string tenant{};
  bool asks_labels = false;  // A matcher names neither a pseudo-label nor `entity`.

  bool wants(IncidentStatus status) const {
    return statuses == 0 || (statuses >> static_cast<unsigned>(status) & 1) != 0;
  }
  bool is_by_status_only() const;

  // `find_alert(fingerprint)` gives the labels of a member, null when it is gone. One member must
  // satisfy all matchers; the first kMembersAsked are tried.
  template <class FindLabels>
  bool matches(const Incident& incident, FindLabels&& find_labels) const {
    if (!matches_itself(incident)) return false;
    if (matchers.empty()) return true;
    if (!asks_members() || incident.members.empty()) {
      return matches_member(incident, nullptr, nullptr);
    }
    const std::size_t count = std::min(incident.members.size(), kMembersAsked);
    for (std::size_t i = 0; i < count; ++i) {
      const Member& member = incident.members[i];
      const LabelSet* labels = asks_labels ? find_labels(member.fingerprint) : nullptr;
      if (matches_member(incident, &member, labels)) return true;
    }
    return false;
  }

  static constexpr std::size_t kMembersAsked = 200;
  // Everything but the matchers.
  bool matches_itself(const Incident& incident) const;
  bool asks_members() const;
  bool matches_member(const Incident& incident, const Member* member, const LabelSet* labels) const;
};
Result<IncidentFilter> incident_filter(const http::Request& request, Timestamp now);
// Sets `asks_labels`.
void set_matchers(IncidentFilter& filter, std::vector<Matcher> matchers);

}  // namespace quell
