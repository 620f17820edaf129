#include "api/stream_hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "api/system_requests.h"
#include "base/text.h"
#include "base/time.h"

namespace quell {
namespace {

constexpr std::array<std::string_view, kTopicCount> kTopicNames{
    "incidents", "alerts", "events", "windows", "deadletters", "status", "findings"};

Result<std::uint8_t> read_topics(const http::Request& request) {
  const std::string text = request.parameter("topics");
  std::uint8_t topics = 0;
  for (const std::string_view part :
       split(text.empty() ? std::string_view("incidents,status") : std::string_view(text), ',')) {
    const std::string_view word = trim(part);
    const auto found = std::ranges::find(kTopicNames, word);
    if (found == kTopicNames.end()) {
      const std::string_view quoted = utf8_prefix(word, 64);
      const auto near = nearest_word(quoted, kTopicNames);
      return fail(Errc::InvalidArgument,
                  near ? fmt::format("'{}' is not a topic, did you mean '{}'?", quoted, *near)
                       : fmt::format("'{}' is not a topic", quoted),
                  "topics");
    }
    topics |= static_cast<std::uint8_t>(1u << (found - kTopicNames.begin()));
  }
  return topics;
}

// The header wins: a browser that reconnects sends it, with the URL it began with. A value that is
// no number cannot be resumed from: id 0, which is gone.
std::optional<std::uint64_t> read_last_id(const http::Request& request) {
  std::string text(request.header("last-event-id"));
  if (text.empty()) text = request.parameter("last_event_id");
  if (text.empty()) return std::nullopt;
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  return error == std::errc{} && end == text.data() + text.size() ? id : 0;
}

bool event_passes(const AlertFilter& filter, const Event& event) {
  if (filter.severity_min && event.severity < *filter.severity_min) return false;
  return std::ranges::all_of(filter.matchers, [&](const Matcher& m) {
    return m.matches(m.name() == "source" ? std::string_view(event.source)
                                          : event.labels.get(m.name()));
  });
}

std::string web_socket_text(std::uint64_t id, std::string_view event, std::string_view data) {
  std::string out;
  JsonWriter(out)
      .begin_object()
      .field("id", id)
      .field("event", event)
      .field_raw("data", data)
      .end_object();
  return out;
}

std::shared_ptr<const http::StreamMessage> write_message(http::StreamKind kind, std::uint64_t id,
                                                         std::string_view event,
                                                         std::string_view data) {
  if (kind == http::StreamKind::WebSocket) {
    return std::make_shared<const http::StreamMessage>(id, event, web_socket_text(id, event, data));
  }
  return std::make_shared<const http::StreamMessage>(id, event, data);
}

}  // namespace

std::string_view topic_name(Topic topic) {
  return kTopicNames[static_cast<std::size_t>(topic)];
}

Result<Subscription> stream_subscription(const http::Request& request, http::StreamKind kind) {
  Subscription wanted{.kind = kind};
  TRY(wanted.topics, read_topics(request));
  TRY(auto matchers, filter_parameter(request));
  wanted.alerts.matchers = matchers;
  set_matchers(wanted.incidents, std::move(matchers));
  TRY(wanted.alerts.severity_min, severity_parameter(request, "severity_min"));
  if (wanted.alerts.severity_min) {
    wanted.incidents.severity_max = incident_severity_from(*wanted.alerts.severity_min);
  }
  wanted.last_id = read_last_id(request);
  return wanted;
}

StreamHub::StreamHub(const StreamHubOptions& options, const AlertBook& alerts)
    : options_(options), alerts_(alerts), next_id_(options.first_id) {
  for (std::size_t i = 0; i < kTopicCount; ++i) topics_[i].tokens = options_.rates[i];
}

void StreamHub::subscribe(std::shared_ptr<http::Stream> stream, Subscription subscription,
                          Timestamp now) {
  drop_closed(now);
  const bool resumes = subscription.last_id && can_resume(subscription);
  for (std::size_t i = 0; i < kTopicCount; ++i) {
    if (!subscription.has(static_cast<Topic>(i))) continue;
    TopicState& topic = topics_[i];
    ++topic.subscribers;
    if (!topic.recording) topic.recorded_from = next_id_;
    topic.recording = true;
  }
  subscribers_.push_back({std::move(stream), std::move(subscription)});
  Subscriber& subscriber = subscribers_.back();
  if (resumes) {
    for (Message& message : kept_) {
      if (message.id > *subscriber.wanted.last_id) deliver(subscriber, message);
    }
    return;
  }
  if (subscriber.wanted.last_id) send_reset(subscriber);
  // A page shows the status at once, not when it next changes.
  const auto newest = std::find_if(kept_.rbegin(), kept_.rend(), [](const Message& m) {
    return m.topic == Topic::Server && m.event == "status";
  });
  if (newest != kept_.rend()) deliver(subscriber, *newest);
}

void StreamHub::unsubscribe(const std::shared_ptr<http::Stream>& stream, Timestamp now) {
  std::erase_if(subscribers_, [&](const Subscriber& subscriber) {
    if (subscriber.stream != stream) return false;
    leave_topics(subscriber.wanted, now);
    return true;
  });
}

void StreamHub::leave_topics(const Subscription& wanted, Timestamp now) {
  for (std::size_t i = 0; i < kTopicCount; ++i) {
    if (!wanted.has(static_cast<Topic>(i))) continue;
    if (--topics_[i].subscribers == 0) topics_[i].empty_since = now;
  }
}

void StreamHub::drop_closed(Timestamp now) {
  std::erase_if(subscribers_, [&](const Subscriber& subscriber) {
    if (!subscriber.stream->closed()) return false;
    leave_topics(subscriber.wanted, now);
    return true;
  });
}

// Nothing may be missing between the client's last id and now.
bool StreamHub::can_resume(const Subscription& wanted) const {
  const std::uint64_t last = *wanted.last_id;
  if (last < options_.first_id || last >= next_id_) return false;
  if (last + 1 < next_id_ && (kept_.empty() || kept_.front().id > last + 1)) return false;
  for (std::size_t i = 0; i < kTopicCount; ++i) {
    if (!wanted.has(static_cast<Topic>(i))) continue;
    if (!topics_[i].recording || topics_[i].recorded_from > last + 1) return false;
  }
  return true;
}

void StreamHub::send_reset(Subscriber& subscriber) {
  subscriber.stream->send(write_message(subscriber.wanted.kind, last_id(), "reset", "{}"));
}

bool StreamHub::passes(const Subscription& wanted, const Subject& subject) const {
  if (const auto* incident = std::get_if<IncidentSnapshot>(&subject)) {
    return wanted.incidents.matches(**incident, [&](Fingerprint f) -> const LabelSet* {
      const Alert* alert = alerts_.find({(*incident)->tenant, f});
      return alert == nullptr ? nullptr : &alert->labels;
    });
  }
  if (const auto* alert = std::get_if<AlertSnapshot>(&subject)) {
    return wanted.alerts.matches(**alert);
  }
  if (const auto* row = std::get_if<std::shared_ptr<const EventRow>>(&subject)) {
    return event_passes(wanted.alerts, (*row)->event);
  }
  return true;
}

void StreamHub::deliver(Subscriber& subscriber, Message& message) {
  if (!subscriber.wanted.has(message.topic) || !passes(subscriber.wanted, message.subject)) return;
  const bool is_web_socket = subscriber.wanted.kind == http::StreamKind::WebSocket;
  auto& written = message.written[is_web_socket ? 1 : 0];
  if (!written) {
    written = write_message(subscriber.wanted.kind, message.id, message.event, message.data);
  }
  subscriber.stream->send(written);
}

void StreamHub::send(Topic topic, std::string_view event, std::string data, Subject subject) {
  kept_bytes_ += data.size();
  kept_.push_back({.id = next_id_++,
                   .topic = topic,
                   .event = event,
                   .data = std::move(data),
                   .subject = std::move(subject)});
  for (Subscriber& subscriber : subscribers_) deliver(subscriber, kept_.back());
  while (kept_.size() > options_.kept_messages || kept_bytes_ > options_.kept_bytes) {
    kept_bytes_ -= kept_.front().data.size();
    kept_.pop_front();
  }
}

bool StreamHub::take_token(Topic topic) {
  double& tokens = topics_[index(topic)].tokens;
  if (tokens < 1) return false;
  tokens -= 1;
  return true;
}

void StreamHub::publish_subject(Topic topic, Subject subject) {
  if (const auto* incident = std::get_if<IncidentSnapshot>(&subject)) {
    auto data = to_json(write_incident, **incident);
    send(topic, "incident", std::move(data), std::move(subject));
  } else if (const auto* alert = std::get_if<AlertSnapshot>(&subject)) {
    auto data = to_json(write_alert, **alert);
    send(topic, "alert", std::move(data), std::move(subject));
  }
}

void StreamHub::publish_or_hold(Topic topic, std::uint64_t key, Subject subject) {
  TopicState& state = topics_[index(topic)];
  // What waits goes first; a newer state of the same thing takes its place.
  const auto waiting = state.held_back.newest.find(key);
  if (waiting != state.held_back.newest.end()) {
    waiting->second = std::move(subject);
    return;
  }
  if (state.held_back.order.empty() && take_token(topic)) {
    publish_subject(topic, std::move(subject));
  } else if (state.held_back.order.size() < options_.held_back_max) {
    state.held_back.order.push_back(key);
    state.held_back.newest.emplace(key, std::move(subject));
  } else {
    ++state.skipped;
  }
}

void StreamHub::publish(const IncidentSnapshot& incident) {
  if (!wants(Topic::Incidents)) return;
  publish_or_hold(Topic::Incidents, incident->id, incident);
}

void StreamHub::publish(const AlertSnapshot& alert) {
  if (!wants(Topic::Alerts)) return;
  publish_or_hold(Topic::Alerts, AlertKeyHash{}(alert->key), alert);
}

void StreamHub::publish(std::span<const EventRow> events) {
  if (!wants(Topic::Events)) return;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (!take_token(Topic::Events)) {
      topics_[index(Topic::Events)].skipped += events.size() - i;
      return;
    }
    auto row = std::make_shared<const EventRow>(events[i]);
    auto data = to_json(write_event, *row);
    send(Topic::Events, "event", std::move(data), std::move(row));
  }
}

