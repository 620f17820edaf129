#include "api/alertmanager_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <unordered_map>

#include "api/json_views.h"
#include "api/list_query.h"
#include "api/problem.h"
#include "base/matcher.h"
#include "base/text.h"

namespace quell {
namespace {

// A firing alert without a lease (a webhook's) is shown to end this long after now.
constexpr Duration kResolveTimeout = std::chrono::minutes(5);
constexpr std::size_t kAlertBytesGuess = 640;

// Alertmanager's own errors are a bare JSON text, or this object for a wrong parameter.
http::Response am_error(std::string_view message) {
  std::string body;
  append_json_string(body, message);
  return json_response(std::move(body), 400);
}

http::Response am_wrong_bool(std::string_view name, std::string_view text) {
  std::string body;
  JsonWriter(body)
      .begin_object()
      .field("code", 601)
      .field("message", fmt::format("{} in query must be of type boolean: \"{}\"", name,
                                    utf8_prefix(text, 64)))
      .end_object();
  return json_response(std::move(body), 422);
}

struct AmFilter {
  bool active = true;
  bool unprocessed = true;
  bool receiver_matches = true;
  std::vector<Matcher> matchers{};

  bool matches(const Alert& alert, Timestamp now) const {
    if (alert.status == AlertStatus::Resolved || !receiver_matches) return false;
    if (alert.lease_until && *alert.lease_until < now) return false;
    if (alert.status == AlertStatus::Firing ? !active : !unprocessed) return false;
    return std::ranges::all_of(
        matchers, [&](const Matcher& m) { return m.matches(alert.labels.get(m.name())); });
  }
};

// The filter, or the answer to a request whose parameters are wrong.
std::variant<AmFilter, http::Response> read_filter(const Call& call, std::string_view receiver) {
  AmFilter filter;
  const http::Request& request = call.request;
  bool ignored = true;  // Nothing is silenced, inhibited or muted.
  for (const auto& [name, target] : {std::pair<std::string_view, bool*>{"active", &filter.active},
                                     {"unprocessed", &filter.unprocessed},
                                     {"silenced", &ignored},
                                     {"inhibited", &ignored},
                                     {"muted", &ignored}}) {
    const auto value = bool_parameter(request, name, true);
    if (!value) return am_wrong_bool(name, request.parameter(name));
    *target = *value;
  }
  auto matchers = filter_parameter(request);
  if (!matchers) return am_error(matchers.error().message);
  filter.matchers = std::move(*matchers);
  if (const std::string text = request.parameter("receiver"); !text.empty()) {
    const auto matcher = Matcher::make("receiver", MatchOp::Regex, text);
    if (!matcher) {
      return am_error("failed to parse receiver param: " + matcher.error().message);
    }
    filter.receiver_matches = matcher->matches(receiver);
  }
  return filter;
}

// Times as Alertmanager prints them, always with three digits of a second. The date is remembered:
// the alerts of one answer are mostly of one day.
class AmTimeWriter {
 public:
  void append(std::string& out, Timestamp t) {
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(t);
    const auto day = std::chrono::floor<std::chrono::days>(ms);
    if (day != day_ || date_.empty()) {
      const std::chrono::year_month_day date{day};
      date_ = fmt::format("\"{:04}-{:02}-{:02}T", static_cast<int>(date.year()),
                          static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
      day_ = day;
    }
    const auto of_day = static_cast<std::uint32_t>((ms - day).count());
    char text[] = "00:00:00.000Z\"";
    digits(text, of_day / 3'600'000);
    digits(text + 3, of_day / 60'000 % 60);
    digits(text + 6, of_day / 1000 % 60);
    text[9] = static_cast<char>('0' + of_day % 1000 / 100);
    digits(text + 10, of_day % 100);
    out += date_;
    out.append(text, sizeof text - 1);
  }

 private:
  static void digits(char* at, std::uint32_t two) {
    at[0] = static_cast<char>('0' + two / 10);
    at[1] = static_cast<char>('0' + two % 10);
  }
  std::chrono::sys_days day_{};
  std::string date_;
};

void append_labels(std::string& out, const LabelSet& labels) {
  out += '{';
  bool first = true;
  for (const Label label : labels) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, label.name);
    out += ':';
    append_json_string(out, label.value);
  }
  out += '}';
}

std::string_view generator_url(const Alert& alert) {
  return alert.links.empty() ? std::string_view() : std::string_view(alert.links.front().href);
}

// Writes many alerts into one text; holds what all of them share.
class AmAlertWriter {
 public:
  AmAlertWriter(std::string_view receiver, Timestamp now) : now_(now) {
    receivers_ = "\",\"receivers\":[{\"name\":";
    append_json_string(receivers_, receiver);
    receivers_ += "}],\"startsAt\":";
  }

