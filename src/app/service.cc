#include "app/service.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <future>

#include "api/finding_requests.h"
#include "api/json_views.h"
#include "api/list_query.h"
#include "api/metrics_page.h"
#include "api/problem.h"
#include "api/system_requests.h"
#include "api/window_requests.h"
#include "app/collector.h"
#include "app/core.h"
#include "app/gateway.h"
#include "app/journal_watch.h"
#include "app/listen_address.h"
#include "app/pause.h"
#include "app/process_facts.h"
#include "app/settings_table.h"
#include "base/disk.h"
#include "base/embedded.h"
#include "base/json.h"
#include "base/random_seed.h"
#include "base/this_thread.h"
#include "base/time.h"
#include "http/grpc_server.h"
#include "wire/cloudevents.h"

namespace quell {

EmbeddedFiles embedded_ui();  // ui/dist

namespace {

constexpr Duration kTickEvery = std::chrono::milliseconds(50);
// While frames wait, what is due is often done by them. Alerts that are told long after they began
// do not move the watermark, though, and what settles at once when it moves should be little.
constexpr Duration kTickAnyway = std::chrono::milliseconds(250);
constexpr Duration kTryJournalEvery = std::chrono::seconds(1);
constexpr Duration kStatusEvery = std::chrono::seconds(1);
constexpr Duration kStopGrace = std::chrono::seconds(5);
constexpr std::size_t kWorkerTasksMax = 1000;

// Holds a flag until the tick is applied or gone.
class TickWaiter final : public FrameWaiter {
 public:
  explicit TickWaiter(std::atomic<bool>& waits) : waits_(waits) { waits_ = true; }
  ~TickWaiter() override { waits_ = false; }
  void applied(const Frame& /*frame*/, FrameOutcome /*outcome*/) override {}
  void refused(const Error& /*error*/) override {}

 private:
  std::atomic<bool>& waits_;
};

class ServiceImpl final : public Service {
 public:
  ServiceImpl(ServiceOptions options, const Clock& clock, const Log& log)
      : options_(std::move(options)),
        clock_(clock),
        log_(log),
        worker_("reader", kWorkerTasksMax) {}

  ~ServiceImpl() override { stop(); }

  Status start() {
    const Settings& settings = options_.settings;
    TRY(const ListenAddress listen, listen_address(settings));
    address_ = listen.host;
    started_at_ = clock_.now();
    config_facts_ = {options_.config_yaml, options_.config_path, started_at_};
    TRY_STATUS(open_data());
    TRY_STATUS(send_config(settings.pipeline_text));
    collector_ = std::make_unique<Collector>(
        *journal_, clock_, log_,
        CollectorHooks{.last_sample = [this](std::string_view tenant, std::string_view metric) {
          return last_sample(tenant, metric);
        }});
    collector_->set(settings.collect);
    TRY_STATUS(serve(listen));
    ready_ = true;
    ticker_ = std::jthread([this](const std::stop_token& stop) {
      name_this_thread("ticker");
      tick(stop);
    });
    return {};
  }

  std::uint16_t port() const override { return server_->port(); }
  const std::string& address() const override { return address_; }

  // From a signal or a request: one after the other.
  Result<Reloaded> reload() override {
    return reload_turn_.with([this](auto&) { return reload_now(); });
  }

  Result<Reloaded> reload_now() {
    if (options_.config_path.empty()) {
      return fail(Errc::Conflict, "the server was started without --config: nothing to reload");
    }
    const FileReader files = real_files();
    TRY(std::string yaml, files.read(options_.config_path));
    TRY(Settings settings, parse_settings(yaml, options_.config_path, options_.environment, files));
    Settings secured = settings;  // The address stays, and so does what it demands.
    secured.listen = started_with_.listen;
    TRY_STATUS(listen_address(secured));
    Reloaded result{.restart_needed = restart_needed(started_with_, settings)};
    result.changed =
        yaml != config_facts_.yaml || settings.pipeline_text != options_.settings.pipeline_text;
    if (settings.pipeline_text != options_.settings.pipeline_text) {
      TRY_STATUS(send_config(settings.pipeline_text));
    }
    gateway_->set_config(gateway_config(settings));
    writer_->set_options({settings.retention, settings.journal_keep});
    collector_->set(settings.collect);
    on_core([&] {  // Which reads both when it answers.
      config_facts_ = {yaml, options_.config_path, clock_.now()};
      options_.settings = std::move(settings);
    });
    log_.info("configuration reloaded", {{"changed", result.changed ? "true" : "false"}});
    for (const std::string& option : result.restart_needed) {
      log_.warning("an option takes effect at the next start", {{"option", option}});
    }
    return result;
  }

