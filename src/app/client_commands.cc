#include "app/client_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "app/client_print.h"
#include "app/progress_bar.h"
#include "app/service.h"
#include "base/json.h"
#include "base/text.h"
#include "detect/model_file.h"
#include "fetch/http_client.h"

namespace quell {
namespace {

// Where the server is, and how its answers are shown.
struct Connection {
  std::string url = "http://127.0.0.1:8420";
  std::string token{};
  bool json = false;
};

class Client {
 public:
  // `bar`: shows how much of a request was sent.
  explicit Client(const Connection& connection, ProgressBar* bar = nullptr)
      : connection_(connection), bar_(bar) {}

  // Sends a request and shows the 2xx body, as JSON where that was asked for.
  ExitCode request(std::string_view method, const std::string& path, std::string body,
                   const std::function<void(const std::string& body)>& show) const {
    return show_answer(ask(method, path, std::move(body)), show);
  }

  ExitCode show_answer(const std::expected<std::string, ExitCode>& answer,
                       const std::function<void(const std::string& body)>& show) const {
    if (!answer) return answer.error();
    if (connection_.json) {
      fmt::print("{}\n", *answer);
    } else {
      show(*answer);
    }
    return ExitCode::Done;
  }

  // The body of a 2xx; everything else is told to the user.
  std::expected<std::string, ExitCode> ask(std::string_view method, const std::string& path,
                                           std::string body,
                                           std::string type = "application/json") const {
    fetch::HttpRequest request{.method = std::string(method), .url = connection_.url + path};
    if (!connection_.token.empty()) {
      request.headers.emplace_back("authorization", "Bearer " + connection_.token);
    }
    if (!body.empty()) request.headers.emplace_back("content-type", std::move(type));
    request.body = std::move(body);
    if (bar_ != nullptr) {
      request.on_sent = [&](std::uint64_t bytes) {
        bar_->show("bytes sent", bytes, request.body.size());
      };
    }
    const auto answer = fetch::fetch(request);
    if (bar_ != nullptr) bar_->clear();
    if (!answer) {
      fmt::print(stderr,
                 "quell: {}\nIs `quell serve` running there? Another address: --url or "
                 "QUELL_URL.\n",
                 answer.error().to_string());
      return std::unexpected(ExitCode::Unreachable);
    }
    if (answer->status / 100 != 2) {
      fmt::print(stderr, "quell: {}\n", describe_problem(answer->status, answer->body));
      return std::unexpected(ExitCode::Failed);
    }
    return answer->body;
  }

  bool wants_json() const { return connection_.json; }

 private:
  const Connection& connection_;
  ProgressBar* const bar_;
};

std::string actor(const Environment& environment) {
  const auto user = environment.find("USER");
  return user == environment.end() || user->second.empty() ? "command line" : user->second;
}

Result<std::string> read_whole_file(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    return fail(Errc::NotFound,
                fmt::format("cannot be read: {}", std::generic_category().message(errno)));
  }
  std::string content;
  char buffer[65536];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;) {
    content.append(buffer, n);
  }
  const bool bad = std::ferror(file) != 0;
  std::fclose(file);
  if (bad) return fail(Errc::Unavailable, "cannot be read to its end");
  return content;
}

std::string incident_path(const std::string& id) {
  return "/api/v1/incidents/" + percent_encode(id);
}

// What all commands share.
struct Setup {
  CLI::App& app;
  const Environment& environment;
  ExitCode& code;
  std::shared_ptr<Connection> connection;

  CLI::App* add(const std::string& name, const std::string& help) {
    CLI::App* command = app.add_subcommand(name, help);
    command->add_option("--url", connection->url, "Address of the server (QUELL_URL)")
        ->capture_default_str();
    command->add_option("--token", connection->token,
                        "Token, if the server wants one (QUELL_TOKEN)");
    command->add_flag("--json", connection->json, "Print the server's JSON");
    return command;
  }
};

