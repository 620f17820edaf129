#include "app/settings.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "app/service.h"

namespace quell {
namespace {

std::string outcome(std::string_view yaml, const Environment& environment = {}) {
  const auto settings = parse_settings(yaml, "q.yaml", environment, no_files());
  return settings ? "ok" : settings.error().to_string();
}

void check_target(std::string_view target, std::string_view instance, std::string_view url) {
  const auto settings =
      parse_settings(fmt::format("scrape: [{{name: a, targets: ['{}']}}]", target), "q.yaml",
                     Environment{}, no_files());
  ASSERT_TRUE(settings) << settings.error().to_string();
  EXPECT_EQ(settings->collect.scrapes.front().instance, instance);
  EXPECT_EQ(settings->collect.scrapes.front().url, url);
}

TEST(Settings, InstancesHoldNoSecrets) {
  check_target("h:1", "h:1", "http://h:1/metrics");
  check_target("https://h:1", "h:1", "https://h:1/metrics");
  check_target("http://kim:pw@h:1/m?key=s", "h:1", "http://kim:pw@h:1/m?key=s");
  check_target("http://kim:pw@h?key=s", "h", "http://kim:pw@h/metrics?key=s");
}

TEST(Settings, ErrorsSayWhatAndWhere) {
  EXPECT_EQ(outcome(""), "ok");
  EXPECT_EQ(outcome("server: {listen: '127.0.0.1:0'}"), "ok");
  EXPECT_NE(outcome("servr: {}").find("did you mean 'server'"), std::string::npos);
  EXPECT_NE(outcome("incidents: {windo: 5m}").find("did you mean 'window'"), std::string::npos);
  EXPECT_EQ(outcome("incidents: {window: 5}"),
            "q.yaml:1:21: 'incidents.window': '5' is not a duration such as 30s, 5m or 1h30m");
  EXPECT_EQ(outcome("correlation: {rules: [{name: all}]}"),
            "q.yaml:1:23: rule 'all' has neither match nor group_by: it would put everything into "
            "one incident");
  EXPECT_EQ(outcome("thresholds: [{metric: cpu}]"),
            "q.yaml:1:14: threshold 'cpu' needs warning or critical");
  EXPECT_EQ(outcome("sources: [{name: gihub, secret: abc}]"),
            "q.yaml:1:18: 'gihub' is neither a built-in source nor a provider pack, did you mean "
            "'github'?");
  EXPECT_EQ(outcome("sources: [{name: mine, kind: grafana}]"), "ok");
  EXPECT_EQ(outcome("scrape: [{name: a, targets: ['kim:pw@h:1']}]"),
            "q.yaml:1:30: a target with a user must be a whole URL: "
            "http://user:password@host:port");
  EXPECT_EQ(outcome("scrape: [{name: a, targets: ['ftp://kim:pw@h?k=s']}]"),
            "q.yaml:1:30: 'ftp://h' does not begin with http:// or https://");
  EXPECT_EQ(outcome("server: {body_max: 0}"),
            "q.yaml:1:20: 'server.body_max': '0' is not a size such as 64MB, from 1KB to 1024MB");
  EXPECT_EQ(outcome("server: {tokens: [{name: a, token: short}]}"),
            "q.yaml:1:36: a token has at least 16 characters, so that it cannot be guessed");
}

TEST(Settings, VariablesOverrideTheFile) {
  const Environment environment{{"QUELL_INCIDENTS_WINDOW", "3m"}, {"QUELL_UNRELATED", "x"}};
  const auto settings =
      parse_settings("incidents: {window: 5m}", "q.yaml", environment, no_files());
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->pipeline.correlation.window, std::chrono::minutes(3));
  EXPECT_EQ(outcome("", {{"QUELL_INCIDENTS_WINDOW", "soon"}}),
            "QUELL_INCIDENTS_WINDOW: 'soon' is not a duration such as 30s, 5m or 1h30m");
}

TEST(Settings, TheTimeZoneOfDetectionIsThatOfItsRules) {
  EXPECT_EQ(outcome("detection: {timezone: Europe/Berlim}"),
            "q.yaml:1:23: 'detection.timezone': there is no time zone 'Europe/Berlim', did you "
            "mean 'Europe/Berlin'?");
  EXPECT_EQ(outcome("", {{"QUELL_DETECTION_TIMEZONE", "CET-1CEST"}}),
            "QUELL_DETECTION_TIMEZONE: time zone 'CET-1CEST': expected ',Mmonth.week.day'");
  constexpr std::string_view kText =
      "detection:\n"
      "  rules:\n"
      "    - {metric: a, weekdays: mon-fri}\n"
      "    - {metric: b, weekdays: mon-fri, timezone: Asia/Tokyo}\n"
      "    - {metric: c, detector: seasonal}\n"
      "  timezone: Europe/Berlin\n";
  const auto settings = parse_settings(kText, "q.yaml", {}, no_files());
  ASSERT_TRUE(settings) << settings.error().to_string();
  const auto again = parse_pipeline_config(settings->pipeline_text);
  ASSERT_TRUE(again) << again.error().to_string();
  for (const FindingOptions& options : {settings->pipeline.detection, again->detection}) {
    EXPECT_EQ(options.calendar.posix(), "CET-1CEST,M3.5.0,M10.5.0/3");
    ASSERT_EQ(options.rules.size(), 3u);
    EXPECT_EQ(options.rules[0].gate.calendar.posix(), options.calendar.posix());
    EXPECT_EQ(options.rules[1].gate.calendar.posix(), "JST-9");
    EXPECT_EQ(options.rules[2].detector.calendar.posix(), options.calendar.posix());
  }
}

TEST(Settings, VariablesThatLookLikeASlipAreTold) {
  const Environment environment{{"QUELL_SERVER_LISTN", "127.0.0.1:1"},
                                {"QUELL_SERVICE_HOST", "10.0.0.1"},
                                {"QUELL_GITHUB_SECRET", "x"}};
  const auto settings = parse_settings("", "q.yaml", environment, no_files());
  ASSERT_TRUE(settings);
  ASSERT_EQ(settings->warnings.size(), 1u);
  EXPECT_EQ(settings->warnings[0],
            "the variable QUELL_SERVER_LISTN sets nothing, did you mean QUELL_SERVER_LISTEN?");
}

TEST(Settings, ThePipelinesPartComesBackTheSame) {
  const auto settings = parse_settings(
      "hold: [{match: 'severity=\"info\"', for: 1m}]\n"
      "incidents: {join_score: 0.4, open_severity: warning}\n"
      "thresholds: [{metric: cpu_load, warning: 80}]\n"
      "topology: {services: [{name: a, depends_on: [b]}]}\n",
      "q.yaml", {}, no_files());
  ASSERT_TRUE(settings);
  const auto again = parse_pipeline_config(settings->pipeline_text);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->alerts.holds.size(), 1u);
  EXPECT_EQ(again->correlation.join_score, 0.4);
  EXPECT_EQ(again->correlation.open_severity, Severity::Warning);
  EXPECT_EQ(again->thresholds.size(), 1u);
  EXPECT_EQ(again->topology.edges().size(), 1u);
  EXPECT_EQ(again->correlation.rules.size(), 2u) << "the default rules";
}

TEST(Settings, TheTopologyMayHaveAFileOfItsOwn) {
  const std::string path = testing::TempDir() + "quell-topology.yaml";
  std::FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs("services: [{name: a, depends_on: [b]}]\n", file);
  std::fclose(file);
  const auto settings =
      parse_settings(fmt::format("topology: {{file: '{}'}}", path), "q.yaml", {}, real_files());
  ASSERT_TRUE(settings) << settings.error().to_string();
  EXPECT_EQ(settings->pipeline.topology.edges().size(), 1u);
  EXPECT_NE(outcome("topology: {file: a.yaml, services: []}").find("'services'"),
            std::string::npos);
}

// UPDATE_GOLDEN=1 writes the page.
TEST(Settings, TheReferenceIsCurrent) {
  const std::string path = QUELL_SOURCE_DIR "/docs/configuration.md";
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    ASSERT_NE(file, nullptr);
    std::fputs(configuration_reference().c_str(), file);
    std::fclose(file);
  }
  EXPECT_EQ(real_files().read(path).value_or(""), configuration_reference());
}

}  // namespace
}  // namespace quell
