// Gateway: every HTTP request on its way to the thread that answers it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/auth.h"
#include "api/call.h"
#include "api/live_view.h"
#include "api/router.h"
#include "api/static_view.h"
#include "app/core.h"
#include "app/query_room.h"
#include "app/settings.h"
#include "app/worker.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "base/metrics.h"
#include "http/server.h"
#include "journal/journal.h"

namespace quell {

// What of the settings a request needs; replaced as a whole by a reload.
struct GatewayConfig {
  AuthConfig auth{};
  std::map<std::string, SourceSetting, std::less<>> sources{};
  PackLibrary packs{};
  std::string external_url{};
  std::uint64_t body_bytes_max = 32ull << 20;
  UpstreamSetting upstream{};
  Duration metrics_kept{};  // PromQL queries that need more go upstream, if there is one.
};
GatewayConfig gateway_config(const Settings& settings);

struct GatewayMetrics {
  explicit GatewayMetrics(MetricList& list)
      : requests(list, "quell_http_requests_total", "Requests by answer.", "code"),
        ingested(list, "quell_ingest_requests_total", "Requests to sources.", "source"),
        refused(list, "quell_ingest_refused_total",
                "Requests that were turned away: by a limit (429), or a disk that takes no more "
                "(503).",
                "source") {}
  CounterFamily requests;
  CounterFamily ingested;
  CounterFamily refused;
};

// What the gateway needs from the service around it. Thread: see each.
struct GatewayHooks {
  std::function<LiveView()> live{};                                                   // The core's.
  std::function<StaticView()> constants{};                                            // Any.
  std::function<http::Response(std::string_view operation, const Call& call)> app{};  // A worker.
  std::function<void(const std::string& source, const Frame& frame, const FrameOutcome& outcome)>
      on_ingested{};  // The core's.
};

class Gateway final : public http::Handler {
 public:
  Gateway(GatewayConfig config, Core& core, Worker& worker, Journal& journal, const Store& store,
          const Clock& clock, MetricList& metrics, GatewayHooks hooks);

  void set_config(GatewayConfig config);
  // Works off the queries that wait.
  void stop() { queries_.stop(); }

  void handle(http::Request request, std::unique_ptr<http::Responder> responder) override;
  std::uint64_t body_limit(std::string_view method, std::string_view path) const override;
  bool unpacks(std::string_view path) const override;
  http::StreamKind stream_kind(std::string_view path) const override;
  Status open_stream(const http::Request& request, std::shared_ptr<http::Stream> stream) override;
  void on_stream_message(const std::shared_ptr<http::Stream>& stream, std::string text) override;
  void on_stream_closed(const std::shared_ptr<http::Stream>& stream) override;

 private:
  using SharedResponder = std::shared_ptr<http::Responder>;
  struct Pending;  // A request with its route, on its way.

  std::shared_ptr<const GatewayConfig> config() const;
  void answer(http::Responder& responder, http::Response response);
  void refuse(const Pending& pending, const Error& error);
  void ingest(Pending pending);
  Status check_source(const GatewayConfig& config, const SourceSetting& source,
                      const http::Request& request) const;
  void to_core(Pending pending);
  void to_worker(Pending pending);
  bool to_upstream(Pending& pending);
  void on_reply(const std::shared_ptr<Pending>& pending, Reply reply);
  void submit(const std::shared_ptr<Pending>& pending, Submission submission);
  void retry_dead_letters(const std::shared_ptr<Pending>& pending, Submission submission);
  History history() const;

  Guarded<std::shared_ptr<const GatewayConfig>> config_;
  Core& core_;
  Worker& worker_;
  Journal& journal_;
  const Store& store_;
  const Clock& clock_;
  GatewayMetrics metrics_;
  const GatewayHooks hooks_;
  QueryRoom promql_room_;
  Worker queries_;   // Of PromQL. Their own: slow ones keep nothing else waiting,
  Worker upstream_;  // as little as a slow upstream does.
};

}  // namespace quell