void add_lists(Setup& setup) {
  struct Filters {
    std::vector<std::string> status;
    std::vector<std::string> match;
    std::string text;
    int limit = 50;
  };
  auto filters = std::make_shared<Filters>();
  auto* incidents = setup.add("incidents", "List incidents, newest change first");
  incidents->add_option("--status", filters->status, "open, acknowledged, …; may be repeated");
  incidents->add_option("--match", filters->match, "Matcher such as service=checkout; repeatable");
  incidents->add_option("--text", filters->text, "Words that must occur");
  incidents->add_option("--limit", filters->limit, "At most so many")->capture_default_str();
  incidents->callback([setup, filters] {
    std::string path = fmt::format("/api/v1/incidents?limit={}", filters->limit);
    for (const auto& s : filters->status) path += "&status=" + percent_encode(s);
    for (const auto& m : filters->match) path += "&filter=" + percent_encode(m);
    if (!filters->text.empty()) path += "&q=" + percent_encode(filters->text);
    setup.code = Client(*setup.connection).request("GET", path, {}, print_incidents);
  });
}

// Ends with Failed when any could not be resolved.
ExitCode retry_dead_letters(const Client& client, const std::string& path) {
  const auto answer = client.ask("POST", path, "{}");
  if (!answer) return answer.error();
  if (client.wants_json()) fmt::print("{}\n", *answer);
  return print_retry(*answer, client.wants_json()) ? ExitCode::Done : ExitCode::Failed;
}

// Page by page, so that neither side works on one request for long. What was done is told even if
// the server then refuses to go on.
ExitCode retry_all_dead_letters(const Client& client, const std::string& path) {
  std::int64_t retried = 0;
  std::int64_t resolved = 0;
  std::int64_t without_frame = 0;
  std::optional<ExitCode> refused;
  std::string page = path;
  while (!page.empty() && !refused) {
    const auto answer = client.ask("POST", std::exchange(page, {}), "{}");
    if (!answer) {
      refused = answer.error();
      continue;
    }
    simdjson::dom::parser parser;
    const auto object = parse_json(parser, *answer);
    if (!object) continue;
    retried += json_integer(*object, "retried").value_or(0);
    resolved += json_integer(*object, "resolved").value_or(0);
    without_frame += json_integer(*object, "without_frame").value_or(0);
    const std::string_view next = json_text(*object, "next");
    if (!next.empty()) page = fmt::format("{}?before={}", path, percent_encode(next));
  }
  if (refused && retried == 0) return *refused;
  std::string sum;
  JsonWriter(sum)
      .begin_object()
      .field("retried", retried)
      .field("resolved", resolved)
      .field("failed", retried - resolved)
      .field("without_frame", without_frame)
      .end_object();
  if (client.wants_json()) fmt::print("{}\n", sum);
  const bool all_resolved = print_retry(sum, client.wants_json());
  return refused ? *refused : all_resolved ? ExitCode::Done : ExitCode::Failed;
}

void add_dead_letters(Setup& setup) {
  struct Letters {
    std::string id;
    std::string retry;
    bool retry_all = false;
    int limit = 50;
  };
  auto letters = std::make_shared<Letters>();
  auto* dead = setup.add("deadletters", "List or show what could not be decoded, or try it again");
  dead->add_option("ID", letters->id, "Show this one, with what was received");
  dead->add_option("--retry", letters->retry, "Process this one again, by its id");
  dead->add_flag("--retry-all", letters->retry_all, "Process all of them again");
  dead->add_option("--limit", letters->limit, "List at most so many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  dead->callback([setup, letters] {
    const Client client(*setup.connection);
    const std::string base = "/api/v1/deadletters";
    if (letters->retry_all) {
      setup.code = retry_all_dead_letters(client, base + "/retry");
    } else if (!letters->retry.empty()) {
      setup.code = retry_dead_letters(
          client, fmt::format("{}/{}/retry", base, percent_encode(letters->retry)));
    } else if (!letters->id.empty()) {
      setup.code =
          client.request("GET", base + "/" + percent_encode(letters->id), {}, print_dead_letter);
    } else {
      setup.code = client.request("GET", fmt::format("{}?limit={}", base, letters->limit), {},
                                  print_dead_letters);
    }
  });
}