void StreamHub::publish(std::span<const DeadLetter> letters) {
  if (!wants(Topic::DeadLetters)) return;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (!take_token(Topic::DeadLetters)) {
      topics_[index(Topic::DeadLetters)].skipped += letters.size() - i;
      return;
    }
    send(Topic::DeadLetters, "deadletter", to_json(write_dead_letter, letters[i]));
  }
}

void StreamHub::publish_window(std::string json) {
  if (!wants(Topic::Windows)) return;
  if (take_token(Topic::Windows)) {
    send(Topic::Windows, "window", std::move(json));
  } else {
    ++topics_[index(Topic::Windows)].skipped;
  }
}

void StreamHub::publish_finding(std::string json) {
  if (!wants(Topic::Findings)) return;
  if (take_token(Topic::Findings)) {
    send(Topic::Findings, "finding", std::move(json));
  } else {
    ++topics_[index(Topic::Findings)].skipped;
  }
}

void StreamHub::publish_status(const LiveView& live, Timestamp now) {
  if (!wants(Topic::Server)) return;
  const ServerFacts facts = live.facts();
  auto same = to_json([&](JsonWriter& w) { write_status(w, live, facts.started_at); });
  if (same == last_status_ || !take_token(Topic::Server)) return;
  last_status_ = std::move(same);
  send(Topic::Server, "status", to_json([&](JsonWriter& w) { write_status(w, live, now); }));
}

