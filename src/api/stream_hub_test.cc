#include "api/stream_hub.h"

#include <gtest/gtest.h>

#include "api/api_world.h"

namespace quell {
namespace {

// A client that keeps what it is sent, as `event`, or as `text` when that is wanted.
class FakeStream final : public http::Stream {
 public:
  using http::Stream::send;
  void send(std::shared_ptr<const http::StreamMessage> message) override {
    lines.emplace_back(message->event_stream());
    texts.emplace_back(message->data());
  }
  bool closed() const override { return is_closed; }
  void close() override { is_closed = true; }

  // The ids and names of what came since the last call: "7 incident, 8 alert".
  std::string take() {
    std::string summary;
    for (const std::string& line : lines) {
      if (!summary.empty()) summary += ", ";
      const auto id = line.find("id:");
      const auto event = line.find("event:");
      const auto value = [&](std::size_t from, std::size_t skip) {
        std::string_view rest = std::string_view(line).substr(from + skip);
        rest = rest.substr(0, rest.find('\n'));
        return std::string(rest.starts_with(' ') ? rest.substr(1) : rest);
      };
      summary += (id == line.npos ? "-" : value(id, 3)) + ' ' + value(event, 6);
    }
    lines.clear();
    texts.clear();
    return summary;
  }

  std::vector<std::string> lines;
  std::vector<std::string> texts;
  bool is_closed = false;
};

struct HubWorld : ApiWorld {
  StreamHubOptions options{.first_id = 100};
  std::unique_ptr<StreamHub> hub = std::make_unique<StreamHub>(options, alerts);
  Timestamp time = kStart;