void add_findings(Setup& setup) {
  struct Findings {
    std::string id, status, entity, metric;
    bool useful = false;
    bool noise = false;
    int limit = 50;
  };
  auto f = std::make_shared<Findings>();
  auto* command = setup.add("findings", "List or show what was unusual in metrics, or judge it");
  command->alias("finding");
  command->add_option("ID", f->id, "Show this one, such as FND-000001");
  auto* useful = command->add_flag("--useful", f->useful, "Say that it was worth knowing");
  auto* noise = command->add_flag("--noise", f->noise, "Say that it was not");
  useful->excludes(noise);
  command->add_option("--status", f->status, "open or ended");
  command->add_option("--entity", f->entity, "Such as host:db-1");
  command->add_option("--metric", f->metric, "A metric that is unusual in it");
  command->add_option("--limit", f->limit, "List at most so many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->callback([setup, f] {
    const Client client(*setup.connection);
    const std::string base = "/api/v1/findings";
    if (f->id.empty()) {
      if (f->useful || f->noise) {
        fmt::print(stderr, "quell: which finding? quell finding FND-000001 --noise\n");
        setup.code = ExitCode::Usage;
        return;
      }
      std::string path = fmt::format("{}?limit={}", base, f->limit);
      for (const auto& [name, value] :
           {std::pair("status", f->status), {"entity", f->entity}, {"metric", f->metric}}) {
        if (!value.empty()) path += fmt::format("&{}={}", name, percent_encode(value));
      }
      setup.code = client.request("GET", path, {}, print_findings);
      return;
    }
    const std::string path = base + "/" + percent_encode(f->id);
    if (!f->useful && !f->noise) {
      setup.code = client.request("GET", path, {}, print_finding);
      return;
    }
    std::string body;
    JsonWriter(body)
        .begin_object()
        .field("verdict", f->useful ? "useful" : "noise")
        .field("actor", actor(setup.environment))
        .end_object();
    setup.code = client.request("POST", path + "/feedback", body, print_finding);
  });
}

// Page by page, so that neither side has all of them at once.
ExitCode export_models(const Client& client, const std::string& path, const std::string& query) {
  std::FILE* const file = path == "-" ? stdout : std::fopen(path.c_str(), "wb");
  if (file == nullptr) {
    fmt::print(stderr, "quell: cannot write '{}': {}\n", path,
               std::generic_category().message(errno));
    return ExitCode::Failed;
  }
  std::size_t models = 0;
  std::uint64_t next = 0;
  bool is_written = true;
  do {
    const auto page =
        client.ask("GET", fmt::format("/api/v1/models/export?after={}{}", next, query), {});
    const auto decoded = page ? decode_model_file(*page) : ModelFile{};
    if (page && !decoded) fmt::print(stderr, "quell: {}\n", decoded.error().to_string());
    if (!page || !decoded) {
      if (file != stdout) std::fclose(file);
      return page ? ExitCode::Failed : page.error();
    }
    is_written = is_written && std::fwrite(page->data(), 1, page->size(), file) == page->size();
    models += decoded->models.size() + decoded->detectors.size();
    next = decoded->next;
  } while (next != 0);
  is_written = std::fflush(file) == 0 && is_written;
  if (file != stdout) is_written = std::fclose(file) == 0 && is_written;
  if (!is_written) {
    fmt::print(stderr, "quell: '{}' could not be written to its end\n", path);
    return ExitCode::Failed;
  }
  if (file != stdout) fmt::print("{} models written to {}\n", models, path);
  return ExitCode::Done;
}

