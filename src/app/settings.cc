#include "app/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/collect_settings.h"
#include "app/decoders.h"
#include "app/detection_rule_reader.h"
#include "app/settings_table.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "base/yaml.h"

namespace quell {
namespace {

// Sections that are lists or maps of their own, beside the plain values of the table.
constexpr std::array<std::string_view, 13> kStructured{
    "hold",   "correlation.rules", "thresholds",           "topology",          "sources",
    "scrape", "server.tokens",     "server.allowed_hosts", "packs.directories", "pack_texts",
    "poll",   "metrics.upstream",  "detection.rules"};

std::string section_of(std::string_view path) {
  return std::string(path.substr(0, path.find('.')));
}

std::vector<std::string_view> known_sections() {
  std::vector<std::string_view> names;
  const auto add = [&](std::string_view path) {
    const auto name = path.substr(0, path.find('.'));
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const TableOption& option : settings_table()) add(option.path);
  for (const std::string_view path : kStructured) add(path);
  return names;
}

std::vector<std::string_view> known_keys(std::string_view section) {
  std::vector<std::string_view> names;
  const auto add = [&](std::string_view path) {
    const auto dot = path.find('.');
    if (dot != path.npos && path.substr(0, dot) == section) names.push_back(path.substr(dot + 1));
  };
  for (const TableOption& option : settings_table()) add(option.path);
  for (const std::string_view path : kStructured) add(path);
  return names;
}

void write_json(JsonWriter& w, const YamlNode& node) {
  if (node.is_map()) {
    w.begin_object();
    for (const auto& [key, value] : node.entries()) write_json(w.key(key.raw_text()), value);
    w.end_object();
  } else if (node.is_list()) {
    w.begin_array();
    for (const YamlNode& item : node.items()) write_json(w, item);
    w.end_array();
  } else if (node.is_null()) {
    w.null();
  } else {
    w.value(node.raw_text());
  }
}

std::string to_json(const YamlNode& node) {
  std::string text;
  JsonWriter w(text);
  write_json(w, node);
  return text;
}

// A secret: the text itself, or {file: path}, or {env: NAME}.
Result<std::string> read_secret(const YamlNode& node, std::string_view what,
                                const Environment& environment, const FileReader& files) {
  if (!node.is_map()) {
    TRY(const auto text, node.text(what));
    return std::string(text);
  }
  TRY_STATUS(node.check_keys({"file", "env"}, what));
  if (const YamlNode* file = node.find("file")) {
    auto content = files.read(file->raw_text());
    if (!content) return file->error(content.error().message);
    return std::string(trim(*content));
  }
  const YamlNode* name = node.find("env");
  if (name == nullptr) return node.error(fmt::format("'{}' needs a text, file or env", what));
  const auto found = environment.find(name->raw_text());
  if (found == environment.end()) {
    return name->error(fmt::format("the variable {} is not set", name->raw_text()));
  }
  return found->second;
}

Result<TokenRole> read_role(const YamlNode& node) {
  const std::string& word = node.raw_text();
  if (word == "read") return TokenRole::Read;
  if (word == "write") return TokenRole::Write;
  if (word == "ingest") return TokenRole::Ingest;
  return node.error(fmt::format("'{}' is not a role: read, write or ingest", word));
}

class Reader {
 public:
  Reader(const Environment& environment, const FileReader& files)
      : environment_(environment), files_(files) {}

  Result<Settings> read(const YamlNode& root) {
    if (!root.is_null()) {
      TRY_STATUS(root.must_be_map("the configuration"));
      TRY_STATUS(root.check_keys(known_sections(), "the configuration"));
    }
    for (const auto& [key, section] : root.entries()) {
      TRY_STATUS(read_section(key.raw_text(), section));
    }
    TRY_STATUS(read_environment());
    FindingOptions& detection = settings_.pipeline.detection;
    for (DetectionRule& rule : detection.rules) {
      take_timezone(rule, detection.timezone, detection.calendar);
    }
    if (!rules_given_) settings_.pipeline.correlation.rules = default_rules();
    TRY_STATUS(read_topology());
    TRY_STATUS(read_packs());
    TRY_STATUS(check_sources());
    settings_.pipeline_text = pipeline_text();
    return std::move(settings_);
  }