  void stop() override {
    if (stopped_) return;
    stopped_ = true;
    ready_ = false;
    ticker_ = {};
    if (collector_) collector_->stop();
    if (grpc_) grpc_->stop();
    if (server_) server_->stop(kStopGrace);
    if (journal_) journal_->close();
    worker_.stop();
    if (gateway_) gateway_->stop();
    if (core_) core_->stop();
    writer_.reset();
    log_.info("stopped");
  }

 private:
  Status open_data() {
    const Settings& settings = options_.settings;
    disk_ = make_posix_disk();
    JournalOptions journal_options{.directory = settings.data + "/journal",
                                   .segment_bytes = settings.segment_bytes,
                                   .pending_bytes_max = settings.pending_bytes_max};
    TRY(journal_, open_file_journal(journal_options, *disk_, clock_, [this](Commit commit) {
          watch_.on_commit(commit);
          core_->deliver(std::move(commit));
        }));
    TRY(store_, open_sqlite_store(settings.data + "/quell.db"));
    TRY(StoredState stored, store_->restore());
    auto pipeline = std::make_unique<Pipeline>(built_in_packs_, random_seed());
    const std::uint64_t from = stored.next_offset;
    const std::uint64_t samples_from = stored.samples_offset;
    TRY_STATUS(pipeline->restore(std::move(stored)));
    TRY_STATUS(restore_samples(*pipeline, samples_from));
    if (journal_->stats().end_offset < from) {
      return fail(Errc::Corrupt,
                  fmt::format("the journal in {} ends at frame {}, but the store stands at {}: "
                              "journal files are missing",
                              settings.data, journal_->stats().end_offset, from));
    }
    TRY_STATUS(journal_->read(from, [&](const Frame& frame) {
      pipeline->on_frame(frame);
      return true;
    }));
    log_.info("state restored",
              {{"data", settings.data},
               {"frames", std::to_string(pipeline->next_offset())},
               {"replayed", std::to_string(pipeline->next_offset() - from)},
               {"alerts", std::to_string(pipeline->alerts().size())},
               {"took", format_duration(std::chrono::floor<std::chrono::milliseconds>(
                            clock_.now() - started_at_))}});
    const auto first_id = static_cast<std::uint64_t>(to_ns(started_at_)) / 1'000'000;
    core_ =
        std::make_unique<Core>(std::move(pipeline), clock_, metrics_,
                               StreamHubOptions{.first_id = first_id}, settings.queue_bytes_max);
    writer_ = std::make_unique<StoreWriter>(
        *store_, *journal_, clock_, log_, metrics_,
        StoreWriterOptions{settings.retention, settings.journal_keep},
        [this](std::uint64_t, Duration took) { core_->committed(took); });
    core_->set_on_publish([this](Timestamp now) {
      publish_windows();
      publish_findings();
      if (now - status_at_ < kStatusEvery) return;
      status_at_ = now;
      if (core_->hub().wants(Topic::Server)) core_->hub().publish_status(live(), now);
    });
    core_->start(*writer_);
    return {};
  }

  // The pages of the store, and the samples of frames that are in no page yet.
  Status restore_samples(Pipeline& pipeline, std::uint64_t from) {
    TRY_STATUS(
        store_->visit_state_pages([&](const StatePage& page) { return pipeline.load_page(page); }));
    TRY_STATUS(pipeline.finish_pages());
    const std::uint64_t end = pipeline.next_offset();
    if (from < end) {
      TRY_STATUS(
          journal_->read(std::max(from, journal_->stats().begin_offset), [&](const Frame& frame) {
            if (frame.offset >= end) return false;
            pipeline.restore_samples(frame);
            return true;
          }));
    }
    pipeline.finish_samples();
    return {};
  }

