#include "app/collect_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/time.h"
#include "model/frame.h"
#include "promql/expr.h"

namespace quell {
namespace {

constexpr std::size_t kTasksMax = 10'000;
constexpr Duration kIntervalMin = std::chrono::milliseconds(100);
constexpr Duration kIntervalMax = std::chrono::hours(24);

Result<Duration> read_interval(const YamlNode& node, std::string_view what) {
  TRY(const Duration duration, node.duration(what));
  if (duration < kIntervalMin || duration > kIntervalMax) {
    return node.error(fmt::format("'{}' must be from {} to {}", what, format_duration(kIntervalMin),
                                  format_duration(kIntervalMax)));
  }
  return duration;
}

Result<CollectPairs> read_pairs(const YamlNode& node, std::string_view what) {
  TRY_STATUS(node.must_be_map(what));
  CollectPairs pairs;
  for (const auto& [key, value] : node.entries()) {
    TRY(const auto text, value.text(key.raw_text()));
    pairs.emplace_back(key.raw_text(), text);
  }
  return pairs;
}

Result<std::string> required(const YamlNode& item, std::string_view key, std::string_view what) {
  const YamlNode* const node = item.find(key);
  if (node == nullptr) return item.error(fmt::format("{} needs '{}'", what, key));
  TRY(const auto text, node->text(key));
  if (text.empty()) return node->error(fmt::format("'{}' is empty", key));
  return std::string(text);
}

// interval, timeout, token, headers.
Result<CollectAccess> read_access(const YamlNode& item, const SecretReader& secret,
                                  CollectAccess access) {
  if (const YamlNode* n = item.find("interval")) {
    TRY(access.interval, read_interval(*n, "interval"));
  }
  access.timeout = std::min(access.timeout, access.interval);
  if (const YamlNode* n = item.find("timeout")) {
    TRY(access.timeout, read_interval(*n, "timeout"));
    if (access.timeout > access.interval) {
      return n->error("'timeout' must not be longer than 'interval'");
    }
  }
  if (const YamlNode* n = item.find("token")) {
    TRY(access.token, secret(*n, "token"));
  }
  if (const YamlNode* n = item.find("headers")) {
    TRY(access.headers, read_pairs(*n, "headers"));
  }
  return access;
}

Result<std::string> read_tenant(const YamlNode& item) {
  const YamlNode* const node = item.find("tenant");
  if (node == nullptr) return std::string(kDefaultTenant);
  TRY(const auto text, node->text("tenant"));
  return text.empty() ? std::string(kDefaultTenant) : std::string(text);
}

Status check_url(const YamlNode& node, std::string_view url) {
  if (url.starts_with("http://") || url.starts_with("https://")) return {};
  return node.error(
      fmt::format("'{}' does not begin with http:// or https://", shown_address(url)));
}

// `host:port` with scheme and path of the job, or a whole URL.
Result<ScrapeSetting> read_target(const YamlNode& node, ScrapeSetting setting,
                                  std::string_view scheme, std::string_view path) {
  TRY(const auto text, node.text("targets"));
  if (text.empty()) return node.error("a target is empty");
  if (!text.contains("://")) {
    if (text.contains('@')) {
      return node.error("a target with a user must be a whole URL: http://user:password@host:port");
    }
    setting.instance = text.substr(0, text.find_first_of("/?#"));
    setting.url = fmt::format("{}://{}{}", scheme, text, path);
    return setting;
  }
  TRY_STATUS(check_url(node, text));
  const std::string_view rest = text.substr(text.find("://") + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  setting.instance = authority.substr(authority.rfind('@') + 1);
  setting.url = text;
  if (!rest.substr(authority.size()).starts_with('/')) {
    setting.url.insert(text.size() - rest.size() + authority.size(), path);
  }
  return setting;
}

Status read_scrape_numbers(const YamlNode& item, ScrapeSetting& job) {
  if (const YamlNode* n = item.find("honor_labels")) {
    TRY(job.honor_labels, n->boolean("honor_labels"));
  }
  if (const YamlNode* n = item.find("samples_max")) {
    TRY(const auto number, n->integer("samples_max"));
    if (number < 1 || number > 500'000) return n->error("'samples_max' must be from 1 to 500000");
    job.samples_max = static_cast<std::size_t>(number);
  }
  if (const YamlNode* n = item.find("body_max_mb")) {
    TRY(const auto number, n->integer("body_max_mb"));
    if (number < 1 || number > 128) return n->error("'body_max_mb' must be from 1 to 128");
    job.body_bytes_max = static_cast<std::uint64_t>(number) << 20;
  }
  return {};
}

Status read_scrape(const YamlNode& item, const SecretReader& secret,
                   std::vector<ScrapeSetting>& out) {
  TRY_STATUS(item.must_be_map("a scrape"));
  TRY_STATUS(
      item.check_keys({"name", "targets", "scheme", "path", "interval", "timeout", "tenant",
                       "labels", "honor_labels", "samples_max", "body_max_mb", "token", "headers"},
                      "a scrape"));
  ScrapeSetting job;
  TRY(job.job, required(item, "name", "a scrape"));
  TRY(job.tenant, read_tenant(item));
  TRY(job.access, read_access(item, secret, {}));
  TRY_STATUS(read_scrape_numbers(item, job));
  if (const YamlNode* n = item.find("labels")) {
    TRY(job.labels, read_pairs(*n, "labels"));
  }
  const auto word = [&](std::string_view key, std::string_view fallback) {
    const YamlNode* const node = item.find(key);
    return node == nullptr ? std::string(fallback) : node->raw_text();
  };
  const std::string scheme = word("scheme", "http");
  const std::string path = word("path", "/metrics");
  if (scheme != "http" && scheme != "https") return item.error("'scheme' must be http or https");
  if (!path.starts_with('/')) return item.error("'path' must begin with '/'");
  const YamlNode* const targets = item.find("targets");
  if (targets == nullptr) return item.error("a scrape needs 'targets'");
  TRY(const auto list, targets->list("targets"));
  for (const YamlNode& target : list) {
    TRY(auto setting, read_target(target, job, scheme, path));
    out.push_back(std::move(setting));
  }
  return {};
}

Status read_query(const YamlNode& item, PollSetting setting, std::vector<PollSetting>& out) {
  TRY_STATUS(item.must_be_map("a query"));
  TRY_STATUS(item.check_keys({"name", "query", "labels"}, "a query"));
  TRY(setting.name, required(item, "name", "a query"));
  TRY(setting.query, required(item, "query", "a query"));
  if (const YamlNode* n = item.find("labels")) {
    TRY(setting.labels, read_pairs(*n, "labels"));
  }
  for (const PollSetting& other : out) {
    if (other.name == setting.name && other.source == setting.source) {
      return item.error(fmt::format("there are two queries named '{}'", setting.name));
    }
  }
  out.push_back(std::move(setting));
  return {};
}

Status read_poll(const YamlNode& item, const SecretReader& secret, std::vector<PollSetting>& out) {
  TRY_STATUS(item.must_be_map("a poll"));
  TRY_STATUS(item.check_keys(
      {"name", "url", "interval", "timeout", "catch_up", "tenant", "token", "headers", "queries"},
      "a poll"));
  PollSetting setting;
  TRY(setting.source, required(item, "name", "a poll"));
  TRY(setting.url, required(item, "url", "a poll"));
  TRY_STATUS(check_url(*item.find("url"), setting.url));
  while (setting.url.ends_with('/')) setting.url.pop_back();
  TRY(setting.tenant, read_tenant(item));
  TRY(setting.access,
      read_access(item, secret,
                  {.interval = std::chrono::minutes(1), .timeout = std::chrono::seconds(30)}));
  if (const YamlNode* n = item.find("catch_up")) {
    TRY(setting.catch_up, read_interval(*n, "catch_up"));
  }
  const YamlNode* const queries = item.find("queries");
  if (queries == nullptr) return item.error("a poll needs 'queries'");
  TRY(const auto list, queries->list("queries"));
  for (const YamlNode& query : list) TRY_STATUS(read_query(query, setting, out));
  return {};
}

}  // namespace

Result<std::vector<ScrapeSetting>> read_scrapes(const YamlNode& node, const SecretReader& secret) {
  std::vector<ScrapeSetting> scrapes;
  TRY(const auto items, node.list("scrape"));
  for (const YamlNode& item : items) TRY_STATUS(read_scrape(item, secret, scrapes));
  if (scrapes.size() > kTasksMax) {
    return node.error(fmt::format("there are more than {} targets", kTasksMax));
  }
  return scrapes;
}

Result<std::vector<PollSetting>> read_polls(const YamlNode& node, const SecretReader& secret) {
  std::vector<PollSetting> polls;
  TRY(const auto items, node.list("poll"));
  for (const YamlNode& item : items) TRY_STATUS(read_poll(item, secret, polls));
  if (polls.size() > kTasksMax) {
    return node.error(fmt::format("there are more than {} queries", kTasksMax));
  }
  return polls;
}

}  // namespace quell