// All of the file is checked before any of it is sent.
ExitCode import_models(const Client& client, const std::string& path, const std::string& who) {
  const auto refuse = [&](const Error& error) {
    fmt::print(stderr, "quell: {}: {}\n", path, error.to_string());
    return ExitCode::Failed;
  };
  const auto bytes = read_whole_file(path);
  if (!bytes) return refuse(bytes.error());
  const auto pages = split_model_file(*bytes);
  if (!pages) return refuse(pages.error());
  for (const std::string_view page : *pages) {
    if (const auto checked = decode_model_file(page); !checked) return refuse(checked.error());
  }
  std::int64_t imported = 0;
  std::int64_t waiting = 0;
  for (const std::string_view page : *pages) {
    const auto answer = client.ask("POST", "/api/v1/models/import?actor=" + percent_encode(who),
                                   std::string(page), "application/octet-stream");
    if (!answer) return answer.error();
    simdjson::dom::parser parser;
    const auto object = parse_json(parser, *answer);
    if (!object) continue;
    imported += json_integer(*object, "imported").value_or(0);
    waiting += json_integer(*object, "waiting").value_or(0);
  }
  if (client.wants_json()) {
    fmt::print("{{\"imported\":{},\"waiting\":{}}}\n", imported, waiting);
  } else {
    fmt::print("{} models imported, {} of them for series that have not come yet\n", imported,
               waiting);
  }
  return ExitCode::Done;
}

void add_models(Setup& setup) {
  struct Models {
    std::string what, file, series, tenant, finding;
  };
  auto m = std::make_shared<Models>();
  auto* command = setup.add("models", "Export, import or reset what series have learned");
  command->add_option("WHAT", m->what, "export, import or reset")
      ->required()
      ->check(CLI::IsMember({"export", "import", "reset"}));
  command->add_option("FILE", m->file, "To export to or import from; - is the standard output");
  command->add_option("--series", m->series, "A metric, matchers, or both: export or reset these");
  command->add_option("--tenant", m->tenant, "Only this tenant's; reset: default if missing");
  command->add_option("--finding", m->finding, "Reset the series of this finding");
  command->callback([setup, m] {
    const Client client(*setup.connection);
    const bool is_reset = m->what == "reset";
    if (is_reset ? m->series.empty() == m->finding.empty() : m->file.empty()) {
      fmt::print(stderr, "quell: {}\n",
                 is_reset ? "which series? quell models reset --series node_load1, or --finding ID"
                          : "which file? quell models export FILE, quell models import FILE");
      setup.code = ExitCode::Usage;
      return;
    }
    if (m->what == "export") {
      std::string query;
      if (!m->series.empty()) query += "&series=" + percent_encode(m->series);
      if (!m->tenant.empty()) query += "&tenant=" + percent_encode(m->tenant);
      setup.code = export_models(client, m->file, query);
      return;
    }
    if (m->what == "import") {
      setup.code = import_models(client, m->file, actor(setup.environment));
      return;
    }
    std::string body;
    JsonWriter w(body);
    w.begin_object().field("actor", actor(setup.environment));
    w.field(m->series.empty() ? "finding" : "series", m->series.empty() ? m->finding : m->series);
    if (!m->tenant.empty()) w.field("tenant", m->tenant);
    w.end_object();
    setup.code = client.request("POST", "/api/v1/models/reset", body, [](const std::string& text) {
      simdjson::dom::parser parser;
      const auto object = parse_json(parser, text);
      fmt::print("{} series learn anew\n", object ? json_integer(*object, "reset").value_or(0) : 0);
    });
  });
}

void add_details(Setup& setup) {
  auto id = std::make_shared<std::string>();
  auto* show = setup.add("show", "Show an incident with its timeline");
  show->add_option("ID", *id, "INC-000001")->required();
  show->callback([setup, id] {
    setup.code = Client(*setup.connection).request("GET", incident_path(*id), {}, print_incident);
  });
  auto subject = std::make_shared<std::string>();
  auto* trace = setup.add("trace", "Say why: the verdicts about an incident or alert");
  trace->add_option("ID", *subject, "INC-000001, or an alert's fingerprint")->required();
  trace->callback([setup, subject] {
    const bool is_alert = parse_fingerprint(*subject).has_value();
    const std::string path =
        is_alert ? "/api/v1/alerts/" + percent_encode(*subject) : incident_path(*subject);
    setup.code = Client(*setup.connection).request("GET", path + "/trace", {}, print_trace);
  });
}