  void restart(const StreamHubOptions& with) {
    options = with;
    hub = std::make_unique<StreamHub>(options, alerts);
    hub->tick(time);
  }
  std::shared_ptr<FakeStream> connect(std::string_view query, http::Headers headers = {},
                                      http::StreamKind kind = http::StreamKind::Events) {
    auto stream = std::make_shared<FakeStream>();
    const auto request =
        ApiWorld::request("GET", "/api/v1/stream" + std::string(query), {}, std::move(headers));
    hub->subscribe(stream, *stream_subscription(request, kind), time);
    return stream;
  }
  void change(IncidentId id) { hub->publish(incidents.snapshot(id)); }
  void pass(Duration duration) { hub->tick(time += duration); }
};

TEST(StreamHub, IdsGrowByOneOverAllTopics) {
  HubWorld world;
  const IncidentId id = world.open("Pool", {});
  Alert& alert = world.fire("alertname=A");
  auto all = world.connect("?topics=incidents,alerts");
  auto some = world.connect("?topics=alerts");
  world.change(id);
  world.hub->publish(world.alerts.snapshot(alert.key));
  world.change(id);
  EXPECT_EQ(all->take(), "100 incident, 101 alert, 102 incident");
  EXPECT_EQ(some->take(), "101 alert");
}

TEST(StreamHub, WhatNobodyWantsIsNotWritten) {
  HubWorld world;
  const IncidentId id = world.open("Pool", {});
  EXPECT_FALSE(world.hub->wants(Topic::Incidents));
  world.change(id);
  EXPECT_EQ(world.hub->last_id(), 99u);
  auto stream = world.connect("");
  EXPECT_TRUE(world.hub->wants(Topic::Incidents));
  EXPECT_FALSE(world.hub->wants(Topic::Events));
}

TEST(StreamHub, FiltersHoldPerClient) {
  HubWorld world;
  Alert& a = world.fire("alertname=A,service=x", Severity::Warning);
  Alert& b = world.fire("alertname=B,service=y", Severity::Critical);
  const IncidentId bad = world.open("Bad", {"alertname=B,service=y"}, 1);
  const IncidentId mild = world.open("Mild", {"alertname=A,service=x"}, 3);
  auto severe = world.connect("?topics=alerts,incidents&severity_min=error");
  auto of_x = world.connect("?topics=alerts,incidents&filter=service=%22x%22");
  world.hub->publish(world.alerts.snapshot(a.key));
  world.hub->publish(world.alerts.snapshot(b.key));
  world.change(bad);
  world.change(mild);
  EXPECT_EQ(severe->take(), "101 alert, 102 incident");
  EXPECT_EQ(of_x->take(), "100 alert, 103 incident");
}

TEST(StreamHub, ResumesOrResets) {
  HubWorld world;
  const IncidentId id = world.open("Pool", {});
  auto first = world.connect("?topics=incidents");
  for (int i = 0; i < 4; ++i) world.change(id);
  EXPECT_EQ(first->take(), "100 incident, 101 incident, 102 incident, 103 incident");
  world.hub->unsubscribe(first, world.time);
  world.change(id);  // The topic lingers: a client that comes back misses nothing.
  EXPECT_EQ(world.connect("?topics=incidents", {{"last-event-id", "102"}})->take(),
            "103 incident, 104 incident");
  EXPECT_EQ(world.connect("?topics=incidents&last_event_id=104")->take(), "");
  EXPECT_EQ(world.connect("?topics=incidents&last_event_id=99")->take(), "104 reset");
  EXPECT_EQ(world.connect("?topics=incidents&last_event_id=105")->take(), "104 reset");
  EXPECT_EQ(world.connect("?topics=incidents&last_event_id=x")->take(), "104 reset");
  // Alerts were not kept since then.
  EXPECT_EQ(world.connect("?topics=incidents,alerts&last_event_id=103")->take(), "104 reset");
}

TEST(StreamHub, KeepsABoundedNumberAndSize) {
  HubWorld world;
  world.restart({.first_id = 100, .kept_messages = 3});
  const IncidentId id = world.open("Pool", {});
  auto first = world.connect("?topics=incidents");
  for (int i = 0; i < 5; ++i) world.change(id);
  EXPECT_EQ(world.connect("?topics=incidents&last_event_id=100")->take(), "104 reset");
  EXPECT_EQ(world.connect("?topics=incidents&last_event_id=101")->take(),
            "102 incident, 103 incident, 104 incident");
  world.restart({.first_id = 100, .kept_bytes = 700});
  auto second = world.connect("?topics=incidents");
  for (int i = 0; i < 5; ++i) world.change(id);
  EXPECT_EQ(world.connect("?topics=incidents&last_event_id=101")->take(), "104 reset");
}

TEST(StreamHub, TopicsStopLingering) {
  HubWorld world;
  auto stream = world.connect("?topics=incidents");
  stream->close();
  world.pass(std::chrono::seconds(1));
  EXPECT_EQ(world.hub->subscriber_count(), 0u);
  EXPECT_TRUE(world.hub->wants(Topic::Incidents));
  world.pass(std::chrono::seconds(59));
  EXPECT_TRUE(world.hub->wants(Topic::Incidents));
  world.pass(std::chrono::seconds(1));
  EXPECT_FALSE(world.hub->wants(Topic::Incidents));
}

TEST(StreamHub, EventsOverTheRateAreSkippedAndCounted) {
  HubWorld world;
  StreamHubOptions options{.first_id = 1};
  options.rates[static_cast<std::size_t>(Topic::Events)] = 2;
  world.restart(options);
  auto stream = world.connect("?topics=events");
  const std::vector<EventRow> rows(1000);
  world.hub->publish(rows);
  world.hub->publish(rows);
  EXPECT_EQ(stream->take(), "1 event, 2 event");
  world.pass(std::chrono::milliseconds(500));  // One token came back.
  world.hub->publish(std::span(rows).first(1));
  EXPECT_EQ(stream->take(), "3 event");
  world.pass(std::chrono::milliseconds(500));
  ASSERT_EQ(stream->texts.size(), 1u);
  EXPECT_EQ(stream->texts[0], R"({"topic":"events","count":1998})");
  EXPECT_EQ(stream->take(), "4 skipped");
}

TEST(StreamHub, IncidentsOverTheRateComeLaterAsTheyThenAre) {
  HubWorld world;
  StreamHubOptions options{.first_id = 1};
  options.rates[static_cast<std::size_t>(Topic::Incidents)] = 2;
  world.restart(options);
  for (int i = 0; i < 4; ++i) world.open("Pool", {});
  auto stream = world.connect("?topics=incidents");
  for (IncidentId id = 1; id <= 4; ++id) world.change(id);
  world.incidents.edit(3, [](Incident& incident) { incident.title = "Newer"; });
  world.change(3);
  EXPECT_EQ(stream->take(), "1 incident, 2 incident");
  world.pass(std::chrono::seconds(1));
  ASSERT_EQ(stream->texts.size(), 2u);
  EXPECT_NE(stream->texts[0].find("\"title\":\"Newer\""), std::string::npos);
  EXPECT_NE(stream->texts[1].find("\"INC-000004\""), std::string::npos);
}

TEST(StreamHub, StatusOnlyWhenItChanged) {
  HubWorld world;
  auto stream = world.connect("?topics=status");
  world.hub->publish_status(world.live, world.time);
  world.hub->publish_status(world.live, world.time + std::chrono::seconds(1));
  EXPECT_EQ(stream->take(), "100 status");
  world.open("Pool", {});
  world.hub->publish_status(world.live, world.time + std::chrono::seconds(2));
  ASSERT_EQ(stream->texts.size(), 1u);
  EXPECT_NE(stream->texts[0].find("\"uptime_seconds\":2"), std::string::npos);
  // A new client sees it at once.
  EXPECT_EQ(world.connect("?topics=status")->take(), "101 status");
}

TEST(StreamHub, WebSocketsGetOneObjectPerMessage) {
  HubWorld world;
  auto stream = world.connect("?topics=windows", {}, http::StreamKind::WebSocket);
  world.hub->publish_window(R"({"scope":""})");
  ASSERT_EQ(stream->texts.size(), 1u);
  EXPECT_EQ(stream->texts[0], R"({"id":100,"event":"window","data":{"scope":""}})");
}

TEST(StreamHub, DeadLetters) {
  HubWorld world;
  auto stream = world.connect("?topics=deadletters");
  const std::vector<DeadLetter> letters(2);
  world.hub->publish(letters);
  EXPECT_EQ(stream->take(), "100 deadletter, 101 deadletter");
}

void check_subscription_error(std::string_view query, std::string_view want) {
  const auto got = stream_subscription(
      ApiWorld::request("GET", "/api/v1/stream" + std::string(query)), http::StreamKind::Events);
  EXPECT_EQ(got ? "ok" : got.error().to_string(), want) << query;
}

TEST(StreamSubscription, ErrorsNameTheParameter) {
  check_subscription_error("", "ok");
  check_subscription_error("?topics=incidents,%20alerts", "ok");
  check_subscription_error("?topics=incident",
                           "topics: 'incident' is not a topic, did you mean 'incidents'?");
  check_subscription_error("?topics=zzzzzzzzzz", "topics: 'zzzzzzzzzz' is not a topic");
  check_subscription_error("?severity_min=bad",
                           "severity_min: 'bad' is not one of info, warning, error, critical");
}

}  // namespace
}  // namespace quell
