#include "app/client_print.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "app/service.h"
#include "base/json.h"
#include "base/text.h"

namespace quell {
namespace {

using Element = simdjson::dom::element;

bool has_colours() {
  static const bool kYes = [] {
    // https://no-color.org. NOLINTNEXTLINE(concurrency-mt-unsafe): nothing sets variables.
    const char* refused = std::getenv("NO_COLOR");
    return isatty(fileno(stdout)) != 0 && (refused == nullptr || *refused == '\0');
  }();
  return kYes;
}

std::string coloured(std::string_view text, int code) {
  return has_colours() ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

int colour_of(std::int64_t severity) {
  return severity <= 1 ? 31 : severity == 2 ? 33 : 36;
}

std::string text_of(const Element& object, std::string_view key) {
  return printable(json_text(object, key));
}

// `2026-11-21T08:00:10.123Z` -> `2026-11-21 08:00:10`
std::string time_of(const Element& object, std::string_view key) {
  std::string text = text_of(object, key).substr(0, 19);
  std::ranges::replace(text, 'T', ' ');
  return text;
}

void with_items(const std::string& json, std::string_view nothing,
                const std::function<void(const Element&)>& show) {
  simdjson::dom::parser parser;
  const auto root = parse_json(parser, json);
  simdjson::dom::array items;
  if (!root || (*root)["items"].get(items) != simdjson::SUCCESS) return;
  if (items.begin() == items.end()) fmt::print("{}\n", nothing);
  for (const Element item : items) show(item);
}

void print_summary(const Element& i) {
  const std::int64_t severity = json_integer(i, "severity").value_or(5);
  const std::int64_t alerts = json_integer(i, "alert_count").value_or(0);
  fmt::print("{}  {}  {:<13}  {:>4} {:<6}  {}  {}\n", text_of(i, "id"),
             coloured(fmt::format("SEV{}", severity), colour_of(severity)), text_of(i, "status"),
             alerts, alerts == 1 ? "alert" : "alerts", time_of(i, "opened_at"),
             text_of(i, "title"));
}

}  // namespace

void print_incidents(const std::string& json) {
  with_items(json, "no incidents", print_summary);
}

void print_changed(const std::string& json) {
  simdjson::dom::parser parser;
  if (const auto root = parse_json(parser, json)) print_summary(*root);
}

void print_incident(const std::string& json) {
  simdjson::dom::parser parser;
  const auto root = parse_json(parser, json);
  if (!root) return;
  print_summary(*root);
  const auto section = [&](std::string_view key, std::string_view title, auto&& show) {
    simdjson::dom::array items;
    if ((*root)[key].get(items) != simdjson::SUCCESS || items.begin() == items.end()) return;
    fmt::print("\n{}\n", coloured(title, 1));
    for (const Element item : items) show(item);
  };
  section("alerts", "Alerts", [](const Element& a) {
    fmt::print("  {}  {:<8}  {:<24}  {}\n", text_of(a, "fingerprint"), text_of(a, "status"),
               text_of(a, "entity"), text_of(a, "title"));
  });
  section("changes", "Changes", [](const Element& c) {
    fmt::print("  {}  {:<24}  {}\n", time_of(c, "time"), text_of(c, "entity"), text_of(c, "title"));
  });
  section("timeline", "Timeline", [](const Element& e) {
    fmt::print("  {}  {:<16}  {:<12}  {}\n", time_of(e, "at"), text_of(e, "kind"),
               text_of(e, "actor"), text_of(e, "text"));
  });
}

void print_trace(const std::string& json) {
  simdjson::dom::parser parser;
  const auto root = parse_json(parser, json);
  simdjson::dom::array verdicts;
  if (!root || (*root)["verdicts"].get(verdicts) != simdjson::SUCCESS) return;
  for (const Element v : verdicts) {
    const std::int64_t count = json_integer(v, "count").value_or(1);
    fmt::print("{}  {:<13} {}{}\n", time_of(v, "at"), text_of(v, "kind"),
               count > 1 ? fmt::format("({} times) ", count) : "", text_of(v, "reason"));
  }
}

namespace {

void print_finding_line(const Element& f) {
  fmt::print("{:<10}  {:<5}  {:<8}  {}  {}\n", text_of(f, "id"), text_of(f, "status"),
             text_of(f, "severity"), time_of(f, "onset"), text_of(f, "title"));
}

}  // namespace

void print_findings(const std::string& json) {
  with_items(json, "no findings", print_finding_line);
}

void print_finding(const std::string& json) {
  simdjson::dom::parser parser;
  const auto root = parse_json(parser, json);
  if (!root) return;
  print_finding_line(*root);
  if (const auto effect = text_of(*root, "effect"); !effect.empty()) fmt::print("{}\n", effect);
  simdjson::dom::array items;
  if ((*root)["why"].get(items) == simdjson::SUCCESS) {
    for (const Element item : items) {
      std::string_view text;
      if (item.get(text) == simdjson::SUCCESS) fmt::print("{}\n", printable(text));
    }
  }
  const auto number = [](const Element& e, std::string_view key) {
    double value = 0;
    return e[key].get(value) == simdjson::SUCCESS ? fmt::format("{:.4g}", value) : "";
  };
  if ((*root)["signals"].get(items) != simdjson::SUCCESS) return;
  fmt::print("\n{}\n", coloured("Series", 1));
  for (const Element item : items) {
    std::string labels;
    simdjson::dom::object pairs;
    if (item["labels"].get(pairs) == simdjson::SUCCESS) {
      for (const auto [name, value] : pairs) {
        std::string_view text;
        if (value.get(text) != simdjson::SUCCESS) continue;
        labels += fmt::format("{}{}=\"{}\"", labels.empty() ? "" : ",", name, text);
      }
    }
    fmt::print("  {:>9}  usual {:>9} ({} to {})  score {:>5}  {}{{{}}}\n", number(item, "value"),
               number(item, "expected"), number(item, "low"), number(item, "high"),
               number(item, "score"), text_of(item, "metric"), printable(labels));
  }
}

void print_dead_letters(const std::string& json) {
  with_items(json, "no dead letters", [](const Element& d) {
    fmt::print("{:<12}  {}  {:<16}  {}{}\n", text_of(d, "id"), time_of(d, "arrived_at"),
               text_of(d, "source"), text_of(d, "reason"),
               json_text(d, "place").empty() ? "" : fmt::format("  (at {})", text_of(d, "place")));
  });
}

void print_dead_letter(const std::string& json) {
  simdjson::dom::parser parser;
  const auto root = parse_json(parser, json);
  if (!root) return;
  const auto line = [](std::string_view name, const std::string& value) {
    if (!value.empty()) fmt::print("{:<10}  {}\n", name, value);
  };
  line("id", text_of(*root, "id"));
  line("arrived", time_of(*root, "arrived_at"));
  line("source", text_of(*root, "source"));
  line("reason", text_of(*root, "reason"));
  line("place", text_of(*root, "place"));
  line("attempts", std::to_string(json_integer(*root, "attempts").value_or(0)));
  simdjson::dom::object frame;
  if ((*root)["frame"].get(frame) != simdjson::SUCCESS) return;
  const Element received = (*root)["frame"];
  line("type", text_of(received, "content_type"));
  fmt::print("\n{}\n", text_of(received, "body"));
}

bool print_retry(const std::string& json, bool quiet) {
  simdjson::dom::parser parser;
  const auto root = parse_json(parser, json);
  if (!root) return false;
  const std::int64_t failed = json_integer(*root, "failed").value_or(0);
  const std::int64_t gone = json_integer(*root, "without_frame").value_or(0);
  if (!quiet) {
    fmt::print("{} tried again, {} resolved, {} failed\n",
               json_integer(*root, "retried").value_or(0),
               json_integer(*root, "resolved").value_or(0), failed);
    if (gone > 0) {
      fmt::print("{} not tried: what was received is not kept any more\n", gone);
    }
  }
  return failed == 0 && gone == 0;
}

void print_accepted(const std::string& json) {
  simdjson::dom::parser parser;
  const auto root = parse_json(parser, json);
  if (!root) return;
  fmt::print("{} accepted, {} of them duplicates\n", json_integer(*root, "accepted").value_or(0),
             json_integer(*root, "duplicates").value_or(0));
  simdjson::dom::array rejected;
  if ((*root)["rejected"].get(rejected) != simdjson::SUCCESS) return;
  for (const auto item : rejected) {
    const std::string place = text_of(item, "place");
    fmt::print("refused: {}{}{}\n", place, place.empty() ? "" : ": ", text_of(item, "reason"));
  }
}

std::string describe_problem(int status, std::string_view body) {
  simdjson::dom::parser parser;
  const auto root = parse_json(parser, body);
  if (root) {
    const std::string detail = text_of(*root, "detail");
    if (!detail.empty()) return fmt::format("{} (HTTP {})", detail, status);
  }
  return fmt::format("HTTP {}: {}", status, printable(utf8_prefix(body, 200)));
}

Result<std::string> read_input(const std::string& path, InputKind kind, ProgressBar& bar) {
  if (!path.empty() && path != "-") return real_files().read(path);
  const bool is_typed = isatty(STDIN_FILENO) != 0;  // A count would be amid what is typed.
  std::string content;
  std::size_t lines = 0;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, buffer, sizeof buffer);  // What is there, not all of it.
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      return fail(Errc::Unavailable, fmt::format("standard input cannot be read: {}",
                                                 std::generic_category().message(errno)));
    }
    if (n == 0) break;
    const std::string_view bytes(buffer, static_cast<std::size_t>(n));
    content += bytes;
    lines += static_cast<std::size_t>(std::ranges::count(bytes, '\n'));
    if (is_typed) continue;
    if (kind == InputKind::Lines) {
      bar.count(lines, "events read");
    } else {
      bar.count(content.size(), "bytes read");
    }
  }
  bar.clear();
  return content;
}

}  // namespace quell