// ack, resolve, reopen, note, merge: a POST with an actor and a text.
void add_changes(Setup& setup) {
  struct Change {
    std::string name, verb, help, text_field, text_help;
    bool text_required = false;
    bool has_other = false;
  };
  const std::vector<Change> changes{
      {"ack", "ack", "Acknowledge an incident", "reason", "Why", false, false},
      {"resolve", "resolve", "Resolve an incident", "reason", "Why", false, false},
      {"reopen", "reopen", "Open a resolved incident again", "reason", "Why", false, false},
      {"note", "note", "Add a note to an incident", "text", "The note", true, false},
      {"merge", "merge", "Put one incident into another", "reason", "Why", false, true}};
  struct Values {
    std::string id, into, text, by;
  };
  for (const Change& change : changes) {
    auto values = std::make_shared<Values>();
    auto* command = setup.add(change.name, change.help);
    command->add_option("ID", values->id, "INC-000001")->required();
    if (change.has_other) command->add_option("INTO", values->into, "INC-000002")->required();
    auto* text = command->add_option(change.text_required ? "TEXT" : "--reason", values->text,
                                     change.text_help);
    if (change.text_required) text->required();
    command->add_option("--by", values->by, "Who does it (the user of the shell)");
    command->callback([setup, values, change] {
      std::string body;
      JsonWriter w(body);
      w.begin_object().field("actor", values->by.empty() ? actor(setup.environment) : values->by);
      if (!values->text.empty()) w.field(change.text_field, values->text);
      if (change.has_other) w.field("into", values->into);
      w.end_object();
      setup.code =
          Client(*setup.connection)
              .request("POST", incident_path(values->id) + "/" + change.verb, body, print_changed);
    });
  }
}

void add_send(Setup& setup) {
  struct Values {
    std::string source = "cloudevents", file, content_type;
  };
  auto values = std::make_shared<Values>();
  auto* command = setup.add("send", "Send events from a file or standard input");
  command->add_option("FILE", values->file, "File to send; standard input when left out");
  command->add_option("--source", values->source, "cloudevents, agent, alertmanager, or a pack")
      ->capture_default_str();
  command->add_option("--content-type", values->content_type, "When it is not what is usual");
  command->callback([setup, values] {
    ProgressBar bar;
    const bool has_lines = values->source == "agent" || values->content_type.contains("ndjson");
    auto body = read_input(values->file, has_lines ? InputKind::Lines : InputKind::Bytes, bar);
    if (!body) {
      fmt::print(stderr, "quell: {}\n", body.error().to_string());
      setup.code = ExitCode::Failed;
      return;
    }
    const Client client(*setup.connection, &bar);
    const std::string type =
        values->content_type.empty() ? "application/json" : values->content_type;
    setup.code = client.show_answer(
        client.ask("POST", "/ingest/" + percent_encode(values->source), *std::move(body), type),
        print_accepted);
  });
}

void add_version(Setup& setup) {
  auto* command = setup.app.add_subcommand("version", "Print the version");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print JSON");
  command->callback([json] {
    if (*json) {
      fmt::print("{{\"version\":\"{}\",\"revision\":\"{}\"}}\n", version(), revision());
    } else {
      fmt::print("quell {} ({})\n", version(), revision());
    }
  });
}

}  // namespace

void add_client_commands(CLI::App& app, const Environment& environment, ExitCode& code) {
  auto connection = std::make_shared<Connection>();
  if (const auto url = environment.find("QUELL_URL"); url != environment.end()) {
    connection->url = url->second;
  }
  if (const auto token = environment.find("QUELL_TOKEN"); token != environment.end()) {
    connection->token = token->second;
  }
  Setup setup{app, environment, code, connection};
  add_lists(setup);
  add_dead_letters(setup);
  add_findings(setup);
  add_models(setup);
  add_details(setup);
  add_changes(setup);
  add_send(setup);
  add_version(setup);
}

}  // namespace quell
