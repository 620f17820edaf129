// Settings: everything that a user can set, by one YAML file and QUELL_… variables.
//
// Plain values are declared once, in the option table (settings_table.cc); --help texts, range
// checks, docs/configuration.md and the nearest-name hints all come from it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/pipeline_options.h"
#include "app/upstream.h"
#include "base/result.h"
#include "collect/settings.h"
#include "store/store.h"

namespace quell {

enum class TokenRole : std::uint8_t { Read, Write, Ingest };

struct TokenSetting {
  std::string name{};
  std::string token{};
  TokenRole role = TokenRole::Write;
};

// A source that has a secret, a tenant, or a path of its own.
struct SourceSetting {
  std::string name{};  // /ingest/<name>
  std::string kind{};  // cloudevents, alertmanager, agent, pagerduty-events, …, or a pack's name.
  std::string tenant{};  // Empty: the default tenant.
  std::string token{};   // Bearer or ?token=.
  std::string secret{};  // Of the pack's signature scheme.
};

struct Settings {
  std::string listen = "127.0.0.1:8420";
  std::string grpc_listen{};  // Empty: no gRPC.
  std::string data = "./quell-data";
  std::uint32_t http_threads = 1;
  std::uint32_t connections_max = 10'000;
  std::uint64_t body_bytes_max = 32ull << 20;
  std::string external_url{};
  std::vector<std::string> allowed_hosts{};
  std::vector<TokenSetting> tokens{};
  std::vector<SourceSetting> sources{};
  CollectSettings collect{};
  UpstreamSetting upstream{};

  std::string log_level = "info";
  std::string log_format = "logfmt";

  std::uint64_t segment_bytes = 256ull << 20;
  std::uint64_t pending_bytes_max = 64ull << 20;
  Duration journal_keep = std::chrono::hours(24 * 7);
  std::uint64_t queue_bytes_max = 256ull << 20;
  RetentionPolicy retention{.events = std::chrono::days(30),
                            .resolved_alerts = std::chrono::days(90),
                            .closed_incidents = std::chrono::days(365),
                            .dead_letters = std::chrono::days(30),
                            .windows = std::chrono::days(90),
                            .seen_ids = std::chrono::days(2),
                            .metrics = std::chrono::days(30),
                            .metrics_raw = std::chrono::hours(6),
                            .metrics_bytes_max = 10ull << 30};

  std::vector<std::string> pack_directories{};
  std::string topology_file{};
  PipelineOptions pipeline{};
  PackLibrary packs{};                  // Built-in ones, with the user's added.
  std::string pipeline_text{};          // The body of the Config frame.
  std::vector<std::string> warnings{};  // What is in force, but looks like a slip.
};

// A plain value of the table. `path` is "section.key".
struct OptionInfo {
  std::string_view path{};
  std::string_view type{};  // "duration", "size", "integer", …
  std::string default_text{};
  std::string_view help{};
};
std::vector<OptionInfo> option_table();

// Variables that begin with QUELL_, by name; read in main().
using Environment = std::map<std::string, std::string>;

// How files that the configuration names are read.
struct FileReader {
  std::function<Result<std::string>(const std::string& path)> read{};
  // The paths of the pack files in a directory, sorted.
  std::function<Result<std::vector<std::string>>(const std::string& directory)> list{};
};
FileReader no_files();  // For configurations that name none: everything is NotFound.

// Reads a configuration. The empty text gives the defaults.
// QUELL_SERVER_LISTEN sets `server.listen`, and so on. An unknown key of the file is an error.
// Errors: InvalidArgument with `file:line:column` or the variable's name.
Result<Settings> parse_settings(std::string_view yaml, std::string_view file_name,
                                const Environment& environment, const FileReader& read_file);

// Reads the text of a Config frame (Settings::pipeline_text) back. It is JSON, and so YAML.
Result<PipelineOptions> parse_pipeline_config(std::string_view text);

// docs/configuration.md, made from the table.
std::string configuration_reference();

}  // namespace quell
