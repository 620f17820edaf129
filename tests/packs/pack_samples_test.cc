// Every pack against the samples beside it, and what must hold between them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "model/event_json.h"
#include "normalize/pack_decoder.h"
#include "normalize/pack_library.h"
#include "sample_files.h"

namespace quell {
namespace {

const PackLibrary& library() {
  static const PackLibrary kLibrary = PackLibrary::built_in();
  return kLibrary;
}

Decoded decode_sample(std::string_view pack, std::string_view name) {
  PackScratch scratch;
  return decode_with_pack(*library().find(pack), sample_frame(pack, name), scratch);
}

Event only(const Decoded& decoded) {
  EXPECT_EQ(decoded.events.size(), 1u);
  EXPECT_EQ(decoded.rejected.size(), 0u);
  return decoded.events.empty() ? Event{} : decoded.events[0];
}

// UPDATE_GOLDEN=1 writes what came out; `git diff` is the review.
TEST(PackSamples, GiveTheExpectedEvents) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const bool update = std::getenv("UPDATE_GOLDEN") != nullptr;
  const auto samples = all_samples();
  EXPECT_GT(samples.size(), 60u);
  PackScratch scratch;
  for (const SampleFile& sample : samples) {
    SCOPED_TRACE(sample.body.string());
    const Pack* pack = library().find(sample.pack);
    ASSERT_NE(pack, nullptr) << "no pack of that name";
    const Decoded decoded = decode_with_pack(*pack, sample_frame(sample), scratch);
    const std::string got = render_decoded_json(decoded);
    const auto golden = sample.beside(".expected.json");
    if (update) write_test_file(golden, got);
    EXPECT_EQ(got, read_test_file(golden));
  }
}

// What opens an alert and what ends it must speak of the same alert.
void check_joins(std::string_view pack, std::string_view firing, std::string_view resolved) {
  SCOPED_TRACE(std::string(pack) + ": " + std::string(firing) + ", " + std::string(resolved));
  const Decoded opens = decode_sample(pack, firing);
  const Decoded ends = decode_sample(pack, resolved);
  ASSERT_FALSE(opens.events.empty());
  const Event& opened = opens.events[0];
  const Event ended = only(ends);
  EXPECT_EQ(opened.kind, EventKind::Alert);
  EXPECT_EQ(ended.kind, EventKind::Alert);
  EXPECT_EQ(opened.status, EventStatus::Firing);
  EXPECT_EQ(ended.status, EventStatus::Resolved);
  EXPECT_EQ(alert_fingerprint(opened), alert_fingerprint(ended));
  EXPECT_EQ(opened.source, ended.source);
  EXPECT_EQ(opened.entity, ended.entity);
  EXPECT_FALSE(opened.entity.empty());
  EXPECT_TRUE(opened.id.empty() || opened.id != ended.id) << "the end would be a duplicate";
  EXPECT_LT(opened.time, ended.time);
  EXPECT_TRUE(ended.ends_at.has_value());
}

TEST(PackSamples, TriggerAndResolveAreOneAlert) {
  check_joins("pagerduty", "triggered.json", "resolved.json");
  check_joins("datadog", "triggered.json", "recovered.json");
  check_joins("grafana", "firing.json", "resolved.json");
  check_joins("argocd", "health_degraded.json", "health_healthy.json");
  check_joins("sentry", "issue_alert.json", "issue_resolved.json");
  check_joins("sentry", "issue_created.json", "issue_resolved.json");
  check_joins("sentry", "metric_alert_critical.json", "metric_alert_resolved.json");
  check_joins("opsgenie", "create.json", "close.json");
  check_joins("cloudwatch-sns", "alarm.json", "ok.json");
  check_joins("azure-monitor", "fired.json", "resolved.json");
  check_joins("zabbix", "problem.json", "recovery.json");
  check_joins("nagios", "service_problem.form", "service_recovery.form");
  check_joins("uptime-kuma", "down.json", "up.json");
  check_joins("generic", "one_alert.json", "one_resolved.json");
}

TEST(PackSamples, AcknowledgementsSpeakOfTheSameAlert) {
  const auto check = [](std::string_view pack, std::string_view firing, std::string_view acked) {
    const Decoded opens = decode_sample(pack, firing);
    const Decoded acks = decode_sample(pack, acked);
    EXPECT_EQ(only(acks).status, EventStatus::Acknowledged) << pack;
    EXPECT_EQ(alert_fingerprint(only(opens)), alert_fingerprint(only(acks))) << pack;
  };
  check("pagerduty", "triggered.json", "acknowledged.json");
  check("opsgenie", "create.json", "acknowledge.json");
  check("zabbix", "problem.json", "acknowledged.json");
  check("nagios", "service_problem.form", "service_acknowledged.form");
}

void check_change(std::string_view pack, std::string_view sample, std::string_view entity) {
  SCOPED_TRACE(std::string(pack) + ": " + std::string(sample));
  const Decoded decoded = decode_sample(pack, sample);
  ASSERT_FALSE(decoded.events.empty());
  const Event& change = decoded.events[0];
  EXPECT_EQ(change.kind, EventKind::Change);
  EXPECT_EQ(change.status, EventStatus::None);
  EXPECT_EQ(change.entity.to_string(), entity);
  EXPECT_FALSE(change.title.empty());
}

TEST(PackSamples, ChangesNameTheirEntity) {
  check_change("github", "push.json", "service:checkout");
  check_change("github", "pull_request_merged.json", "service:checkout");
  check_change("github", "deployment.json", "service:checkout");
  check_change("github", "deployment_status_success.json", "service:checkout");
  check_change("gitlab", "push.json", "service:checkout");
  check_change("gitlab", "merge_request_merged.json", "service:checkout");
  check_change("gitlab", "deployment_success.json", "service:checkout");
  check_change("gitlab", "release.json", "service:checkout");
  check_change("jenkins", "deploy_finalized.json", "service:checkout");
  check_change("jenkins", "deploy_failed.json", "service:payments");
  check_change("argocd", "sync_succeeded.json", "service:checkout");
  check_change("kubernetes-event", "list.json", "workload:checkout");
}

// A commit joins what GitHub, GitLab, Jenkins and Argo CD say of it.
TEST(PackSamples, TheCommitIsTheCorrelationIdAcrossTools) {
  const std::string commit = "9f2c1d7be04a6a1d0d7d8f4f7a5c3e2b1a09f8e7";
  const auto check = [&](std::string_view pack, std::string_view sample) {
    const Decoded decoded = decode_sample(pack, sample);
    EXPECT_EQ(only(decoded).correlation_id, commit) << pack << '/' << sample;
  };
  check("github", "push.json");
  check("github", "pull_request_merged.json");
  check("github", "deployment_status_failure.json");
  check("github", "workflow_run_failure.json");
  check("github", "check_run_failure.json");
  check("gitlab", "push.json");
  check("gitlab", "deployment_failed.json");
  check("gitlab", "pipeline_failed.json");
  check("jenkins", "deploy_finalized.json");
  check("argocd", "sync_succeeded.json");
}

TEST(PackSamples, FormsGiveTheSameAsJson) {
  const auto check = [](std::string_view pack, std::string_view json, std::string_view form) {
    Event a = only(decode_sample(pack, json));
    Event b = only(decode_sample(pack, form));
    a.id = b.id = "";
    EXPECT_EQ(render_event_json(a), render_event_json(b)) << pack;
  };
  check("github", "push.json", "push_form.form");
  check("datadog", "triggered.json", "triggered_form.form");
  check("uptime-kuma", "down.json", "down_multipart.multipart");
}

TEST(PackSamples, ASubscriptionLinkIsShownOnlyWhenItIsAmazons) {
  const Decoded ours = decode_sample("cloudwatch-sns", "subscription_confirmation.json");
  const Event note = only(ours);
  ASSERT_EQ(note.links.size(), 1u);
  EXPECT_TRUE(note.links[0].href.starts_with("https://sns.eu-central-1.amazonaws.com/"));
  const auto foreign =
      decode_sample("cloudwatch-sns", "subscription_confirmation_foreign_link.json");
  EXPECT_TRUE(only(foreign).links.empty());
}

// The code block of docs/provider-packs.md that begins with `start`.
std::string block_of_docs(std::string_view page, std::string_view start) {
  const auto begin = page.find(start);
  if (begin == page.npos) return {};
  return std::string(page.substr(begin, page.find("\n```", begin) + 1 - begin));
}

TEST(PackDocs, TheExampleDoesWhatThePageSays) {
  const std::string page =
      read_test_file(std::filesystem::path(QUELL_SOURCE_DIR) / "docs/provider-packs.md");
  const auto pack = parse_pack(block_of_docs(page, "name: my-tool"), "docs/provider-packs.md");
  ASSERT_TRUE(pack) << pack.error().to_string();
  Frame frame{.arrived_at = *parse_rfc3339("2026-11-21T08:30:00Z")};
  frame.body = block_of_docs(page, "{\"env\": \"prod\", \"checks\"");
  PackScratch scratch;
  const Decoded decoded = decode_with_pack(*pack, frame, scratch);
  ASSERT_EQ(decoded.events.size(), 2u);
  EXPECT_EQ(decoded.events[0].title, "db-1: 91% of /var");
  EXPECT_EQ(decoded.events[0].source, "/my-tool/prod");
  EXPECT_EQ(decoded.events[0].severity, Severity::Error);
  EXPECT_EQ(decoded.events[0].entity.to_string(), "node:db-1");
  EXPECT_EQ(decoded.events[1].status, EventStatus::Resolved);
  EXPECT_EQ(decoded.events[1].dedup_key, "db-1/ntp");
}

TEST(PackDocs, EveryPackHasAPage) {
  for (const std::string_view name : library().names()) {
    const auto page =
        std::filesystem::path(QUELL_SOURCE_DIR) / "docs/sources" / (std::string(name) + ".md");
    EXPECT_TRUE(std::filesystem::exists(page)) << page;
  }
}

TEST(PackSamples, EveryPackHasSamples) {
  std::set<std::string> seen;
  for (const SampleFile& sample : all_samples()) seen.insert(sample.pack);
  for (const std::string_view name : library().names()) {
    EXPECT_TRUE(seen.contains(std::string(name))) << name;
  }
}

}  // namespace
}  // namespace quell