  void append(std::string& out, const Alert& alert) {
    out += "{\"annotations\":";
    append_labels(out, alert.annotations);
    out += ",\"endsAt\":";
    time_.append(out, alert.lease_until.value_or(now_ + kResolveTimeout));
    out += ",\"fingerprint\":\"";
    append_fingerprint(out, alert.key.fingerprint);
    out += receivers_;
    time_.append(out, alert.starts_at);
    out += ",\"status\":{\"inhibitedBy\":[],\"mutedBy\":[],\"silencedBy\":[],\"state\":\"";
    out += alert.status == AlertStatus::Held ? "unprocessed" : "active";
    out += "\"},\"updatedAt\":";
    time_.append(out, alert.last_received_at);
    if (const std::string_view url = generator_url(alert); !url.empty()) {
      out += ",\"generatorURL\":";
      append_json_string(out, url);
    }
    out += ",\"labels\":";
    append_labels(out, alert.labels);
    out += '}';
  }

 private:
  static void append_fingerprint(std::string& out, Fingerprint fingerprint) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      out += "0123456789abcdef"[fingerprint >> shift & 15];
    }
  }

  Timestamp now_;
  std::string receivers_;
  AmTimeWriter time_;
};

void sort_by_fingerprint(std::vector<AlertSnapshot>& alerts) {
  std::vector<std::pair<Fingerprint, std::size_t>> order;
  order.reserve(alerts.size());
  for (std::size_t i = 0; i < alerts.size(); ++i) {
    order.emplace_back(alerts[i]->key.fingerprint, i);
  }
  std::ranges::sort(order);
  std::vector<AlertSnapshot> sorted;
  sorted.reserve(alerts.size());
  for (const auto& [fingerprint, i] : order) sorted.push_back(std::move(alerts[i]));
  alerts = std::move(sorted);
}

http::Response alerts_response(std::vector<AlertSnapshot> alerts, std::string_view receiver,
                               Timestamp now) {
  sort_by_fingerprint(alerts);
  std::string body;
  body.reserve(alerts.size() * kAlertBytesGuess + 2);
  AmAlertWriter writer(receiver, now);
  body += '[';
  for (const AlertSnapshot& alert : alerts) {
    if (body.size() > 1) body += ',';
    writer.append(body, *alert);
  }
  body += ']';
  return json_response(std::move(body));
}

// Alertmanager's order of label sets: fewer labels first, then by name and value.
bool labels_before(const LabelSet& a, const LabelSet& b) {
  if (a.size() != b.size()) return a.size() < b.size();
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

struct AmGroup {
  LabelSet labels{};
  std::vector<const Alert*> alerts{};
};

std::vector<AmGroup> make_groups(const std::vector<AlertSnapshot>& alerts,
                                 const std::vector<std::string>& group_by) {
  std::vector<AmGroup> groups;
  std::unordered_map<std::string, std::size_t> by_labels;
  const bool by_all = group_by.size() == 1 && group_by[0] == "...";
  for (const AlertSnapshot& alert : alerts) {
    LabelSet labels = by_all ? alert->labels : alert->labels.project(group_by);
    const auto [it, fresh] = by_labels.try_emplace(std::string(labels.bytes()), groups.size());
    if (fresh) groups.push_back({.labels = std::move(labels)});
    groups[it->second].alerts.push_back(alert.get());
  }
  std::ranges::sort(groups, labels_before, &AmGroup::labels);
  return groups;
}

http::Response groups_response(std::vector<AlertSnapshot> alerts,
                               const AlertmanagerOptions& options, Timestamp now) {
  sort_by_fingerprint(alerts);
  std::string body;
  body.reserve(alerts.size() * kAlertBytesGuess + 2);
  AmAlertWriter writer(options.receiver, now);
  std::string receiver;
  append_json_string(receiver, options.receiver);
  body += '[';
  for (const AmGroup& group : make_groups(alerts, options.group_by)) {
    if (body.size() > 1) body += ',';
    body += "{\"alerts\":[";
    for (const Alert* alert : group.alerts) {
      if (body.back() != '[') body += ',';
      writer.append(body, *alert);
    }
    body += "],\"labels\":";
    append_labels(body, group.labels);
    body += ",\"receiver\":{\"name\":" + receiver + "}}";
  }
  body += ']';
  return json_response(std::move(body));
}

// What `amtool config` shows: the part of our behaviour that Alertmanager's words can tell.
std::string config_text(const AlertmanagerOptions& options) {
  std::string group_by;
  for (const std::string& name : options.group_by) {
    if (!group_by.empty()) group_by += ", ";
    append_json_string(group_by, name);
  }
  std::string receiver;
  append_json_string(receiver, options.receiver);
  return fmt::format(
      "global:\n  resolve_timeout: 5m\nroute:\n  receiver: {0}\n  group_by: [{1}]\n"
      "receivers:\n- name: {0}\n",
      receiver, group_by);
}

template <class Respond>
Reply collect(const Call& call, LiveView& live, Respond respond) {
  auto filter = read_filter(call, live.alertmanager.receiver);
  if (auto* refusal = std::get_if<http::Response>(&filter)) return std::move(*refusal);
  const AmFilter& wanted = std::get<AmFilter>(filter);
  auto alerts =
      live.alerts.snapshots([&](const Alert& alert) { return wanted.matches(alert, call.now); });
  return Deferred([alerts = std::move(alerts), options = live.alertmanager, now = call.now,
                   respond](const History&) mutable -> Result<http::Response> {
    return respond(std::move(alerts), options, now);
  });
}

}  // namespace