  Status serve(const ListenAddress& listen) {
    const Settings& settings = options_.settings;
    GatewayHooks hooks{
        .live = [this] { return live(); },
        .constants = [this] { return constants(); },
        .app = [this](std::string_view operation,
                      const Call& call) { return app_request(operation, call); },
        .on_ingested = [this](const std::string& source, const Frame& frame,
                              const FrameOutcome& outcome) { count(source, frame, outcome); }};
    gateway_ = std::make_unique<Gateway>(gateway_config(settings), *core_, worker_, *journal_,
                                         *store_, clock_, metrics_, std::move(hooks));
    http::ServerOptions http_options;
    http_options.address = listen.host;
    http_options.port = listen.port;
    http_options.threads = static_cast<int>(settings.http_threads);
    http_options.connections_max = settings.connections_max;
    http_options.allowed_hosts = settings.allowed_hosts;
    TRY(server_, http::start_server(http_options, *gateway_, clock_));
    return settings.grpc_listen.empty() ? Status{} : serve_grpc();
  }

  Status serve_grpc() {
    static constexpr http::GrpcMethod kMethods[] = {
        {"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "/v1/metrics"}};
    TRY(const ListenAddress listen, grpc_address(options_.settings));
    TRY(grpc_, http::start_grpc_server(
                   {.address = listen.host, .port = listen.port, .methods = kMethods}, *gateway_));
    log_.info("gRPC is served", {{"address", fmt::format("{}:{}", listen.host, grpc_->port())}});
    return {};
  }

  // Runs f on the core thread and waits for it. Not from the core thread.
  void on_core(const std::function<void()>& f) {
    std::promise<void> done;
    if (core_->call([&] {
          f();
          done.set_value();
        })) {
      done.get_future().wait();
    }
  }

  // The newest sample in memory of the metric's first series.
  std::optional<Timestamp> last_sample(std::string_view tenant, std::string_view metric) {
    constexpr std::size_t kSeriesMax = 100;
    std::optional<Timestamp> last;
    on_core([&] {
      const SeriesTable& table = core_->pipeline().metrics().table();
      std::size_t looked_at = 0;
      std::vector<Point> points;
      for (const SeriesSlot slot : table.slots_of(metric)) {
        if (table.series(slot)->tenant != tenant || ++looked_at > kSeriesMax) continue;
        const auto blocks = core_->pipeline().metrics().book().blocks_of(slot);
        points.clear();
        if (blocks.empty() || !decode_block(blocks.back(), points)) continue;
        for (const Point& p : points) last = std::max(last.value_or(p.time), p.time);
      }
    });
    return last;
  }

  // Journals the configuration, unless it is already in force, and waits until it is.
  Status send_config(const std::string& text) {
    std::string current;
    on_core([&] { current = core_->pipeline().config_text(); });
    if (current == text) return {};
    TRY(const FrameOutcome outcome,
        append_and_wait(*journal_, {.kind = FrameKind::Config, .source = "config", .body = text}));
    if (outcome.rejected.empty()) return {};
    return fail(Errc::InvalidArgument, outcome.rejected.front().reason);
  }

  // Ticks when something is due, and lets the core publish and commit.
  void tick(const std::stop_token& stop) {
    Timestamp try_at{};
    Timestamp tick_anyway_at{};
    while (!stop.stop_requested()) {
      pause_for(kTickEvery, stop);
      // Also when nobody sends, because nobody may while it is not ready.
      if (watch_.failing() && clock_.now() >= try_at) {
        (void)journal_->append({.kind = FrameKind::Tick, .source = "tick"});
        try_at = clock_.now() + kTryJournalEvery;
      }
      const Timestamp now = clock_.now();
      const bool is_due = to_ns(now) >= core_->tick_due_ns();
      if (is_due && !tick_waits_ && (core_->lag_frames() == 0 || now >= tick_anyway_at)) {
        (void)journal_->append({.kind = FrameKind::Tick, .source = "tick"},
                               std::make_unique<TickWaiter>(tick_waits_));
        tick_anyway_at = now + kTickAnyway;
      }
      core_->nudge();
    }
  }

  // The core's. Windows that closed since the last batch, and were not published yet.
  void publish_windows() {
    if (!core_->hub().wants(Topic::Windows)) return;
    const auto& closed = core_->pipeline().pending_windows();
    if (windows_published_ > closed.size()) windows_published_ = 0;
    for (; windows_published_ < closed.size(); ++windows_published_) {
      std::string json;
      JsonWriter w(json);
      write_window(w, closed[windows_published_]);
      core_->hub().publish_window(std::move(json));
    }
  }

  // The core's. Findings that changed since they were published.
  void publish_findings() {
    Pipeline& pipeline = core_->pipeline();
    FindingBook& findings = pipeline.detection().findings();
    if (core_->hub().wants(Topic::Findings)) {
      constexpr std::size_t kAtOnce = 100;
      for (const auto& finding : findings.changed_since(findings_published_, kAtOnce)) {
        core_->hub().publish_finding(to_json(write_finding, *finding, pipeline.alerts()));
      }
    }
    findings_published_ = findings.last_sequence();
  }

  // The core's.
  LiveView live() {
    Pipeline& pipeline = core_->pipeline();
    const auto options = pipeline.options();
    return {.alerts = pipeline.alerts(),
            .incidents = pipeline.incidents(),
            .topology = std::shared_ptr<const Topology>(options, &options->topology),
            .config = config_facts_,
            .alertmanager = alertmanager_,
            .facts = [this] { return facts(); },
            .sources = [this] { return sources(); },
            .windows = &pipeline.windows(),
            .series = &pipeline.metrics().table(),
            .samples = &pipeline.metrics().book(),
            .findings = &pipeline.detection().findings(),
            .open_findings = pipeline.detection().tracker().open_count(),
            .detector = &pipeline.detection().detector(),
            .watches = &pipeline.detection().watches()};
  }

  ServerFacts facts() {
    const Pipeline& pipeline = core_->pipeline();
    const JournalStats stats = journal_->stats();
    const PipelineCounters& counters = pipeline.counters();
    ServerFacts facts{.version = std::string(version()),
                      .revision = std::string(revision()),
                      .started_at = started_at_};
    facts.journal_begin_offset = stats.begin_offset;
    facts.journal_end_offset = stats.end_offset;
    facts.journal_size_bytes = stats.size_bytes;
    facts.journal_segments = stats.segments;
    facts.lag_frames = core_->lag_frames();
    facts.events_total = counters.events;
    facts.deduplicated_total = counters.duplicates;
    facts.dead_letters = store_->open_dead_letters();
    if (pipeline.watermark() != Timestamp::min()) facts.watermark = pipeline.watermark();
    facts.metric_history = {.bytes = store_->metric_bytes(),
                            .bytes_max = writer_->metric_bytes_max(),
                            .dropped_bytes = writer_->metric_bytes_dropped(),
                            .is_full = writer_->metrics_are_full(),
                            .dropped_blocks = pipeline.metrics().book().stats().blocks_dropped};
    return facts;
  }

  std::vector<SourceFacts> sources() {
    std::map<std::string, SourceFacts> all;
    const auto path_of = [](const std::string& name, const std::string& kind) -> std::string {
      if (name == "alertmanager-v2") return "/alertmanager/api/v2/alerts";
      if (name == "prometheus") return "/api/v1/write";
      if (name == "otlp") return "/v1/metrics";
      return "/ingest/" + name +
             (kind == "prometheus" ? "/api/v1/write"
              : kind == "otlp"     ? "/v1/metrics"
                                   : "");
    };
    const auto add = [&](const std::string& name, const std::string& kind, bool is_protected) {
      all[name] = {.name = name,
                   .path = path_of(name, kind),
                   .kind = kind,
                   .is_protected = is_protected || !options_.settings.tokens.empty()};
    };
    for (const std::string_view kind : kBuiltInKinds) {
      if (kind != "api") add(std::string(kind), std::string(kind), false);
    }
    for (const std::string_view name : options_.settings.packs.names()) {
      add(std::string(name), "pack", false);
    }
    for (const SourceSetting& source : options_.settings.sources) {
      add(source.name, source.kind, !source.token.empty() || !source.secret.empty());
    }
    std::vector<SourceFacts> result;
    for (auto& [name, facts] : all) {
      if (const auto seen = ingested_.find(name); seen != ingested_.end()) {
        facts.last_event_at = seen->second.last_event_at;
        facts.events = seen->second.events;
        facts.rejected = seen->second.rejected;
      }
      result.push_back(std::move(facts));
    }
    return result;
  }

  void count(const std::string& source, const Frame& frame, const FrameOutcome& outcome) {
    SourceFacts& facts = ingested_[source];
    facts.last_event_at = frame.arrived_at;
    facts.events += outcome.accepted;
    facts.rejected += outcome.rejected.size();
  }

  StaticView constants() const {
    StaticView view{.version = std::string(version()),
                    .revision = std::string(revision()),
                    .ui = embedded_ui()};
    view.ready = ready_ && !writer_->failing() && !watch_.failing();
    if (!ready_) view.not_ready_why = "starting or stopping";
    if (ready_ && writer_->failing()) view.not_ready_why = "the store cannot be written to";
    if (ready_ && watch_.failing()) {
      view.not_ready_why = fmt::format("the journal accepts nothing, {}", watch_.why());
    }
    return view;
  }

  // A worker's.
  http::Response app_request(std::string_view operation, const Call& call) {
    if (operation == "get_own_metrics") return own_metrics(call);
    if (operation == "list_collectors") {
      const auto known = check_parameters(call.request, {});
      return known ? collectors() : problem(known.error());
    }
    if (operation == "handshake_cloudevents") {
      const auto headers = cloudevents_handshake(call.request.header("webhook-request-origin"),
                                                 call.request.header("webhook-request-rate"));
      if (!headers) return problem(400, "invalid_argument", "WebHook-Request-Origin is missing");
      return {.status = 200, .headers = *headers};
    }
    if (operation == "reload_config") {
      const auto reloaded = reload();
      if (!reloaded) return problem(reloaded.error());
      std::string body;
      JsonWriter w(body);
      w.begin_object().field("changed", reloaded->changed).key("restart_needed").begin_array();
      for (const std::string& option : reloaded->restart_needed) w.value(option);
      w.end_array().end_object();
      return json_response(std::move(body));
    }
    return problem(501, "not_implemented", fmt::format("{} is not there yet", operation));
  }

  http::Response collectors() const {
    std::string body;
    JsonWriter w(body);
    w.begin_object().key("items").begin_array();
    for (const CollectFacts& f : collector_->facts()) {
      w.begin_object().field("kind", f.kind).field("source", f.source).field("target", f.target);
      w.field("up", f.up).field("rounds", f.rounds).field("failures", f.failures);
      w.key("last_at").value(f.rounds == 0 ? std::optional<Timestamp>{} : std::optional(f.last_at));
      w.field("duration_seconds", to_seconds(f.duration)).field("samples", f.samples);
      w.field("series", f.series).field_or_null("error", f.error).key("warnings").begin_array();
      for (const std::string& warning : f.warnings) w.value(warning);
      w.end_array().end_object();
    }
    w.end_array().end_object();
    return json_response(std::move(body));
  }

  template <class Gauge>
  static void gauge_metrics(const MetricStage& metrics, Gauge&& gauge) {
    const auto put = [&](std::string_view name, std::string_view help, std::uint64_t value) {
      gauge(name, help, static_cast<double>(value));
    };
    put("quell_metrics_series", "Series that are known.", metrics.table().size());
    put("quell_metrics_series_bytes", "Memory for labels and tables of series.",
        metrics.table().bytes());
    put("quell_metrics_sample_bytes", "Memory for recent samples.", metrics.book().bytes());
    put("quell_metrics_samples", "Samples kept since the start.", metrics.book().stats().added);
    put("quell_metrics_blocks_dropped", "Full blocks that the store was too slow for.",
        metrics.book().stats().blocks_dropped);
    const MetricStage::Totals& totals = metrics.totals();
    put("quell_metrics_histograms", "Native histograms since the start.", totals.histograms);
    put("quell_metrics_histograms_watched", "Histograms whose quantiles are watched.",
        metrics.histograms().histograms());
    put("quell_metrics_histogram_bytes", "Memory for the last counts of their buckets.",
        metrics.histograms().bytes());
    put("quell_metrics_exemplars_ignored", "Exemplars that were left out.",
        totals.exemplars_ignored);
    put("quell_metrics_series_refused", "Series refused since the start, each time.",
        totals.series_refused);
    put("quell_metrics_samples_refused", "Samples of those.", totals.samples_refused);
  }

  template <class Gauge>
  static void detection_metrics(const DetectStage& detection, Gauge&& gauge) {
    const auto put = [&](std::string_view name, std::string_view help, std::uint64_t value) {
      gauge(name, help, static_cast<double>(value));
    };
    const FindingTracker& tracker = detection.tracker();
    put("quell_detect_samples", "Samples that went through detection since the start.",
        detection.samples());
    put("quell_detect_series_unusual", "Series whose episode is open.", tracker.open_episodes());
    put("quell_detect_named_series", "Series that have a detector of their own, by a rule.",
        detection.watches().series());
    put("quell_detect_named_series_refused", "Series beyond detection.named_series_max.",
        detection.watches().refused());
    put("quell_findings_open", "Findings that have not ended.", tracker.open_count());
    put("quell_findings_begun", "Findings since the first frame.", tracker.begun());
  }

  http::Response own_metrics(const Call& call) {
    auto families = metrics_.collect();
    families.push_back(build_info(version(), revision()));
    for (MetricFamily& family : process_metrics(process_facts(started_at_))) {
      families.push_back(std::move(family));
    }
    const JournalStats stats = journal_->stats();
    const auto gauge = [&](std::string_view name, std::string_view help, double value) {
      families.push_back(gauge_value(name, help, value));
    };
    gauge("quell_metrics_history_bytes", "What samples take on disk.",
          static_cast<double>(store_->metric_bytes()));
    gauge("quell_metrics_history_bytes_max", "What they may take (retention.metrics_bytes).",
          static_cast<double>(writer_->metric_bytes_max()));
    gauge("quell_journal_end_offset", "One past the last durable frame.",
          static_cast<double>(stats.end_offset));
    gauge("quell_journal_size_bytes", "Bytes in journal files.",
          static_cast<double>(stats.size_bytes));
    const auto counter = [&](std::string_view name, std::string_view help, std::uint64_t value) {
      families.push_back(counter_value(name, help, static_cast<double>(value)));
    };
    counter("quell_journal_commits_total", "Group commits since the start.", stats.commits);
    counter("quell_journal_appends_refused_total",
            "Frames that a limit or the disk turned away since the start.", stats.appends_refused);
    gauge("quell_journal_pending_bytes", "Received and not yet durable.",
          static_cast<double>(stats.pending_bytes));
    gauge("quell_core_lag_frames", "Durable and not yet applied.",
          static_cast<double>(core_->lag_frames()));
    const http::ServerStats http_stats = server_->stats();
    gauge("quell_http_connections", "Open connections.",
          static_cast<double>(http_stats.connections_open));
    gauge("quell_http_streams", "Open streams.", static_cast<double>(http_stats.streams_open));
    on_core([&] {
      const Pipeline& pipeline = core_->pipeline();
      gauge("quell_alerts_firing", "Alerts that fire.",
            static_cast<double>(pipeline.alerts().counts().of(AlertStatus::Firing)));
      gauge("quell_alerts_held", "Alerts that are held.",
            static_cast<double>(pipeline.alerts().counts().of(AlertStatus::Held)));
      gauge("quell_incidents_open", "Incidents that nobody acknowledged.",
            static_cast<double>(pipeline.incidents().count(IncidentStatus::Open)));
      gauge_metrics(pipeline.metrics(), gauge);
      detection_metrics(pipeline.detection(), gauge);
      if (pipeline.watermark() != Timestamp::min()) {
        gauge("quell_core_watermark_seconds", "Event time up to which all is settled.",
              to_seconds(pipeline.watermark().time_since_epoch()));
      }
    });
    return metrics_response(families, call.request.header("accept"));
  }

  ServiceOptions options_;
  const Settings started_with_ = options_.settings;
  const Clock& clock_;
  const Log& log_;
  MetricList metrics_;
  JournalWatch watch_{clock_, log_, metrics_};
  const PackLibrary built_in_packs_ = PackLibrary::built_in();
  const AlertmanagerOptions alertmanager_{};
  std::string address_;
  Timestamp started_at_{};
  std::atomic<bool> ready_{false};
  std::atomic<bool> tick_waits_{false};  // One was written and not applied yet. Outlives waiters.
  bool stopped_ = false;
  Guarded<std::monostate> reload_turn_;

  std::unique_ptr<Disk> disk_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<StoreWriter> writer_;
  Worker worker_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<http::GrpcServer> grpc_;
  std::unique_ptr<Collector> collector_;
  std::jthread ticker_;

  // The core's.
  ConfigFacts config_facts_;
  std::map<std::string, SourceFacts> ingested_;
  Timestamp status_at_{};
  std::size_t windows_published_ = 0;
  std::uint64_t findings_published_ = 0;
};

}  // namespace

Result<std::unique_ptr<Service>> start_service(ServiceOptions options, const Clock& clock,
                                               const Log& log) {
  auto service = std::make_unique<ServiceImpl>(std::move(options), clock, log);
  TRY_STATUS(service->start());
  return service;
}

}  // namespace quell