 private:
  Status read_section(const std::string& name, const YamlNode& section) {
    if (name == "hold") {
      TRY(settings_.pipeline.alerts.holds, read_holds(section));
      hold_text_ = to_json(section);
      return {};
    }
    if (name == "thresholds") {
      TRY(settings_.pipeline.thresholds, read_thresholds(section));
      thresholds_text_ = to_json(section);
      return {};
    }
    if (name == "sources") return read_sources(section);
    if (name == "scrape" || name == "poll") return read_collect(name, section);
    if (name == "pack_texts") return read_pack_texts(section);
    if (section.is_null()) return {};
    TRY_STATUS(section.must_be_map(name));
    if (name == "topology") return read_topology_section(section);
    TRY_STATUS(section.check_keys(known_keys(name), name));
    for (const auto& [key, value] : section.entries()) {
      const std::string path = name + "." + key.raw_text();
      TRY_STATUS(read_value(path, value));
    }
    return {};
  }

  Status read_value(const std::string& path, const YamlNode& value) {
    if (path == "server.tokens") return read_tokens(value);
    if (path == "metrics.upstream") return read_upstream(value);
    if (path == "server.allowed_hosts") return read_texts(value, path, settings_.allowed_hosts);
    if (path == "packs.directories") return read_texts(value, path, settings_.pack_directories);
    if (path == "correlation.rules") {
      TRY(settings_.pipeline.correlation.rules, read_rules(value));
      rules_text_ = to_json(value);
      rules_given_ = true;
      return {};
    }
    if (path == "detection.rules") {
      TRY(settings_.pipeline.detection.rules, read_detection_rules(value));
      detection_text_ = to_json(value);
      return {};
    }
    const TableOption* option = find_option(path);
    if (option == nullptr) return value.error(fmt::format("unknown option '{}'", path));
    TRY(const auto text, value.text(path));
    if (auto set = option->set(settings_, text); !set) {
      return value.error(fmt::format("'{}': {}", path, set.error().message));
    }
    return {};
  }

  static Status read_texts(const YamlNode& node, std::string_view what,
                           std::vector<std::string>& out) {
    TRY(const auto items, node.list(what));
    for (const YamlNode& item : items) {
      TRY(const auto text, item.text(what));
      out.emplace_back(text);
    }
    return {};
  }

  // A URL, or {url, token}.
  Status read_upstream(const YamlNode& node) {
    const YamlNode* url = &node;
    if (node.is_map()) {
      TRY_STATUS(node.check_keys({"url", "token"}, "metrics.upstream"));
      url = node.find("url");
      if (url == nullptr) return node.error("'metrics.upstream' needs a url");
      if (const YamlNode* token = node.find("token")) {
        TRY(settings_.upstream.token, read_secret(*token, "token", environment_, files_));
      }
    }
    TRY(std::string_view text, url->text("metrics.upstream"));
    while (text.ends_with('/')) text.remove_suffix(1);
    if (!text.starts_with("http://") && !text.starts_with("https://")) {
      return url->error(
          "'metrics.upstream' must begin with http:// or https://");  // It may have a password.
    }
    settings_.upstream.url = text;
    return {};
  }

  Status read_tokens(const YamlNode& node) {
    TRY(const auto items, node.list("server.tokens"));
    for (const YamlNode& item : items) {
      TRY_STATUS(item.must_be_map("a token"));
      TRY_STATUS(item.check_keys({"name", "token", "role"}, "a token"));
      TokenSetting token;
      if (const YamlNode* n = item.find("name")) token.name = n->raw_text();
      const YamlNode* secret = item.find("token");
      if (secret == nullptr || token.name.empty())
        return item.error("a token needs name and token");
      TRY(token.token, read_secret(*secret, "token", environment_, files_));
      if (token.token.size() < 16) {
        return secret->error("a token has at least 16 characters, so that it cannot be guessed");
      }
      if (const YamlNode* n = item.find("role")) {
        TRY(token.role, read_role(*n));
      }
      settings_.tokens.push_back(std::move(token));
    }
    return {};
  }

