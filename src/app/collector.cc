#include "app/collector.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "app/core.h"
#include "app/pause.h"
#include "base/hash.h"
#include "base/this_thread.h"
#include "base/time.h"
#include "fetch/http_client.h"

namespace quell {
namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(250);

fetch::HttpRequest request_of(const CollectAccess& access, std::string url,
                              const std::stop_token& stop) {
  fetch::HttpRequest request{.url = std::move(url),
                             .headers = access.headers,
                             .connect_timeout = access.timeout,
                             .timeout = access.timeout,
                             .stop = stop};
  if (!access.token.empty())
    request.headers.emplace_back("Authorization", "Bearer " + access.token);
  return request;
}

CollectAnswer answer_of(Result<fetch::HttpResponse> response, const std::string& url) {
  CollectAnswer answer;
  if (!response) {
    Error error = response.error();
    if (const auto at = error.message.find(url); at != std::string::npos) {
      error.message.replace(at, url.size(), shown_address(url));
    }
    answer.status = std::unexpected(std::move(error));
    return answer;
  }
  answer.http_status = response->status;
  answer.content_type = response->header("content-type");
  answer.body = std::move(response->body);
  return answer;
}

}  // namespace

// Invariant: while `busy`, only the thread that took it touches `what`.
struct Collector::Task {
  std::variant<ScrapeTarget, PollQuery> what;
  Timestamp due{};
  bool busy = false;
  bool is_gone = false;  // Not configured any more, and busy: who has it ends it.
  CollectFacts facts{};  // Of the last round.
};

Collector::Collector(Journal& journal, const Clock& clock, const Log& log, CollectorHooks hooks)
    : journal_(journal), clock_(clock), log_(log), hooks_(std::move(hooks)) {}

void Collector::stop() {
  std::vector<std::jthread> threads = threads_.with([](Threads& own) {
    own.is_stopped = true;
    return std::move(own.all);
  });
  for (std::jthread& thread : threads) thread.request_stop();
}

std::vector<CollectFacts> Collector::facts() const {
  return state_.with([](const State& state) {
    std::vector<CollectFacts> facts;
    for (const auto& task : state.tasks) facts.push_back(task->facts);
    return facts;
  });
}

Status Collector::hand_over(Frame frame, std::string_view what) {
  const auto outcome = append_and_wait(journal_, std::move(frame));
  if (outcome) return {};
  log_.warning("what was collected is lost",
               {{"target", std::string(what)}, {"error", outcome.error().message}});
  return std::unexpected(outcome.error());
}

void Collector::set(const CollectSettings& settings) {
  const Timestamp now = clock_.now();
  std::vector<std::shared_ptr<Task>> fresh;
  for (const ScrapeSetting& setting : settings.scrapes) {
    const auto phase = static_cast<std::int64_t>(
        hash64(setting.url) % static_cast<std::uint64_t>(setting.access.interval.count()));
    fresh.push_back(std::make_shared<Task>(Task{
        .what = ScrapeTarget(setting),
        .due = now + std::min(Duration{phase}, setting.access.interval),
        .facts = {.kind = "scrape", .source = setting.job, .target = shown_address(setting.url)}}));
  }
  for (const PollSetting& setting : settings.polls) {
    const auto last = hooks_.last_sample(setting.tenant, setting.name);
    fresh.push_back(std::make_shared<Task>(
        Task{.what = PollQuery(setting, last),
             .due = now,
             .facts = {.kind = "poll", .source = setting.source, .target = setting.query}}));
  }
  const auto is_same = [](const Task& a, const Task& b) {
    if (a.what.index() != b.what.index()) return false;
    if (a.what.index() == 0) {
      return std::get<0>(a.what).setting() == std::get<0>(b.what).setting();
    }
    return std::get<1>(a.what).setting() == std::get<1>(b.what).setting();
  };
  std::vector<std::shared_ptr<Task>> ended;
  state_.with([&](State& state) {
    for (auto& task : fresh) {
      const auto same = std::ranges::find_if(
          state.tasks, [&](const auto& old) { return old != nullptr && is_same(*old, *task); });
      if (same != state.tasks.end()) task = std::exchange(*same, nullptr);
    }
    for (const auto& old : state.tasks) {
      if (old == nullptr) continue;
      old->is_gone = true;
      if (!old->busy) ended.push_back(old);
    }
    state.tasks = fresh;
  });
  for (const auto& task : ended) {
    std::visit([&](auto& what) { (void)hand_over(what.end(now), task->facts.target); }, task->what);
  }
  threads_.with([&](Threads& threads) {
    while (!threads.is_stopped && threads.all.size() < std::min(kThreadsMax, fresh.size())) {
      threads.all.emplace_back([this](const std::stop_token& stop) {
        name_this_thread("collector");
        run(stop);
      });
    }
  });
}

