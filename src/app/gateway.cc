#include "app/gateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/assets.h"
#include "api/problem.h"
#include "api/promql_requests.h"
#include "api/stream_hub.h"
#include "app/dead_letter_retry.h"
#include "app/ingest_answer.h"
#include "base/text.h"
#include "model/command.h"
#include "normalize/signature.h"
#include "wire/cloudevents.h"
#include "wire/otlp_metrics.h"
#include "wire/remote_write.h"

namespace quell {
namespace {

// Of PromQL, from their requests to their answers.
constexpr std::size_t kQueriesMax = 100;
constexpr std::size_t kQueryBytesMax = 512 << 20;  // Of requests, and of the samples they chose.
constexpr std::size_t kUpstreamQueriesMax = 100;   // That wait.

Error too_many_queries() {
  return {Errc::Unavailable,
          fmt::format("too many queries are waiting: the limit is {} queries, and {} bytes that "
                      "they hold",
                      kQueriesMax, kQueryBytesMax),
          {}};
}

// Headers that carry secrets, or that only Quell itself may set, are not journaled.
constexpr std::array<std::string_view, 7> kSecretHeaders{
    "authorization", "cookie",        "proxy-authorization", "x-gitlab-token",
    "x-api-key",     "x-quell-token", "x-auth-token"};

bool is_journaled(std::string_view header) {
  return std::ranges::find(kSecretHeaders, header) == kSecretHeaders.end() &&
         !header.starts_with("quell-");
}

std::string tenant_of(const SourceSetting& source, const http::Request& request) {
  if (!source.tenant.empty()) return source.tenant;
  const std::string_view tenant = request.header("x-scope-orgid");
  const bool plain = !tenant.empty() && tenant.size() <= 128 &&
                     tenant.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789-_.") == tenant.npos;
  return plain ? std::string(tenant) : std::string(kDefaultTenant);
}

Role roles_of(TokenRole role) {
  switch (role) {
    case TokenRole::Read: return Role::Read;
    case TokenRole::Write: return Role::Read | Role::Write;
    case TokenRole::Ingest: return Role::Ingest;
  }
  return Role::Read;
}

}  // namespace

GatewayConfig gateway_config(const Settings& settings) {
  GatewayConfig config;
  config.packs = settings.packs;
  config.external_url = settings.external_url;
  while (config.external_url.ends_with('/')) config.external_url.pop_back();
  config.body_bytes_max = settings.body_bytes_max;
  config.upstream = settings.upstream;
  config.metrics_kept = settings.retention.metrics;
  for (const TokenSetting& token : settings.tokens) {
    config.auth.tokens.push_back({token.name, token.token, roles_of(token.role)});
  }
  for (const SourceSetting& source : settings.sources) {
    config.sources.emplace(source.name, source);
    if (source.token.empty() && source.secret.empty()) continue;
    config.auth.sources.push_back({.source = source.name,
                                   .secrets = source.token.empty()
                                                  ? std::vector<std::string>{}
                                                  : std::vector<std::string>{source.token},
                                   .is_signed = !source.secret.empty()});
  }
  return config;
}

struct Gateway::Pending {
  http::Request request{};
  SharedResponder responder{};
  const Route* route = nullptr;
  std::vector<std::pair<std::string_view, std::string>> parameters{};
  Identity identity{};
  Timestamp now{};
  std::string source{};  // Ingest.
  bool is_promql = false;
  std::unique_ptr<QueryRoom::Place> place{};  // PromQL.

