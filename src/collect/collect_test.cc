#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "base/time.h"
#include "collect/poll.h"
#include "collect/scrape.h"
#include "model/sample.h"
#include "wire/remote_write.h"

namespace quell {
namespace {

const Timestamp kNow = *parse_rfc3339("2026-11-21T08:10:00.250Z");

// What a server reads from the frame: the samples, by their distance from `now`.
std::string text_of(Frame frame, Timestamp now, std::string_view without = "") {
  frame.arrived_at = now;
  RemoteWriteDecoded out;
  decode_remote_write(frame, {}, out);
  std::string text;
  for (const auto& run : out.samples.series) {
    const auto labels = SeriesLabels::parse(out.samples.key(run), {});
    const std::string name = labels ? labels->to_string() : labels.error().to_string();
    if (!without.empty() && name.starts_with(without)) continue;
    text += name;
    for (std::size_t i = run.first; i < run.first + run.count; ++i) {
      const double v = out.samples.values.at(i);
      const auto age = (out.samples.times.at(i) - now) / std::chrono::milliseconds(1);
      text += is_stale_marker(v) ? std::string(" stale") : fmt::format(" {:g}", v);
      if (age != 0) text += fmt::format("@{}", age);
    }
    text += '\n';
  }
  for (const MetricMetadata& m : out.samples.metadata) {
    text += fmt::format("# {} {} {}\n", m.metric, series_kind_name(m.kind), m.help);
  }
  for (const Rejected& r : out.rejected) text += "rejected " + r.reason + "\n";
  return text;
}

ScrapeSetting shop() {
  return {.job = "shop", .instance = "a:1", .url = "http://a:1/metrics", .tenant = "default"};
}

CollectAnswer page(std::string body, int status = 200) {
  return {.http_status = status, .content_type = "text/plain", .body = std::move(body)};
}

std::string scraped(ScrapeTarget& target, const CollectAnswer& answer, Timestamp at = kNow) {
  return text_of(target.on_answer(answer, at, std::chrono::milliseconds(20)), at,
                 "scrape_duration_seconds");
}

std::string report(int up, int scraped, int added) {
  return fmt::format(
      "up{{instance=\"a:1\", job=\"shop\"}} {}\n"
      "scrape_samples_scraped{{instance=\"a:1\", job=\"shop\"}} {}\n"
      "scrape_series_added{{instance=\"a:1\", job=\"shop\"}} {}\n",
      up, scraped, added);
}

TEST(Scrape, SamplesAndReport) {
  ScrapeTarget target(shop());
  const std::string body =
      "# HELP a Why.\n# TYPE a gauge\na{b=\"c\"} 1\na{b=\"d\"} 2 1795248599000\n";
  EXPECT_EQ(scraped(target, page(body)),
            "a{b=\"c\", instance=\"a:1\", job=\"shop\"} 1\n"
            "a{b=\"d\", instance=\"a:1\", job=\"shop\"} 2@-1250\n" +
                report(1, 2, 1) + "# a gauge Why.\n");
  // Metadata is sent again when it changes.
  EXPECT_EQ(scraped(target, page(body)),
            "a{b=\"c\", instance=\"a:1\", job=\"shop\"} 1\n"
            "a{b=\"d\", instance=\"a:1\", job=\"shop\"} 2@-1250\n" +
                report(1, 2, 0));
  EXPECT_EQ(target.facts().rounds, 2u);
  EXPECT_TRUE(target.facts().up);
}

TEST(Scrape, SeriesThatAreGoneAreMarked) {
  ScrapeTarget target(shop());
  (void)scraped(target, page("a 1\nb 2\nc 3 1795248599000\n"));
  EXPECT_EQ(scraped(target, page("a 1\n")),
            "a{instance=\"a:1\", job=\"shop\"} 1\nb{instance=\"a:1\", job=\"shop\"} stale\n" +
                report(1, 1, 0));
  EXPECT_EQ(scraped(target, page("a 1\n")),
            "a{instance=\"a:1\", job=\"shop\"} 1\n" + report(1, 1, 0));
  const auto down = [&](const CollectAnswer& answer, std::string_view error) {
    (void)scraped(target, page("a 1\n"));
    EXPECT_EQ(scraped(target, answer),
              "a{instance=\"a:1\", job=\"shop\"} stale\n" + report(0, 0, 0));
    EXPECT_EQ(target.facts().error, error);
    EXPECT_FALSE(target.facts().up);
  };
  down(page("a 1\n", 500), "the target answers 500");
  down(page("a 1\na x\n"), "line 2: 'x' is no value");
  down({.status = fail(Errc::Unavailable, "cannot connect to a:1: no")},
       "cannot connect to a:1: no");
  down({.http_status = 200, .content_type = "text/html", .body = "<"},
       "the answer is 'text/html': a target answers text/plain or application/openmetrics-text");
  EXPECT_EQ(scraped(target, page("a 1\n")),
            "a{instance=\"a:1\", job=\"shop\"} 1\n" + report(1, 1, 1));
  EXPECT_EQ(text_of(target.end(kNow), kNow, "scrape_duration"),
            "a{instance=\"a:1\", job=\"shop\"} stale\nup{instance=\"a:1\", job=\"shop\"} stale\n"
            "scrape_samples_scraped{instance=\"a:1\", job=\"shop\"} stale\n"
            "scrape_series_added{instance=\"a:1\", job=\"shop\"} stale\n");
}

TEST(Scrape, WhatALostFrameSaidIsSaidAgain) {
  ScrapeTarget target(shop());
  (void)scraped(target, page("a 1\nb 2\n"));
  (void)scraped(target, page("a 1\n"));
  target.on_lost({Errc::Exhausted, "the disk is full", {}});
  EXPECT_EQ(target.facts().error, "what was collected is lost: the disk is full");
  EXPECT_EQ(scraped(target, page("a 1\n")),
            "a{instance=\"a:1\", job=\"shop\"} 1\nb{instance=\"a:1\", job=\"shop\"} stale\n" +
                report(1, 1, 0));
}

TEST(Scrape, LabelsOfTheTargetWin) {
  ScrapeSetting setting = shop();
  setting.labels = {{"env", "prod"}, {"instance", "web"}};
  ScrapeTarget target(setting);
  const std::string body = "a{job=\"x\",env=\"y\",z=\"\"} 1\n";
  EXPECT_TRUE(scraped(target, page(body))
                  .starts_with("a{env=\"prod\", exported_env=\"y\", exported_job=\"x\", "
                               "instance=\"web\", job=\"shop\"} 1\n"));
  setting.honor_labels = true;
  ScrapeTarget honest(setting);
  EXPECT_TRUE(
      scraped(honest, page(body)).starts_with("a{env=\"y\", instance=\"web\", job=\"x\"} 1\n"));
  EXPECT_TRUE(scraped(target, page("a{b=\"1\",b=\"2\"} 1\n")).contains("job=\"shop\"} 0\n"));
  EXPECT_EQ(target.facts().error, "line 1: the label 'b' appears twice");
  // The same series twice: the first one counts.
  EXPECT_TRUE(scraped(target, page("a 1\na 2\n"))
                  .starts_with("a{env=\"prod\", instance=\"web\", "
                               "job=\"shop\"} 1\nup"));
}

void check_shown(std::string_view url, std::string_view want) {
  EXPECT_EQ(shown_address(url), want) << url;
}

TEST(Scrape, SecretsOfTheAddressAreNotShown) {
  check_shown("http://a:1/metrics", "http://a:1/metrics");
  check_shown("http://admin:hunter2@a:1/metrics?key=s3cr3t", "http://a:1/metrics");
  check_shown("https://u:p@q@a?x=b@c#d", "https://a");
  check_shown("https://a/x@y", "https://a/x@y");
  check_shown("u:p@a:1", "a:1");
  ScrapeSetting setting = shop();
  setting.url = "http://admin:hunter2@a:1/metrics?key=s3cr3t";
  ScrapeTarget target(setting);
  (void)scraped(target, page("a 1\n"));
  EXPECT_EQ(target.facts().target, "http://a:1/metrics");
}

PollSetting errors() {
  return {.source = "up1",
          .url = "http://p:9090",
          .tenant = "default",
          .name = "errors",
          .query = "sum(rate(e[5m]))",
          .labels = {{"via", "p"}},
          .catch_up = std::chrono::minutes(5),
          .access = {.interval = std::chrono::minutes(1)}};
}

std::string asked(const PollQuery& poll, Timestamp now) {
  const auto q = poll.question(now);
  return q.path + " " + q.form;
}

CollectAnswer json(std::string body, int status = 200) {
  return {.http_status = status, .content_type = "application/json", .body = std::move(body)};
}

std::string polled(PollQuery& poll, const CollectAnswer& answer, Timestamp now = kNow) {
  const auto question = poll.question(now);
  const Timestamp at{std::chrono::milliseconds(question.last_ms)};
  Frame frame = poll.on_answer(question, answer, at, std::chrono::milliseconds(20));
  poll.on_kept();
  return text_of(std::move(frame), at, "poll_duration_seconds");
}

std::string poll_report(int up, int samples, int warnings) {
  return fmt::format(
      "poll_up{{query=\"errors\", source=\"up1\"}} {}\n"
      "poll_samples{{query=\"errors\", source=\"up1\"}} {}\n"
      "poll_warnings{{query=\"errors\", source=\"up1\"}} {}\n",
      up, samples, warnings);
}

constexpr std::string_view kVector =
    R"({"status":"success","data":{"resultType":"vector","result":[)"
    R"({"metric":{"__name__":"x","job":"a"},"value":[1795248600,"1.5"]},)"
    R"({"metric":{"job":"b","via":"q"},"value":[1795248600,"+Inf"]}]}})";
constexpr std::string_view kOne =
    R"({"status":"success","data":{"resultType":"vector","result":[)"
    R"({"metric":{"job":"a"},"value":[1795248600,"2"]}]},"warnings":["remote_read: slow"]})";

TEST(Poll, Answers) {
  PollQuery poll(errors(), std::nullopt);
  EXPECT_EQ(asked(poll, kNow),
            "/api/v1/query query=sum%28rate%28e%5B5m%5D%29%29&time=1795248600.000");
  EXPECT_EQ(polled(poll, json(std::string(kVector))),
            "errors{job=\"a\", via=\"p\"} 1.5\nerrors{job=\"b\", via=\"p\"} inf\n" +
                poll_report(1, 2, 0));
  EXPECT_EQ(polled(poll, json(std::string(kOne))),
            "errors{job=\"a\", via=\"p\"} 2\nerrors{job=\"b\", via=\"p\"} stale\n" +
                poll_report(1, 1, 1));
  EXPECT_EQ(poll.facts().warnings, std::vector<std::string>{"remote_read: slow"});
  PollQuery scalar(errors(), std::nullopt);
  EXPECT_EQ(polled(scalar, json(R"({"status":"success","data":{"resultType":"scalar",)"
                                R"("result":[1795248600,"7"]}})")),
            "errors{via=\"p\"} 7\n" + poll_report(1, 1, 0));
}

TEST(Poll, CatchesUpAfterAnOutage) {
  const auto minutes = [](int n) { return kNow + std::chrono::minutes(n); };
  PollQuery poll(errors(), std::nullopt);
  (void)polled(poll, json(std::string(kVector)));
  EXPECT_TRUE(asked(poll, minutes(1)).starts_with("/api/v1/query "));
  EXPECT_TRUE(
      asked(poll, minutes(3)).ends_with("&start=1795248660.000&end=1795248780.000&step=60.000"));
  // At most five minutes back.
  EXPECT_TRUE(
      asked(poll, minutes(60)).ends_with("&start=1795251900.000&end=1795252200.000&step=60.000"));
  EXPECT_EQ(polled(poll,
                   json(R"({"status":"success","data":{"resultType":"matrix","result":[)"
                        R"({"metric":{"job":"a"},"values":[[1795248660,"1"],[1795248720,"2"]]},)"
                        R"({"metric":{"job":"b"},"values":[[1795248720,"3"]]},)"
                        R"({"metric":{"job":"c"},"values":[[1795248660,"4"]]}]}})"),
                   minutes(2)),
            "errors{job=\"a\", via=\"p\"} 1@-60000 2\nerrors{job=\"b\", via=\"p\"} 3\n"
            "errors{job=\"c\", via=\"p\"} 4@-60000\n" +
                poll_report(1, 4, 0));
  // From an earlier life.
  PollQuery again(errors(), minutes(-2));
  EXPECT_TRUE(asked(again, kNow).starts_with("/api/v1/query_range "));
}

// `first-last` in minutes after kNow's.
std::string asked_minutes(const PollQuery& poll, Timestamp now) {
  const auto q = poll.question(now);
  const std::int64_t zero = to_unix_ms(kNow) / 60'000;
  return fmt::format("{}-{}", q.first_ms / 60'000 - zero, q.last_ms / 60'000 - zero);
}

TEST(Poll, LongRangesThatFailAreHalvedAndNothingIsPassedOver) {
  const CollectAnswer late{.status = fail(Errc::Timeout, "late")};
  const CollectAnswer none =
      json(R"({"status":"success","data":{"resultType":"matrix","result":[]}})");
  PollSetting setting = errors();
  setting.catch_up = std::chrono::hours(1);
  PollQuery poll(setting, kNow);
  const Timestamp now = kNow + std::chrono::minutes(16);
  EXPECT_EQ(asked_minutes(poll, now), "1-16");
  for (const std::string_view want : {"1-8", "1-4", "1-2", "1-1", "1-1"}) {
    (void)polled(poll, late, now);
    EXPECT_EQ(asked_minutes(poll, now), want);
  }
  EXPECT_GT(poll.next(now), now);
  for (const std::string_view want : {"2-3", "4-7", "8-15", "16-16"}) {
    (void)polled(poll, none, now);
    EXPECT_EQ(asked_minutes(poll, now), want);
    EXPECT_EQ(poll.next(now), now);  // At once.
  }
  (void)polled(poll, none, now);
  EXPECT_EQ(poll.next(now), Timestamp{std::chrono::floor<std::chrono::minutes>(
                                now.time_since_epoch() + std::chrono::minutes(1))});
}

TEST(Poll, WhatIsLostIsAskedAgain) {
  PollQuery poll(errors(), std::nullopt);
  (void)polled(poll, json(std::string(kVector)));
  const Timestamp now = kNow + std::chrono::minutes(2);
  EXPECT_EQ(asked_minutes(poll, now), "1-2");
  const auto question = poll.question(now);
  (void)poll.on_answer(question, json(std::string(kOne)), now, std::chrono::milliseconds(20));
  poll.on_lost({Errc::Unavailable, "the disk is full", {}});
  EXPECT_EQ(asked_minutes(poll, now), "1-2");
  EXPECT_EQ(poll.facts().error, "what was collected is lost: the disk is full");
  EXPECT_GT(poll.next(now), now);
  EXPECT_TRUE(polled(poll, json(std::string(kOne)), now).contains("job=\"b\", via=\"p\"} stale"));
}

TEST(Poll, FailuresAndBackOff) {
  PollQuery poll(errors(), std::nullopt);
  const auto wait = [&] {
    return std::chrono::ceil<std::chrono::seconds>(poll.next(kNow) - kNow).count();
  };
  (void)polled(poll, json(std::string(kVector)));
  EXPECT_EQ(wait(), 60);
  EXPECT_EQ(poll.next(kNow), Timestamp{std::chrono::seconds(1795248660)});
  EXPECT_EQ(polled(poll, json(R"({"status":"error","errorType":"bad_data","error":"no"})", 400)),
            poll_report(0, 0, 0));
  EXPECT_EQ(poll.facts().error, "the server answers 400: no");
  EXPECT_EQ(wait(), 60);
  for (const int want : {120, 240, 300, 300}) {
    (void)polled(poll, {.status = fail(Errc::Timeout, "p:9090 did not answer within 30s")});
    EXPECT_EQ(wait(), want);
  }
  EXPECT_EQ(poll.facts().failures, 5u);
  EXPECT_EQ(poll.facts().error, "p:9090 did not answer within 30s");
  for (const auto& [body, error] :
       {std::pair("[]", "the server answers 200"),
        std::pair("{",
                  "byte 1 (line 1, column 2): not "
                  "valid JSON: incomplete JSON"),
        std::pair(R"({"status":"success"})",
                  "the answer is not Prometheus' JSON: there is no 'data'"),
        std::pair(R"({"status":"success","data":{"result":[{"metric":{},"value":[1]}]}})",
                  "the answer is not Prometheus' JSON: a value that is none"),
        std::pair(R"({"status":"success","data":{"result":[{"value":[1,"1"]}]}})",
                  "the answer is not Prometheus' JSON: a result without 'metric'")}) {
    EXPECT_EQ(polled(poll, json(body)), poll_report(0, 0, 0));
    EXPECT_EQ(poll.facts().error, error);
  }
  // Nothing was forgotten: the next answer ends what is gone.
  EXPECT_TRUE(polled(poll, json(std::string(kOne))).contains("job=\"b\", via=\"p\"} stale"));
  EXPECT_EQ(text_of(poll.end(kNow), kNow, "poll_"), "errors{job=\"a\", via=\"p\"} stale\n");
}

}  // namespace
}  // namespace quell