Result<Reply> am_get_alerts(const Call& call, LiveView& live) {
  return collect(call, live, [](auto alerts, const AlertmanagerOptions& options, Timestamp now) {
    return alerts_response(std::move(alerts), options.receiver, now);
  });
}

Result<Reply> am_get_alert_groups(const Call& call, LiveView& live) {
  return collect(call, live, [](auto alerts, const AlertmanagerOptions& options, Timestamp now) {
    return groups_response(std::move(alerts), options, now);
  });
}

Result<Reply> am_get_status(const Call&, LiveView& live) {
  const ServerFacts facts = live.facts();
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("cluster").begin_object().key("peers").begin_array().end_array();
  w.field("status", "disabled").end_object();
  w.key("config").begin_object().field("original", config_text(live.alertmanager)).end_object();
  std::string started;
  AmTimeWriter().append(started, facts.started_at);
  w.field_raw("uptime", started).key("versionInfo").begin_object();
  w.field("branch", "quell " + facts.version)
      .field("buildDate", "")
      .field("buildUser", "")
      .field("goVersion", "")
      .field("revision", facts.revision)
      .field("version", kAlertmanagerVersion);
  w.end_object().end_object();
  return json_response(std::move(body));
}

Result<Reply> am_get_receivers(const Call&, LiveView& live) {
  std::string body;
  JsonWriter w(body);
  w.begin_array().begin_object().field("name", live.alertmanager.receiver).end_object().end_array();
  return json_response(std::move(body));
}

Result<Reply> am_get_silences(const Call& call, LiveView&) {
  const auto matchers = filter_parameter(call.request);
  if (!matchers) return am_error(matchers.error().message);
  return json_response("[]");
}

http::Response am_post_silence(const Call&, const StaticView&) {
  // A 400 as Alertmanager writes it is the refusal whose text amtool and karma show.
  return am_error(
      "Quell does not take silences yet: close or acknowledge the incident instead, or put a hold "
      "rule for these alerts into the configuration");
}

http::Response am_silence(const Call& call, const StaticView&) {
  return problem(Error{Errc::NotFound, fmt::format("there is no silence {}",
                                                   utf8_prefix(call.parameter("id"), 64))});
}

http::Response am_metrics(const Call&, const StaticView& view) {
  return {.headers = {{"content-type", "text/plain; version=0.0.4; charset=utf-8"},
                      {"cache-control", "no-store"}},
          .body = fmt::format(
              "# HELP alertmanager_build_info The version of Alertmanager whose API this is.\n"
              "# TYPE alertmanager_build_info gauge\n"
              "alertmanager_build_info{{branch=\"quell {}\",revision=\"{}\",version=\"{}\"}} 1\n",
              view.version, view.revision, kAlertmanagerVersion)};
}

}  // namespace quell