  Call call() const { return {request, parameters, identity, now}; }
};

Gateway::Gateway(GatewayConfig config, Core& core, Worker& worker, Journal& journal,
                 const Store& store, const Clock& clock, MetricList& metrics, GatewayHooks hooks)
    : config_(std::make_shared<const GatewayConfig>(std::move(config))),
      core_(core),
      worker_(worker),
      journal_(journal),
      store_(store),
      clock_(clock),
      metrics_(metrics),
      hooks_(std::move(hooks)),
      promql_room_(kQueriesMax, kQueryBytesMax),
      queries_("queries", kQueriesMax),
      upstream_("upstream", kUpstreamQueriesMax) {}

void Gateway::set_config(GatewayConfig config) {
  config_.with([&](auto& c) { c = std::make_shared<const GatewayConfig>(std::move(config)); });
}

std::shared_ptr<const GatewayConfig> Gateway::config() const {
  return const_cast<Guarded<std::shared_ptr<const GatewayConfig>>&>(config_).with(
      [](const auto& c) { return c; });
}

void Gateway::answer(http::Responder& responder, http::Response response) {
  metrics_.requests.at(std::to_string(response.status)).add();
  responder.send(std::move(response));
}

// As those expect it who ask for this.
void Gateway::refuse(const Pending& pending, const Error& error) {
  answer(*pending.responder, pending.is_promql ? promql_refusal(error) : problem(error));
}

std::uint64_t Gateway::body_limit(std::string_view method, std::string_view path) const {
  constexpr std::uint64_t kControlMax = 1 << 20;
  const bool ingests = path.starts_with("/ingest/") || path.starts_with("/alertmanager/") ||
                       path == "/api/v1/write" || path.starts_with("/v1/") ||
                       path == "/api/v1/models/import";
  return method == "POST" && ingests ? config()->body_bytes_max : kControlMax;
}

// These are journaled as they came, and unpacked by their decoders.
bool Gateway::unpacks(std::string_view path) const {
  return !path.ends_with("/api/v1/write") && !path.ends_with("/v1/metrics");
}

http::StreamKind Gateway::stream_kind(std::string_view path) const {
  if (path == "/api/v1/stream") return http::StreamKind::Events;
  if (path == "/api/v1/ws") return http::StreamKind::WebSocket;
  return http::StreamKind::None;
}

void Gateway::handle(http::Request request, std::unique_ptr<http::Responder> owned) {
  const SharedResponder responder = std::move(owned);
  RouteMatch match = find_route(request.method, request.path);
  if (match.route == nullptr) {
    const bool reads = request.method == "GET" || request.method == "HEAD";
    if (reads) {
      if (auto asset = serve_asset(request, hooks_.constants())) {
        return answer(*responder, *std::move(asset));
      }
    }
    return answer(*responder, *std::move(match.refusal));
  }
  Pending pending{.request = std::move(request),
                  .responder = responder,
                  .route = match.route,
                  .now = clock_.now()};
  pending.is_promql = is_promql(match.route->operation, pending.request);
  const bool ingests = match.route->where == Where::Ingest;
  if (ingests) pending.source = frame_source(match);
  pending.parameters = std::move(match.parameters);
  auto identity = authorize(config()->auth, pending.request, match.route->role, pending.source);
  if (!identity) return refuse(pending, identity.error());
  pending.identity = *std::move(identity);
  switch (match.route->where) {
    case Where::Inline:
      return answer(*responder, run_inline(*match.route, pending.call(), hooks_.constants()));
    case Where::Core:
      if (to_upstream(pending)) return;
      return to_core(std::move(pending));
    case Where::Worker:
    case Where::App: return to_worker(std::move(pending));
    case Where::Ingest: return ingest(std::move(pending));
    case Where::Stream:
      return answer(*responder, problem(406, "not_acceptable",
                                        "ask for a stream here: "
                                        "Accept: text/event-stream, or a WebSocket"));
  }
}

Status Gateway::check_source(const GatewayConfig& config, const SourceSetting& source,
                             const http::Request& request) const {
  if (source.secret.empty()) return {};
  const Pack* pack = config.packs.find(source.kind);
  const auto schemes = pack == nullptr || pack->signature.empty()
                           ? default_signature_schemes()
                           : std::span<const SignatureScheme>(pack->signature);
  return verify_signature(
      schemes, source.secret,
      {.headers = request.headers, .query = request.query, .body = request.body}, clock_.now());
}

namespace {

// Tells a sender what became of its frame.
class IngestWaiter final : public FrameWaiter {
 public:
  using Answer = std::move_only_function<void(http::Response)>;
  using Applied = std::move_only_function<void(const Frame&, const FrameOutcome&)>;
  using Refused = std::move_only_function<void()>;
  IngestWaiter(Answer answer, Applied applied, Refused refused, std::string external_url)
      : answer_(std::move(answer)),
        applied_(std::move(applied)),
        refused_(std::move(refused)),
        external_url_(std::move(external_url)) {}