void StreamHub::release(Topic topic) {
  HeldBack& held = topics_[index(topic)].held_back;
  std::size_t released = 0;
  while (released < held.order.size() && take_token(topic)) {
    auto node = held.newest.extract(held.order[released++]);
    publish_subject(topic, std::move(node.mapped()));
  }
  held.order.erase(held.order.begin(), held.order.begin() + static_cast<std::ptrdiff_t>(released));
}

void StreamHub::tell_skipped(Timestamp now) {
  if (now - skipped_told_ < std::chrono::seconds(1)) return;
  skipped_told_ = now;
  for (std::size_t i = 0; i < kTopicCount; ++i) {
    if (topics_[i].skipped == 0) continue;
    std::string data;
    JsonWriter(data)
        .begin_object()
        .field("topic", kTopicNames[i])
        .field("count", std::exchange(topics_[i].skipped, 0))
        .end_object();
    send(static_cast<Topic>(i), "skipped", std::move(data));
  }
}

void StreamHub::tick(Timestamp now) {
  drop_closed(now);
  const double elapsed = std::clamp(to_seconds(now - last_tick_), 0.0, 1.0);
  last_tick_ = now;
  for (std::size_t i = 0; i < kTopicCount; ++i) {
    TopicState& topic = topics_[i];
    topic.tokens = std::min(options_.rates[i], topic.tokens + options_.rates[i] * elapsed);
    if (topic.subscribers == 0 && topic.recording && now - topic.empty_since >= options_.linger) {
      topic.recording = false;
      topic.skipped = 0;
      topic.held_back = {};
    }
  }
  release(Topic::Incidents);
  release(Topic::Alerts);
  tell_skipped(now);
}

}  // namespace quell