  Status read_sources(const YamlNode& node) {
    TRY(const auto items, node.list("sources"));
    for (const YamlNode& item : items) {
      TRY_STATUS(item.must_be_map("a source"));
      TRY_STATUS(item.check_keys({"name", "kind", "tenant", "token", "secret"}, "a source"));
      SourceSetting source;
      if (const YamlNode* n = item.find("name")) source.name = n->raw_text();
      if (source.name.empty()) return item.error("a source needs a name");
      const YamlNode* kind = item.find("kind");
      source.kind = kind == nullptr ? source.name : kind->raw_text();
      if (const YamlNode* n = item.find("tenant")) source.tenant = n->raw_text();
      if (const YamlNode* n = item.find("token")) {
        TRY(source.token, read_secret(*n, "token", environment_, files_));
      }
      if (const YamlNode* n = item.find("secret")) {
        TRY(source.secret, read_secret(*n, "secret", environment_, files_));
      }
      for (const SourceSetting& other : settings_.sources) {
        if (other.name == source.name) {
          return item.error(fmt::format("there are two sources named '{}'", source.name));
        }
      }
      source_nodes_.push_back(kind == nullptr ? item.find("name") : kind);
      settings_.sources.push_back(std::move(source));
    }
    return {};
  }

  Status read_collect(std::string_view name, const YamlNode& section) {
    const auto secret = [&](const YamlNode& node, std::string_view what) {
      return read_secret(node, what, environment_, files_);
    };
    if (name == "scrape") {
      TRY(settings_.collect.scrapes, read_scrapes(section, secret));
    } else {
      TRY(settings_.collect.polls, read_polls(section, secret));
    }
    return {};
  }

  Status read_environment() {
    for (const auto& [name, text] : environment_) {
      if (!name.starts_with("QUELL_")) continue;
      const TableOption* option = find_option_by_variable(name);
      if (option == nullptr) {
        warn_of_variable(name);
        continue;
      }
      if (auto set = option->set(settings_, text); !set) {
        return fail(Errc::InvalidArgument, set.error().message, name);
      }
    }
    return {};
  }

  // Others may use such names too (Kubernetes makes QUELL_SERVICE_HOST for a service `quell`), so
  // only those that look like a slip are told.
  void warn_of_variable(const std::string& name) {
    std::vector<std::string> names;
    for (const TableOption& option : settings_table()) names.push_back(variable_of(option));
    const std::vector<std::string_view> views(names.begin(), names.end());
    const auto near = nearest_word(name, views, 2);
    if (!near) return;
    settings_.warnings.push_back(
        fmt::format("the variable {} sets nothing, did you mean {}?", name, *near));
  }

  // Every source has a format: one of the built-in ones, or a pack.
  Status check_sources() {
    std::vector<std::string_view> known = settings_.packs.names();
    std::ranges::copy(kBuiltInKinds, std::back_inserter(known));
    for (std::size_t i = 0; i < settings_.sources.size(); ++i) {
      const std::string& kind = settings_.sources[i].kind;
      if (std::ranges::find(known, kind) != known.end()) continue;
      const auto near = nearest_word(kind, known);
      return source_nodes_[i]->error(
          fmt::format("'{}' is neither a built-in source nor a provider pack{}", kind,
                      near ? fmt::format(", did you mean '{}'?", *near)
                           : std::string("; `kind` names one, `packs.directories` adds your own")));
    }
    return {};
  }

  // The services themselves, or the file that has them.
  Status read_topology_section(const YamlNode& section) {
    const auto file = section.find("file");
    if (file == nullptr) {
      topology_text_ = to_json(section);
      return {};
    }
    TRY_STATUS(section.check_keys({"file"}, "topology"));
    TRY(const auto path, file->text("topology.file"));
    settings_.topology_file = path;
    return {};
  }