  void applied(const Frame& frame, FrameOutcome outcome) override {
    applied_(frame, outcome);
    answer_(ingest_answer(frame, outcome, external_url_));
  }
  void refused(const Error& error) override {
    refused_();
    answer_(problem(error));
  }

 private:
  Answer answer_;
  Applied applied_;
  Refused refused_;
  std::string external_url_;
};

// Runs a function when a frame was applied.
class CallbackWaiter final : public FrameWaiter {
 public:
  using Done = std::move_only_function<void(const Frame&, Result<FrameOutcome>)>;
  explicit CallbackWaiter(Done done) : done_(std::move(done)) {}
  void applied(const Frame& frame, FrameOutcome outcome) override {
    done_(frame, std::move(outcome));
  }
  void refused(const Error& error) override { done_(Frame{}, std::unexpected(error)); }

 private:
  Done done_;
};

}  // namespace

namespace {

// Paths that name a protocol are for sources of its kind.
Status check_path(const SourceSetting& source, std::string_view path) {
  const auto check = [&](std::string_view end, std::string_view kind,
                         std::string_view what) -> Status {
    if (!path.ends_with(end) || source.kind == kind) return {};
    return fail(Errc::InvalidArgument,
                fmt::format("the source '{}' is of the kind '{}', which does not take {}: name a "
                            "source of the kind '{}', or post to {}",
                            source.name, source.kind, what, kind, end));
  };
  TRY_STATUS(check("/api/v1/write", "prometheus", "remote write"));
  return check("/v1/metrics", "otlp", "OTLP metrics");
}

// Before anything is journaled: what could never be decoded.
Status check_encoding(const SourceSetting& source, const http::Request& request) {
  const std::string_view encoding = request.header("content-encoding");
  if (source.kind == "prometheus") {
    const auto version = remote_write_version(request.header("content-type"), encoding);
    if (!version) return std::unexpected(version.error());
    return {};
  }
  if (source.kind == "otlp") {
    const auto known = otlp_encoding(request.header("content-type"), encoding);
    if (!known) return std::unexpected(known.error());
    return {};
  }
  if (source.kind == "cloudevents" && !has_known_event_format(request.header("content-type"))) {
    return fail(Errc::Unsupported,
                "of the event formats of CloudEvents only JSON is supported: send "
                "application/cloudevents+json");
  }
  // gzip and deflate were unpacked by the server.
  if (encoding.empty() || equals_ignore_case(encoding, "identity")) return {};
  return fail(
      Errc::Unsupported,
      fmt::format("Content-Encoding '{}' is not supported: send gzip, deflate or plain bytes",
                  utf8_prefix(encoding, 64)));
}

// Prometheus drops what is answered 429 and tries again what is answered 503.
Error as_sender_knows_it(const SourceSetting& source, Error error) {
  if (source.kind == "prometheus" && error.code == Errc::Exhausted) error.code = Errc::Unavailable;
  return error;
}

}  // namespace

void Gateway::ingest(Pending pending) {
  const auto config = this->config();
  SourceSetting source{.name = pending.source, .kind = pending.source};
  if (const auto known = config->sources.find(pending.source); known != config->sources.end()) {
    source = known->second;
  }
  const bool built_in = std::ranges::find(kBuiltInKinds, source.kind) != std::end(kBuiltInKinds);
  if (!built_in && config->packs.find(source.kind) == nullptr) {
    return refuse(
        pending,
        {Errc::NotFound, fmt::format("there is no source or provider pack '{}'", source.kind), {}});
  }
  if (auto checked = check_path(source, pending.request.path); !checked) {
    return refuse(pending, checked.error());
  }
  if (auto checked = check_encoding(source, pending.request); !checked) {
    return refuse(pending, checked.error());
  }
  if (auto checked = check_source(*config, source, pending.request); !checked) {
    return refuse(pending, checked.error());
  }
  metrics_.ingested.at(source.name).add();
  std::string external_url;  // Only the webhook's answer has links.
  if (source.kind == "alertmanager") {
    external_url = config->external_url.empty()
                       ? fmt::format("http://{}", pending.request.header("host"))
                       : config->external_url;
  }
  Frame frame{.kind = FrameKind::Ingest,
              .source = source.kind,
              .tenant = tenant_of(source, pending.request),
              .content_type = std::string(pending.request.header("content-type"))};
  for (auto& header : pending.request.headers) {
    if (is_journaled(header.first)) frame.headers.push_back(std::move(header));
  }
  if (source.name != source.kind) frame.headers.emplace_back(kSourceNameHeader, source.name);
  frame.body = std::move(pending.request.body);
  const SharedResponder responder = pending.responder;
  auto waiter = std::make_unique<IngestWaiter>(
      [this, responder](http::Response response) { answer(*responder, std::move(response)); },
      [this, name = source.name](const Frame& f, const FrameOutcome& outcome) {
        hooks_.on_ingested(name, f, outcome);
      },
      [this, name = source.name] { metrics_.refused.at(name).add(); }, std::move(external_url));
  if (auto queued = journal_.append(std::move(frame), std::move(waiter)); !queued) {
    metrics_.refused.at(source.name).add();
    answer(*responder, problem(as_sender_knows_it(source, queued.error())));
  }
}

void Gateway::to_core(Pending pending) {
  if (pending.is_promql) {
    pending.place = promql_room_.enter(pending.request.query.size() + pending.request.body.size());
    if (!pending.place) return refuse(pending, too_many_queries());
  }
  auto shared = std::make_shared<Pending>(std::move(pending));
  const bool queued = core_.call([this, shared] {
    LiveView live = hooks_.live();
    on_reply(shared, run_core(*shared->route, shared->call(), live));
  });
  if (!queued) refuse(*shared, {Errc::Unavailable, "the server is overloaded or stopping", {}});
}

// Takes a PromQL query that begins before what is kept here, if there is somebody else to ask.
bool Gateway::to_upstream(Pending& pending) {
  const std::string_view path = pending.request.path;
  if (path != "/api/v1/query" && path != "/api/v1/query_range") return false;
  const auto config = this->config();
  if (config->upstream.url.empty() || config->metrics_kept == Duration{0} ||
      !asks_upstream(pending.request, pending.now, config->metrics_kept)) {
    return false;
  }
  const SharedResponder responder = pending.responder;
  auto request = std::make_shared<http::Request>(std::move(pending.request));
  if (!upstream_.run([this, config, responder, request] {
        answer(*responder, ask_upstream(config->upstream, *request));
      })) {
    refuse(pending, {Errc::Unavailable, "too many queries wait for metrics.upstream", {}});
  }
  return true;
}

void Gateway::on_reply(const std::shared_ptr<Pending>& pending, Reply reply) {
  if (auto* response = std::get_if<http::Response>(&reply)) {
    return answer(*pending->responder, std::move(*response));
  }
  if (auto* submission = std::get_if<Submission>(&reply)) {
    return submit(pending, std::move(*submission));
  }
  auto deferred = std::make_shared<Deferred>(std::move(std::get<Deferred>(reply)));
  if (pending->place && !pending->place->hold(deferred->bytes)) {
    return refuse(*pending, too_many_queries());
  }
  Worker& worker = pending->is_promql ? queries_ : worker_;
  const bool queued = worker.run([this, pending, deferred] {
    answer(*pending->responder, run_deferred(*deferred, history()));
  });
  if (!queued) refuse(*pending, {Errc::Unavailable, "too many queries are waiting", {}});
}

void Gateway::to_worker(Pending pending) {
  const SharedResponder responder = pending.responder;
  auto shared = std::make_shared<Pending>(std::move(pending));
  const bool queued = worker_.run([this, shared] {
    if (shared->route->where == Where::App) {
      return answer(*shared->responder, hooks_.app(shared->route->operation, shared->call()));
    }
    answer(*shared->responder, run_worker(*shared->route, shared->call(), history()));
  });
  if (!queued) {
    answer(*responder, problem({Errc::Unavailable, "too many queries are waiting", {}}));
  }
}

History Gateway::history() const {
  return {.store = store_,
          .read_frame = [this](std::uint64_t offset) -> Result<Frame> {
            auto frame = read_frame(journal_, offset);
            if (frame || frame.error().code != Errc::NotFound) return frame;
            TRY(auto kept, store_.kept_frame(offset));
            if (kept) return *std::move(kept);
            return frame;
          },
          .now = [this] { return clock_.now(); }};
}

void Gateway::submit(const std::shared_ptr<Pending>& pending, Submission submission) {
  if (submission.kind == FrameKind::Command) {
    const auto command = decode_command(submission.body);
    if (command && command->kind == CommandKind::RetryDeadLetters) {
      return retry_dead_letters(pending, std::move(submission));
    }
  }
  Frame frame{.kind = submission.kind,
              .source = submission.source,
              .tenant = submission.tenant,
              .content_type = "application/json",
              .body = std::exchange(submission.body, {})};
  auto waiter =
      std::make_unique<CallbackWaiter>([this, pending, submission = std::move(submission)](
                                           const Frame& f, Result<FrameOutcome> outcome) mutable {
        if (!outcome) return answer(*pending->responder, problem(outcome.error()));
        if (!outcome->command) {
          return answer(*pending->responder, problem(outcome->command.error()));
        }
        const Applied applied{.offset = f.offset,
                              .arrived_at = f.arrived_at,
                              .incident = *outcome->command,
                              .count = outcome->accepted,
                              .waiting = outcome->duplicates,
                              .rest_at = outcome->rest_at};
        if (submission.rest) submission.body = submission.rest(applied);
        if (!submission.body.empty()) return submit(pending, std::move(submission));
        LiveView live = hooks_.live();
        answer(*pending->responder, submission.answer(live, applied));
      });
  if (auto queued = journal_.append(std::move(frame), std::move(waiter)); !queued) {
    answer(*pending->responder, problem(queued.error()));
  }
}

namespace {

// Counts how the frames of one retry end; the last one answers.
struct RetryCount {
  std::atomic<std::uint64_t> open{1};
  std::atomic<std::uint64_t> retried{0};
  std::atomic<std::uint64_t> resolved{0};
  // Set before the last one ends:
  std::uint64_t without_frame = 0;
  std::optional<DeadLetterId> next_before{};
};

constexpr std::uint32_t kRetriedAtOnce = 1000;

// What is to be tried again: the one that the command names, or a page of all that are open.
Result<std::vector<DeadLetter>> letters_to_retry(const Store& store, const Command& command) {
  if (command.dead_letter) {
    TRY(auto letter, store.dead_letter(command.dead_letter->offset, command.dead_letter->index));
    if (!letter) {
      return fail(Errc::NotFound, fmt::format("there is no dead letter {}",
                                              format_dead_letter_id(*command.dead_letter)));
    }
    if (letter->resolved) {
      return fail(Errc::Conflict, fmt::format("dead letter {} was processed already",
                                              format_dead_letter_id(*command.dead_letter)));
    }
    return std::vector<DeadLetter>{*std::move(letter)};
  }
  DeadLetterQuery query{.limit = kRetriedAtOnce};
  if (command.before) {
    query.before_offset = command.before->offset;
    query.before_index = command.before->index;
  }
  return store.dead_letters(query);
}

}  // namespace

void Gateway::retry_dead_letters(const std::shared_ptr<Pending>& pending, Submission submission) {
  auto reply = std::make_shared<Submission>(std::move(submission));
  auto count = std::make_shared<RetryCount>();
  auto finish = [this, pending, reply, count] {
    if (count->open.fetch_sub(1) != 1) return;
    const bool queued = core_.call([this, pending, reply, count] {
      LiveView live = hooks_.live();
      const Applied applied{.retried = count->retried,
                            .resolved = count->resolved,
                            .without_frame = count->without_frame,
                            .next_before = count->next_before};
      answer(*pending->responder, reply->answer(live, applied));
    });
    if (!queued) answer(*pending->responder, problem({Errc::Unavailable, "stopping", {}}));
  };
  const bool queued = worker_.run([this, pending, reply, count, finish] {
    const auto command = decode_command(reply->body);
    const bool names_one = command->dead_letter.has_value();
    auto letters = letters_to_retry(store_, *command);
    if (!letters) return answer(*pending->responder, problem(letters.error()));
    const bool is_full = letters->size() == kRetriedAtOnce;
    if (is_full) count->next_before = {letters->back().offset, letters->back().index};
    std::optional<DeadLetterId> last;  // That was tried.
    const History past = history();
    for (const DeadLetter& letter : *letters) {
      auto frame = past.read_frame(letter.offset);
      if (!frame && names_one) return answer(*pending->responder, problem(frame.error()));
      if (!frame) ++count->without_frame;
      if (!frame || frame->kind != FrameKind::Ingest) continue;  // Gone, or not from a sender.
      ++count->open;
      auto waiter = std::make_unique<CallbackWaiter>(
          [count, finish](const Frame&, Result<FrameOutcome> outcome) {
            if (outcome && outcome->rejected.empty()) ++count->resolved;
            finish();
          });
      Frame again = retry_frame(*std::move(frame), letter);
      again.arrived_at = {};  // Its place in the journal; the letter has the first one.
      if (auto appended = journal_.append(std::move(again), std::move(waiter)); !appended) {
        --count->open;
        if (!last) return answer(*pending->responder, problem(appended.error()));
        count->next_before = last;
        break;
      }
      ++count->retried;
      last = {letter.offset, letter.index};
    }
    finish();
  });
  if (!queued) {
    answer(*pending->responder, problem({Errc::Unavailable, "too many queries are waiting", {}}));
  }
}

Status Gateway::open_stream(const http::Request& request, std::shared_ptr<http::Stream> stream) {
  if (auto identity = authorize(config()->auth, request, Role::Read, {}); !identity) {
    return std::unexpected(identity.error());
  }
  TRY(Subscription subscription, stream_subscription(request, stream_kind(request.path)));
  auto shared = std::make_shared<Subscription>(std::move(subscription));
  const bool queued = core_.call(
      [this, stream, shared] { core_.hub().subscribe(stream, std::move(*shared), clock_.now()); });
  if (!queued) return fail(Errc::Unavailable, "the server is overloaded or stopping");
  return {};
}

void Gateway::on_stream_message(const std::shared_ptr<http::Stream>&, std::string) {
  // Clients only listen; what they say is read so that the connection stays alive.
}

void Gateway::on_stream_closed(const std::shared_ptr<http::Stream>& stream) {
  (void)core_.call([this, stream] { core_.hub().unsubscribe(stream, clock_.now()); });
}

}  // namespace quell
