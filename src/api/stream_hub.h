// StreamHub: what changes, sent live to everybody who subscribed (/api/v1/stream and /api/v1/ws).
//
// A message is written out once, and only while somebody listens to its topic. The latest ones are
// kept, so that a client that was away for a moment goes on where it stopped.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "api/json_views.h"
#include "api/list_query.h"
#include "api/live_view.h"
#include "http/server.h"

namespace quell {

enum class Topic : std::uint8_t {
  Incidents,
  Alerts,
  Events,
  Windows,
  DeadLetters,
  Server,
  Findings,
};
inline constexpr std::size_t kTopicCount = 7;
std::string_view topic_name(Topic topic);  // "incidents", …; Server is "status".

struct Subscription {
  std::uint8_t topics = 0;  // Bits by Topic.
  IncidentFilter incidents{};
  AlertFilter alerts{};  // Its matchers and severity hold for events too.
  http::StreamKind kind = http::StreamKind::Events;
  std::optional<std::uint64_t> last_id{};  // Resume after it.

  bool has(Topic topic) const { return (topics >> static_cast<unsigned>(topic) & 1) != 0; }
};
// Thread: any. Errors: InvalidArgument with the parameter's name.
Result<Subscription> stream_subscription(const http::Request& request, http::StreamKind kind);

struct StreamHubOptions {
  // Greater than any id of an earlier run, so that no client resumes from one of those.
  std::uint64_t first_id = 1;
  std::size_t kept_messages = 4096;
  std::size_t kept_bytes = 8 << 20;
  // Messages per second and topic. Beyond it incidents and alerts are held back, the newest state
  // of each once, and the others are skipped and counted.
  std::array<double, kTopicCount> rates{500, 500, 200, 100, 50, 2, 100};
  std::size_t held_back_max = 2000;            // Per topic; then they are skipped too.
  Duration linger = std::chrono::seconds(60);  // Topics are kept on after the last one left.
};

// Invariant: ids grow by one from message to message, over all topics. A client that resumes gets
// every message of its topics after its last id, or `reset`.
//
// Thread: the core's. Cost: publishing to a topic without subscribers is one comparison; an event
// over the rate is one addition.
class StreamHub {
 public:
  StreamHub(const StreamHubOptions& options, const AlertBook& alerts);

  void subscribe(std::shared_ptr<http::Stream> stream, Subscription subscription, Timestamp now);
  void unsubscribe(const std::shared_ptr<http::Stream>& stream, Timestamp now);

  // Whether publishing to this topic does anything: ask before gathering what it would take.
  bool wants(Topic topic) const { return topics_[index(topic)].recording; }

  void publish(const IncidentSnapshot& incident);
  void publish(const AlertSnapshot& alert);
  void publish(std::span<const EventRow> events);
  void publish(std::span<const DeadLetter> letters);
  void publish_window(std::string json);
  void publish_finding(std::string json);
  // Sends the status when it differs, its uptime apart, from the last one.
  void publish_status(const LiveView& live, Timestamp now);

  // Lets held back messages go and says what was skipped. Call it several times a second.
  void tick(Timestamp now);

  std::size_t subscriber_count() const { return subscribers_.size(); }
  std::uint64_t last_id() const { return next_id_ - 1; }

 private:
  using Subject = std::variant<std::monostate, IncidentSnapshot, AlertSnapshot,
                               std::shared_ptr<const EventRow>>;
  struct Message {
    std::uint64_t id = 0;
    Topic topic = Topic::Server;
    std::string_view event{};  // A literal.
    std::string data{};
    Subject subject{};
    std::shared_ptr<const http::StreamMessage> written[2]{};  // Events, WebSocket; when needed.
  };
  struct Subscriber {
    std::shared_ptr<http::Stream> stream{};
    Subscription wanted{};
  };
  struct HeldBack {
    std::vector<std::uint64_t> order{};
    std::unordered_map<std::uint64_t, Subject> newest{};
  };
  struct TopicState {
    std::size_t subscribers = 0;
    bool recording = false;
    std::uint64_t recorded_from = 0;  // The first id since which nothing of it is missing.
    Timestamp empty_since{};
    double tokens = 0;
    std::uint64_t skipped = 0;
    HeldBack held_back{};
  };

  static std::size_t index(Topic topic) { return static_cast<std::size_t>(topic); }
  bool take_token(Topic topic);
  void publish_or_hold(Topic topic, std::uint64_t key, Subject subject);
  void publish_subject(Topic topic, Subject subject);
  void send(Topic topic, std::string_view event, std::string data, Subject subject = {});
  void deliver(Subscriber& subscriber, Message& message);
  bool passes(const Subscription& wanted, const Subject& subject) const;
  bool can_resume(const Subscription& wanted) const;
  void send_reset(Subscriber& subscriber);
  void release(Topic topic);
  void tell_skipped(Timestamp now);
  void drop_closed(Timestamp now);
  void leave_topics(const Subscription& wanted, Timestamp now);

  const StreamHubOptions options_;
  const AlertBook& alerts_;
  std::vector<Subscriber> subscribers_;
  std::array<TopicState, kTopicCount> topics_{};
  std::deque<Message> kept_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t next_id_;
  Timestamp last_tick_{};
  Timestamp skipped_told_{};
  std::string last_status_;
};

}  // namespace quell