  Status read_topology() {
    std::string file = "topology";
    if (!settings_.topology_file.empty()) {
      file = settings_.topology_file;
      TRY(const std::string content, files_.read(file));
      TRY(const YamlNode node, parse_yaml(content, file));
      topology_text_ = node.is_null() ? "" : to_json(node);
      TRY(settings_.pipeline.topology, Topology::parse(content, file));
      return {};
    }
    TRY(settings_.pipeline.topology, Topology::parse(topology_text_, file));
    return {};
  }

  Status read_packs() {
    static const PackLibrary kBuiltIn = PackLibrary::built_in();  // Compiling them takes a while.
    settings_.packs = kBuiltIn;
    for (const std::string& directory : settings_.pack_directories) {
      TRY(const auto paths, files_.list(directory));
      for (const std::string& path : paths) {
        TRY(std::string text, files_.read(path));
        settings_.pipeline.packs.push_back({path, std::move(text)});
      }
    }
    return settings_.packs.add(settings_.pipeline.packs);
  }

  // `pack_texts`: only in the body of a Config frame, so that a replay decodes alike.
  Status read_pack_texts(const YamlNode& node) {
    TRY_STATUS(node.must_be_map("pack_texts"));
    for (const auto& [path, text] : node.entries()) {
      settings_.pipeline.packs.push_back({path.raw_text(), text.raw_text()});
    }
    return {};
  }

  std::string pipeline_text() const {
    std::string text;
    JsonWriter w(text);
    w.begin_object();
    std::string open_section;
    for (const TableOption& option : settings_table()) {
      if (!option.decides) continue;
      const std::string section = section_of(option.path);
      if (section != open_section) {
        if (!open_section.empty()) w.end_object();
        w.key(section).begin_object();
        open_section = section;
      }
      w.field(option.path.substr(section.size() + 1), option.show(settings_));
    }
    if (!detection_text_.empty()) w.field_raw("rules", detection_text_);  // Of the last section.
    if (!open_section.empty()) w.end_object();
    w.key("correlation").begin_object();
    if (rules_given_) w.field_raw("rules", rules_text_);
    w.end_object();
    if (!thresholds_text_.empty()) w.field_raw("thresholds", thresholds_text_);
    if (!hold_text_.empty()) w.field_raw("hold", hold_text_);
    if (!topology_text_.empty()) w.field_raw("topology", topology_text_);
    if (!settings_.pipeline.packs.empty()) {
      w.key("pack_texts").begin_object();
      for (const PackFile& pack : settings_.pipeline.packs) w.field(pack.path, pack.text);
      w.end_object();
    }
    w.end_object();
    return text;
  }