std::shared_ptr<Collector::Task> Collector::take_due(Timestamp now, Duration& wait) {
  return state_.with([&](State& state) -> std::shared_ptr<Task> {
    const Duration set_back = std::max(Duration{0}, state.looked_at - now);  // The clock.
    state.looked_at = now;
    std::shared_ptr<Task> first;
    for (const auto& task : state.tasks) {
      task->due -= set_back;
      if (!task->busy && (first == nullptr || task->due < first->due)) first = task;
    }
    if (first == nullptr) return nullptr;
    if (first->due > now) {
      wait = std::min(wait, first->due - now);
      return nullptr;
    }
    first->busy = true;
    return first;
  });
}

void Collector::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Duration wait = kLookEvery;
    const auto task = take_due(clock_.now(), wait);
    if (task == nullptr) {
      pause_for(wait, stop);
      continue;
    }
    ask(*task, stop);
    const Timestamp now = clock_.now();
    const bool is_gone = state_.with([&](State&) {
      task->facts = std::visit([](const auto& what) { return what.facts(); }, task->what);
      if (const auto* poll = std::get_if<PollQuery>(&task->what)) {
        task->due = poll->next(now);
      } else {
        const Duration interval = std::get<ScrapeTarget>(task->what).setting().access.interval;
        do task->due += interval;
        while (task->due <= now);
      }
      task->busy = false;
      return task->is_gone;
    });
    if (!is_gone) continue;
    std::visit([&](auto& what) { (void)hand_over(what.end(now), task->facts.target); }, task->what);
  }
}

void Collector::ask(Task& task, const std::stop_token& stop) {
  const Timestamp asked_at = clock_.now();
  const auto asked = [&](const fetch::HttpRequest& request) {
    return answer_of(fetch::fetch(request), request.url);
  };
  if (auto* target = std::get_if<ScrapeTarget>(&task.what)) {
    const ScrapeSetting& setting = target->setting();
    auto request = request_of(setting.access, setting.url, stop);
    request.headers.emplace_back("Accept", ScrapeTarget::accept());
    request.headers.emplace_back("X-Prometheus-Scrape-Timeout-Seconds",
                                 fmt::format("{}", to_seconds(setting.access.timeout)));
    request.answer_bytes_max = setting.body_bytes_max;
    const CollectAnswer answer = asked(request);
    if (stop.stop_requested()) return;
    const Status kept = hand_over(target->on_answer(answer, asked_at, clock_.now() - asked_at),
                                  shown_address(setting.url));
    if (!kept) target->on_lost(kept.error());
    return;
  }
  auto& poll = std::get<PollQuery>(task.what);
  const PollQuery::Question question = poll.question(asked_at);
  auto request = request_of(poll.setting().access, poll.setting().url + question.path, stop);
  request.method = "POST";
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request.body = question.form;
  request.answer_bytes_max = 64ull << 20;
  const CollectAnswer answer = asked(request);
  if (stop.stop_requested()) return;
  Frame frame = poll.on_answer(question, answer, asked_at, clock_.now() - asked_at);
  const Status kept = hand_over(std::move(frame), shown_address(poll.setting().url));
  if (kept) {
    poll.on_kept();
  } else {
    poll.on_lost(kept.error());
  }
}

}  // namespace quell