  const Environment& environment_;
  const FileReader& files_;
  Settings settings_;
  std::vector<const YamlNode*> source_nodes_;  // Where each source names its format.
  std::string hold_text_;
  std::string thresholds_text_;
  std::string detection_text_;
  std::string rules_text_;
  std::string topology_text_;
  bool rules_given_ = false;
};

}  // namespace

Result<Settings> parse_settings(std::string_view yaml, std::string_view file_name,
                                const Environment& environment, const FileReader& files) {
  TRY(const YamlNode root, parse_yaml(yaml, file_name));
  return Reader(environment, files).read(root);
}

FileReader no_files() {
  const auto missing = [](const std::string& path) {
    return fail(Errc::NotFound, fmt::format("'{}' cannot be read here", path));
  };
  return {.read = [missing](const std::string& p) -> Result<std::string> { return missing(p); },
          .list = [missing](const std::string& p) -> Result<std::vector<std::string>> {
            return missing(p);
          }};
}

Result<PipelineOptions> parse_pipeline_config(std::string_view text) {
  TRY(Settings settings, parse_settings(text, "configuration", {}, no_files()));
  return std::move(settings.pipeline);
}

std::vector<OptionInfo> option_table() {
  std::vector<OptionInfo> infos;
  const Settings defaults;
  for (const TableOption& option : settings_table()) {
    infos.push_back({option.path, option.type, option.show(defaults), option.help});
  }
  return infos;
}

namespace {

constexpr std::string_view kStructuredReference = R"(
## Lists and maps

```yaml
server:
  tokens:                       # without any, only loopback is listened on
    - {name: grafana, role: read, token: {env: QUELL_GRAFANA_TOKEN}}
    - {name: alertmanager, role: ingest, token: {file: /etc/quell/am.token}}
  allowed_hosts: [quell.example]  # names that the Host header may have on loopback

sources:                        # a path /ingest/<name> with a secret, a tenant, or both
  - {name: github, secret: {env: QUELL_GITHUB_SECRET}}
  - {name: prod-grafana, kind: grafana, tenant: prod, token: {file: /etc/quell/grafana.token}}

packs:
  directories: [/etc/quell/providers]   # docs/provider-packs.md

hold:                           # wait, and say nothing of what ends by itself
  - {match: 'severity="warning"', for: 2m}

correlation:
  rules:                        # these replace the two default ones (storms)
    - name: node-down
      match: ['alertname=~"Node.*|Target.*"']
      group_by: [node]          # labels; also entity, severity, tenant, source
      window: 5m
      threshold: 3
      title: Node is in trouble

thresholds:                     # on metric samples (docs/sources/agent.md)
  - {name: cpu_load, metric: cpu_load, warning: 80, critical: 90, for: 30s}

scrape:                         # targets that are asked (docs/sources/scrape.md)
  - name: node
    targets: [127.0.0.1:9100, "https://db-1:9100/metrics"]
    interval: 15s               # also timeout, path, scheme, labels, tenant, token, …

poll:                           # queries of a Prometheus that are asked (docs/sources/poll.md)
  - name: upstream
    url: http://prometheus:9090
    interval: 1m                # also timeout, catch_up, tenant, token, headers
    queries:
      - {name: 'job:errors', query: 'sum by (job) (rate(http_errors_total[5m]))'}

metrics:
  upstream: http://prometheus.example:9090   # or {url, token}: PromQL queries that need more
                                             # than what is kept (retention.metrics) go there

detection:
  rules:                        # the first that matches a series holds (docs/detection.md)
    - {metric: node_load1, direction: up, min_change: 4, min_duration: 2m}
    - {match: 'job="batch"', detector: off}
    - {metric: checkout_errors_total, direction: up, severity: error, suppress_during_deploys: 15m}
    - {name: disk, metric: disk_used_percent, detector: forecast, above: 95, horizon: 6h}
    - {name: beat, metric: heartbeat, detector: absence, silence: 2m}

topology:                       # or `file: topology.yaml`
  services:
    - {name: checkout, owner: team-payments, depends_on: [payments, "database:orders"]}
```
)";

}  // namespace

std::string configuration_reference() {
  std::string text =
      "# Configuration\n\n"
      "One YAML file (`quell serve --config FILE`). Every plain option can also be set by a\n"
      "variable: `server.listen` by `QUELL_SERVER_LISTEN`. Unknown keys are refused. `quell check\n"
      "FILE` tests a file; SIGHUP or `POST /api/v1/config/reload` takes it over, and a file with "
      "an\n"
      "error leaves the old one in force. This page is made from the program's option table.\n";
  std::string section;
  for (const OptionInfo& option : option_table()) {
    if (section_of(option.path) != section) {
      section = section_of(option.path);
      text += fmt::format("\n## {}\n\n| option | type | default | meaning |\n|---|---|---|---|\n",
                          section);
    }
    text += fmt::format("| `{}` | {} | `{}` | {} |\n", option.path, option.type,
                        option.default_text.empty() ? "(none)" : option.default_text, option.help);
  }
  text += kStructuredReference;
  return text;
}

}  // namespace quell
