#include "store/store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>

#include "base/prng.h"
#include "store/test_store.h"
#include "store/write_behind.h"

namespace quell {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::seconds;
using test::at;
using test::batch_to;
using test::commit;
using test::make_chunk;

class StoreTest : public test::StoreFixture {};

std::shared_ptr<const Alert> make_alert(std::uint64_t n, std::string_view title = "disk full") {
  Alert a;
  a.key = {"default", n * 0x9e3779b97f4a7c15};
  a.labels = *LabelSet::parse(fmt::format("alertname=Disk,instance=db-{}", n));
  a.title = title;
  a.starts_at = at(100);
  a.event_count = n;
  return std::make_shared<const Alert>(std::move(a));
}

std::shared_ptr<const Incident> make_incident(IncidentId id, std::string title = "database down") {
  Incident i;
  i.id = id;
  i.title = std::move(title);
  i.updated_at = at(100 + static_cast<std::int64_t>(id));
  return std::make_shared<const Incident>(std::move(i));
}

EventRow make_event(std::uint64_t offset, std::uint32_t index = 0) {
  EventRow row;
  row.offset = offset;
  row.index = index;
  row.arrived_at = at(static_cast<std::int64_t>(offset));
  row.event.id = fmt::format("e{}-{}", offset, index);
  row.event.source = offset % 2 == 0 ? "/prometheus" : "/github";
  row.event.title = fmt::format("Event number {}", offset);
  row.event.entity = {"service", offset % 3 == 0 ? "checkout" : "cart"};
  row.event.kind = offset % 2 == 0 ? EventKind::Alert : EventKind::Change;
  row.event.severity = static_cast<Severity>(offset % 4);
  row.event.labels = *LabelSet::parse(fmt::format("region=EU-{},team=payments", offset % 5));
  row.event.tenant = offset % 7 == 0 ? "acme" : "default";
  row.alert =
      offset % 2 == 0 ? std::optional<Fingerprint>(offset % 10 + (1ull << 63)) : std::nullopt;
  row.incident = offset % 4 == 0 ? 5 : 0;
  return row;
}

StoredState restored(Store& store) {
  auto state = store.restore();
  EXPECT_TRUE(state) << state.error().to_string();
  return state ? std::move(*state) : StoredState{};
}

// `fingerprint=title` of every live alert, sorted.
std::vector<std::string> alert_list(const StoredState& state) {
  std::vector<std::string> list;
  for (const Alert& a : state.alerts) {
    list.push_back(fmt::format("{}={}", format_fingerprint(a.key.fingerprint), a.title));
  }
  std::ranges::sort(list);
  return list;
}

std::vector<std::uint64_t> offsets(const Result<std::vector<EventRow>>& rows) {
  std::vector<std::uint64_t> list;
  EXPECT_TRUE(rows) << rows.error().to_string();
  for (const EventRow& row : *rows) list.push_back(row.offset);
  return list;
}

TEST_F(StoreTest, ANewStoreIsEmpty) {
  const auto store = open();
  const StoredState state = restored(*store);
  EXPECT_EQ(state.next_offset, 0u);
  EXPECT_EQ(state.samples_offset, 0u);
  EXPECT_EQ(state.engine, "");
  EXPECT_TRUE(state.alerts.empty() && state.incidents.empty() && state.windows.empty());
  EXPECT_TRUE(store->events({})->empty());
  EXPECT_FALSE(store->incident(1)->has_value());
  EXPECT_FALSE(store->alert({"default", 1})->has_value());
}

TEST_F(StoreTest, GivesBackWhatWasCommitted) {
  {
    const auto store = open();
    StoreBatch batch = batch_to(17);
    batch.engine = std::string("state\0with a zero", 17);
    batch.alerts = {make_alert(1), make_alert(2), make_alert(3)};
    batch.incidents = {make_incident(1), make_incident(2)};
    batch.seen_ids = {{{1, 2}, {3, 4}, at(5)}, {{6, 7}, {8, 9}, at(10)}};
    batch.samples_offset = 11;
    commit(*store, batch);
    StoreBatch second = batch_to(18);
    second.engine = "later";
    second.alerts = {make_alert(2, "disk fine")};
    second.removed_alerts = {make_alert(3)->key};
    second.removed_incidents = {1};
    second.seen_ids = {{{1, 2}, {30, 40}, at(50)}};
    second.samples_offset = 12;
    commit(*store, second);
  }
  const auto store = open();
  const StoredState state = restored(*store);
  EXPECT_EQ(state.next_offset, 18u);
  EXPECT_EQ(state.samples_offset, 12u);
  EXPECT_EQ(state.engine, "later");
  EXPECT_EQ(alert_list(state),
            (std::vector<std::string>{"3c6ef372fe94f82a=disk fine", "9e3779b97f4a7c15=disk full"}));
  ASSERT_EQ(state.incidents.size(), 1u);
  EXPECT_EQ(state.incidents[0].id, 2u);
  ASSERT_EQ(state.seen_ids.size(), 3u);
  EXPECT_EQ(state.seen_ids[2].content, (Hash128{30, 40}));
  EXPECT_EQ(state.seen_ids[2].at, at(50));
  EXPECT_EQ((*store->alert(make_alert(2)->key))->title, "disk fine");
  EXPECT_EQ((*store->alert(make_alert(3)->key))->labels, make_alert(3)->labels);
  EXPECT_EQ((*store->incident(1))->title, "database down");
  EXPECT_EQ(store->closed_incidents(UINT64_MAX, 10)->size(), 1u);
  EXPECT_TRUE(store->closed_incidents(1, 10)->empty());
}

TEST_F(StoreTest, WhatIsRemovedInTheBatchThatChangesItIsHistory) {
  const auto store = open();
  StoreBatch batch = batch_to(1);
  batch.alerts = {make_alert(1, "first"), make_alert(1, "last")};
  batch.removed_alerts = {make_alert(1)->key};
  batch.incidents = {make_incident(4)};
  batch.removed_incidents = {4};
  commit(*store, batch);
  EXPECT_TRUE(restored(*store).alerts.empty());
  EXPECT_TRUE(restored(*store).incidents.empty());
  EXPECT_EQ((*store->alert(make_alert(1)->key))->title, "last");
  EXPECT_EQ(store->closed_incidents(UINT64_MAX, 10)->at(0).id, 4u);
  // It fires again: the live one wins over its history.
  StoreBatch again = batch_to(2);
  again.alerts = {make_alert(1, "again")};
  commit(*store, again);
  EXPECT_EQ((*store->alert(make_alert(1)->key))->title, "again");
}

TEST_F(StoreTest, TheAlertLogIsCleanedAndLosesNothing) {
  Prng prng(7);
  std::map<std::uint64_t, std::string> want;
  auto store = open();
  const std::string padding(3000, 'x');  // So that cleaning begins early.
  for (std::uint64_t round = 1; round <= 150; ++round) {
    StoreBatch batch = batch_to(round);
    for (int i = 0; i < 100; ++i) {
      const std::uint64_t n = 1 + prng.below(400);
      batch.alerts.push_back(make_alert(n, fmt::format("{}-{}-{}", n, round, padding)));
      want[n] = batch.alerts.back()->title;
    }
    for (int i = 0; i < 10; ++i) {
      const std::uint64_t n = 1 + prng.below(400);
      batch.removed_alerts.push_back(make_alert(n)->key);
      want.erase(n);
    }
    commit(*store, batch);
    if (round % 40 == 0) {
      store.reset();
      store = open();
    }
  }
  std::vector<std::string> list;
  for (const auto& [n, title] : want) {
    list.push_back(fmt::format("{}={}", format_fingerprint(make_alert(n)->key.fingerprint), title));
    const auto found = store->alert(make_alert(n)->key);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->title, title);
  }
  std::ranges::sort(list);
  EXPECT_EQ(alert_list(restored(*store)), list);
  // 45 MB were written; 400 live alerts of 3 KB and 8 MB of garbage may remain, and the history.
  store.reset();
  EXPECT_LT(fs::file_size(path()), 24u << 20);
}

void check_events(const Store& store, const EventQuery& query,
                  const std::vector<std::uint64_t>& want) {
  EXPECT_EQ(offsets(store.events(query)), want);
}

TEST_F(StoreTest, FiltersEvents) {
  const auto store = open();
  StoreBatch batch = batch_to(21);
  for (std::uint64_t offset = 1; offset <= 20; ++offset) batch.events.push_back(make_event(offset));
  commit(*store, batch);
  check_events(*store, {.limit = 3}, {20, 19, 18});
  check_events(*store, {.before_offset = 18, .limit = 2}, {17, 16});
  check_events(*store, {.since = at(18)}, {20, 19, 18});
  check_events(*store, {.until = at(4)}, {3, 2, 1});
  check_events(*store, {.since = at(3), .until = at(6)}, {5, 4, 3});
  check_events(*store, {.since = at(21)}, {});
  check_events(*store, {.tenant = "acme"}, {14, 7});
  check_events(*store, {.source = "/github", .limit = 2}, {19, 17});
  check_events(*store, {.kind = EventKind::Change, .severity_min = Severity::Critical, .limit = 3},
               {19, 15, 11});
  check_events(*store, {.alert = 2 + (1ull << 63)}, {12, 2});
  check_events(*store, {.incident = 5, .limit = 3}, {20, 16, 12});
  check_events(*store, {.alert = 2 + (1ull << 63), .incident = 5}, {12});
}

TEST_F(StoreTest, FindsWordsInTitleEntityAndLabels) {
  const auto store = open();
  StoreBatch batch = batch_to(21);
  for (std::uint64_t offset = 1; offset <= 20; ++offset) batch.events.push_back(make_event(offset));
  commit(*store, batch);
  check_events(*store, {.text = "number 13"}, {13});
  check_events(*store, {.text = "CHECKOUT eu-1"}, {6});
  check_events(*store, {.text = "service:check", .limit = 1}, {18});
  check_events(*store, {.text = " payments  cart ", .limit = 1}, {20});
  check_events(*store, {.text = "region", .limit = 1}, {20});
  check_events(*store, {.text = "nothing"}, {});
}

TEST_F(StoreTest, AnEventKeepsItsFieldsAndAtMost16KiBOfData) {
  const auto store = open();
  EventRow row = make_event(3, 9);
  row.event.annotations = *LabelSet::parse("summary=it hurts");
  row.event.links = {{"runbook", "https://example.org/r"}};
  row.event.starts_at = at(1);
  row.event.data = std::string(kEventDataBytesMax - 1, 'a') + "\u00e9 and more";
  StoreBatch batch = batch_to(4);
  batch.events = {row};
  commit(*store, batch);
  const auto got = store->event(3, 9);
  ASSERT_TRUE(got && *got);
  EXPECT_EQ((*got)->event.data, std::string(kEventDataBytesMax - 1, 'a'));
  EXPECT_EQ((*got)->event.annotations, row.event.annotations);
  EXPECT_EQ((*got)->event.links, row.event.links);
  EXPECT_EQ((*got)->event.starts_at, row.event.starts_at);
  EXPECT_EQ((*got)->event.ends_at, std::nullopt);
  EXPECT_EQ((*got)->event.id, "e3-9");
  EXPECT_FALSE(store->event(3, 8)->has_value());
}

TEST_F(StoreTest, CursorsAreStableWhileEventsAreAdded) {
  const auto store = open();
  std::uint64_t next = 1;
  const auto add = [&](int count) {
    StoreBatch batch = batch_to(next);
    for (int i = 0; i < count; ++i, ++next) {
      batch.events.push_back(make_event(next, 0));
      batch.events.push_back(make_event(next, 1));
    }
    commit(*store, batch);
  };
  add(30);
  EventQuery query{.limit = 7};
  std::vector<std::pair<std::uint64_t, std::uint32_t>> seen;
  while (true) {
    const auto page = store->events(query);
    ASSERT_TRUE(page);
    if (page->empty()) break;
    for (const EventRow& row : *page) seen.emplace_back(row.offset, row.index);
    query.before_offset = page->back().offset;
    query.before_index = page->back().index;
    add(3);
  }
  ASSERT_EQ(seen.size(), 60u);  // All of the first 30 frames, none twice, none of the later ones.
  EXPECT_TRUE(std::ranges::is_sorted(seen, std::greater<>()));
  EXPECT_EQ(seen.front(), (std::pair<std::uint64_t, std::uint32_t>{30, 1}));
}

TEST_F(StoreTest, PagesDeadLetters) {
  const auto store = open();
  StoreBatch batch = batch_to(10);
  for (std::uint32_t index = 0; index < 5; ++index) {
    batch.dead_letters.push_back({.offset = 7,
                                  .index = index,
                                  .tenant = "t",
                                  .source = "generic",
                                  .rejected = {"no title", "/title", "{}"},
                                  .resolved = index == 3});
  }
  commit(*store, batch);
  const auto indexes = [&](const DeadLetterQuery& query) {
    std::vector<std::uint32_t> list;
    const auto letters = store->dead_letters(query);
    for (const DeadLetter& d : *letters) list.push_back(d.index);
    return list;
  };
  EXPECT_EQ(indexes({}), (std::vector<std::uint32_t>{4, 2, 1, 0}));
  EXPECT_EQ(indexes({.limit = 2, .include_resolved = true}), (std::vector<std::uint32_t>{4, 3}));
  EXPECT_EQ(indexes({.before_offset = 7, .before_index = 2}), (std::vector<std::uint32_t>{1, 0}));
  EXPECT_EQ(store->open_dead_letters(), 4u);
  const auto one = store->dead_letter(7, 1);
  ASSERT_TRUE(one && *one);
  EXPECT_EQ((*one)->rejected, (Rejected{"no title", "/title", "{}"}));
  // A second attempt that succeeds.
  StoreBatch retried = batch_to(11);
  retried.dead_letters = {**one};
  retried.dead_letters[0].resolved = true;
  retried.dead_letters[0].attempts = 2;
  commit(*store, retried);
  EXPECT_EQ(indexes({}), (std::vector<std::uint32_t>{4, 2, 0}));
  EXPECT_EQ((*store->dead_letter(7, 1))->attempts, 2u);
  EXPECT_EQ(store->open_dead_letters(), 3u);
  commit(*store, retried);  // The same once more.
  EXPECT_EQ(store->open_dead_letters(), 3u);
}

TEST_F(StoreTest, CountsOpenDeadLettersAcrossARestart) {
  {
    const auto store = open();
    StoreBatch batch = batch_to(10);
    batch.dead_letters = {{.offset = 1}, {.offset = 2, .resolved = true}, {.offset = 3}};
    commit(*store, batch);
  }
  const auto store = open();
  EXPECT_EQ(store->open_dead_letters(), 2u);
  EXPECT_EQ(*store->retain({.dead_letters = seconds(1)}, at(9000)), 3u);
  EXPECT_EQ(store->open_dead_letters(), 0u);
}

TEST_F(StoreTest, KeepsFramesOfOpenDeadLetters) {
  const auto store = open();
  StoreBatch batch = batch_to(20);
  batch.dead_letters = {{.offset = 1},
                        {.offset = 3},
                        {.offset = 4, .resolved = true},
                        {.offset = 6, .index = 1},
                        {.offset = 6, .index = 2},
                        {.offset = 9}};
  commit(*store, batch);
  std::vector<std::uint64_t> asked;
  const auto read = [&](std::uint64_t offset) -> Result<Frame> {
    asked.push_back(offset);
    if (offset == 3) return fail(Errc::NotFound, "gone");
    return Frame{.source = "generic", .body = fmt::format("frame {}", offset)};
  };
  const auto kept = store->keep_frames(2, 9, read);
  ASSERT_TRUE(kept) << kept.error().to_string();
  EXPECT_EQ(kept->done_to, 9u);
  EXPECT_EQ(kept->left_out, 1u);
  EXPECT_EQ(asked, (std::vector<std::uint64_t>{3, 6}));
  EXPECT_EQ(store->keep_frames(4, 9, read)->left_out, 0u);
  EXPECT_EQ(asked.size(), 2u);  // It has them.
  const auto frame = store->kept_frame(6);
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((*frame)->offset, 6u);
  EXPECT_EQ((*frame)->body, "frame 6");
  EXPECT_FALSE(*store->kept_frame(3));
  EXPECT_FALSE(*store->kept_frame(9));

  const auto resolve = [&](std::uint64_t next_offset, std::uint32_t index) {
    StoreBatch later = batch_to(next_offset);
    later.dead_letters = {{.offset = 6, .index = index, .resolved = true}};
    commit(*store, later);
    EXPECT_TRUE(store->retain({}, at(5000)));
    return store->kept_frame(6)->has_value();
  };
  EXPECT_TRUE(resolve(21, 1));
  EXPECT_FALSE(resolve(22, 2));
}

TEST_F(StoreTest, KeepsSoManyFramesOfDeadLettersAtOnceAndNoMore) {
  const auto store = open();
  StoreBatch batch = batch_to(1000);
  for (std::uint64_t offset = 0; offset < kKeptFramesAtOnce + 2; ++offset) {
    batch.dead_letters.push_back({.offset = offset});
  }
  commit(*store, batch);
  // The last two take more than there is room for.
  const auto read = [](std::uint64_t offset) -> Result<Frame> {
    const bool is_large = offset >= kKeptFramesAtOnce;
    return Frame{.body = std::string(is_large ? kKeptFramesBytesMax / 2 : 10, 'x')};
  };
  const auto first = store->keep_frames(0, 1000, read);
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_EQ(first->done_to, kKeptFramesAtOnce);
  EXPECT_EQ(first->left_out, 0u);
  const auto rest = store->keep_frames(first->done_to, 1000, read);
  EXPECT_EQ(rest->done_to, 1000u);
  EXPECT_EQ(rest->left_out, 1u);
  EXPECT_TRUE(*store->kept_frame(kKeptFramesAtOnce));
  EXPECT_FALSE(*store->kept_frame(kKeptFramesAtOnce + 1));
  const std::uint64_t letters_and_frames = 2 * kKeptFramesAtOnce + 3;
  EXPECT_EQ(*store->retain({.dead_letters = seconds(1)}, at(9000)), letters_and_frames);
  EXPECT_FALSE(*store->kept_frame(0));
}

TEST_F(StoreTest, RestoresTheLast13WindowsOfEveryScope) {
  const auto store = open();
  StoreBatch batch = batch_to(1);
  for (int i = 0; i < 20; ++i) {
    batch.windows.push_back({"default", "", at(i * 300), fmt::format("all {}", i)});
    if (i < 3) batch.windows.push_back({"default", "/github", at(i * 300), "github"});
    batch.windows.push_back({"acme", "/x", at(i * 300), "x"});
  }
  batch.windows.push_back({"default", "", at(0), "all 0, changed"});
  commit(*store, batch);
  const auto windows = restored(*store).windows;
  ASSERT_EQ(windows.size(), 13u + 3u + 13u);
  EXPECT_EQ(windows[0].tenant, "acme");
  EXPECT_EQ(windows[0].starts_at, at(19 * 300));
  EXPECT_EQ(windows[13].record, "all 19");
  const auto since = store->windows("default", "", at(18 * 300), 10);
  ASSERT_EQ(since->size(), 2u);
  EXPECT_EQ(since->at(0).record, "all 19");
  EXPECT_EQ(store->windows("default", "", at(0), 100)->back().record, "all 0, changed");
}

std::string pages_text(const Store& store) {
  std::string text;
  EXPECT_TRUE(store.visit_state_pages([&](const StatePage& page) -> Status {
    text += fmt::format("{}/{}={} ", static_cast<int>(page.kind), page.number, page.data);
    return {};
  }));
  return text;
}

TEST_F(StoreTest, KeepsTheLastOfEachStatePage) {
  const auto store = open();
  StoreBatch batch = batch_to(1);
  const std::uint64_t large = (1ull << 48) - 1;
  batch.state_pages = {{StatePageKind::Samples, 0, "s0"},
                       {StatePageKind::Series, large, "z"},
                       {StatePageKind::Series, 3, "a3"},
                       {StatePageKind::Series, 4, "a4"}};
  commit(*store, batch);
  EXPECT_EQ(pages_text(*store), fmt::format("1/3=a3 1/4=a4 1/{}=z 2/0=s0 ", large));
  batch = batch_to(2);
  batch.state_pages = {{StatePageKind::Series, 3, ""}, {StatePageKind::Samples, 0, "new"}};
  commit(*store, batch);
  EXPECT_EQ(pages_text(*store), fmt::format("1/4=a4 1/{}=z 2/0=new ", large));
  int visited = 0;
  const auto stopped = store->visit_state_pages([&](const StatePage&) -> Status {
    ++visited;
    return fail(Errc::Corrupt, "enough");
  });
  EXPECT_FALSE(stopped);
  EXPECT_EQ(visited, 1);
}

TEST_F(StoreTest, RetentionRemovesWhatIsOldInSmallSteps) {
  const auto store = open();
  StoreBatch batch = batch_to(5000);
  for (std::uint64_t offset = 0; offset < 5000; ++offset) {
    batch.events.push_back(make_event(offset));
  }
  batch.dead_letters = {{.offset = 1, .arrived_at = at(1)}, {.offset = 9, .arrived_at = at(4990)}};
  batch.windows = {{"default", "", at(0), "old"}, {"default", "", at(4900), "new"}};
  batch.alerts = {make_alert(1), make_alert(2)};
  batch.removed_alerts = {make_alert(1)->key};
  batch.incidents = {make_incident(1), make_incident(2)};
  batch.removed_incidents = {1};
  batch.seen_ids = {{{1, 2}, {3, 4}, at(5)}};
  batch.metric_chunks = {make_chunk("db-1", 0, 1)};
  commit(*store, batch);

  RetentionPolicy policy{.events = seconds(500)};
  EXPECT_EQ(*store->retain(policy, at(5000)), kRetainRows);
  EXPECT_EQ(*store->retain(policy, at(5000)), kRetainRows);
  EXPECT_EQ(*store->retain(policy, at(5000)), 500u);
  EXPECT_EQ(*store->retain(policy, at(5000)), 0u);
  EXPECT_EQ(store->events({.limit = 9999})->back().offset, 4500u);

  policy = {.resolved_alerts = hours(1),
            .closed_incidents = seconds(4000),
            .dead_letters = seconds(100),
            .windows = seconds(200),
            .seen_ids = hours(1),
            .metrics = hours(1)};
  EXPECT_EQ(*store->retain(policy, at(5000)), 3u);  // An incident, a dead letter, a window.
  EXPECT_TRUE(store->alert(make_alert(1)->key)->has_value());
  EXPECT_EQ(*store->retain(policy, at(9000)), 5u);  // The rest of what is not live.
  EXPECT_FALSE(store->alert(make_alert(1)->key)->has_value());
  EXPECT_TRUE(store->alert(make_alert(2)->key)->has_value());
  EXPECT_TRUE(store->incident(2)->has_value());
  EXPECT_FALSE(store->incident(1)->has_value());
}

TEST_F(StoreTest, ASecondOpenerIsTurnedAway) {
  const auto store = open();
  const auto second = open_sqlite_store(path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::Unavailable);
  EXPECT_EQ(second.error().message, "another process holds " + path() + ".lock");
  const pid_t child = fork();
  if (child == 0) _exit(open_sqlite_store(path()) ? 1 : 0);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

void write_file(const std::string& path, std::string_view bytes) {
  FILE* file = std::fopen(path.c_str(), "wb");
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
}

void check_open_fails(const std::string& path, Errc code, const std::string& want) {
  const auto store = open_sqlite_store(path);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, code);
  EXPECT_EQ(store.error().message, want);
}

void run_sql(const std::string& path, const char* sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  sqlite3_close(db);
}

TEST_F(StoreTest, RefusesWhatIsNotAStore) {
  write_file(path("text.db"), std::string(8192, 'x'));
  check_open_fails(path("text.db"), Errc::Corrupt,
                   "store " + path("text.db") + " is damaged: file is not a database");
  run_sql(path("other.db"), "CREATE TABLE mine(x)");
  check_open_fails(
      path("other.db"), Errc::Corrupt,
      "opening store " + path("other.db") + ": it is a database, but not a store of Quell");
  open_sqlite_store(path("newer.db")).value().reset();
  run_sql(path("newer.db"), "INSERT INTO migrations VALUES(99)");
  check_open_fails(path("newer.db"), Errc::Unavailable,
                   "opening store " + path("newer.db") +
                       ": the store has schema version 99, this Quell knows up to 4: a newer one "
                       "wrote it");
  check_open_fails(path("no/such.db"), Errc::Unavailable,
                   "creating " + path("no/such.db") + ".lock: No such file or directory");
}

TEST(WriteBehindTest, TheSqliteOfThisSystemTakesIt) {
  EXPECT_TRUE(write_behind());
}

TEST_F(StoreTest, ADamagedRecordIsAnError) {
  {
    const auto store = open();
    StoreBatch batch = batch_to(1);
    batch.incidents = {make_incident(1)};
    batch.events = {make_event(4, 2)};
    commit(*store, batch);
  }
  run_sql(path(), "UPDATE incidents SET record = x'01ff'; UPDATE events SET record = x'0100'");
  const auto store = open();
  EXPECT_EQ(store->restore().error().code, Errc::Corrupt);
  EXPECT_EQ(store->events({}).error().message, "event 4/2: event record does not decode");
}

// Everything that a batch may hold, as a function of its number.
StoreBatch full_batch(std::uint64_t n) {
  StoreBatch batch = batch_to(n);
  batch.engine = fmt::format("engine {}", n);
  for (std::uint64_t i = 0; i < 20; ++i) batch.alerts.push_back(make_alert(n * 13 % 50 + i));
  batch.removed_alerts = {make_alert(n * 7 % 50)->key};
  batch.incidents = {make_incident(n)};
  if (n > 1) batch.removed_incidents = {n - 1};
  for (std::uint32_t i = 0; i < 20; ++i) batch.events.push_back(make_event(n - 1, i));
  batch.dead_letters = {{.offset = n, .rejected = {"reason", "place", "excerpt"}}};
  batch.windows = {{"default", "", at(static_cast<std::int64_t>(n) * 300), "window"}};
  batch.seen_ids = {{{n, n}, {n, n}, at(1)}};
  batch.metric_chunks = {make_chunk("db", static_cast<std::int64_t>(n) * 60, n)};
  return batch;
}

// The whole content of a store, for comparison.
std::string content(Store& store) {
  const StoredState state = restored(store);
  std::string text =
      fmt::format("{} {} {}\n", state.next_offset, state.engine, state.samples_offset);
  for (const std::string& alert : alert_list(state)) text += alert + '\n';
  for (std::uint64_t n = 0; n < 70; ++n) {
    text += (*store.alert(make_alert(n)->key)) ? '1' : '0';
  }
  for (const Incident& i : state.incidents) text += fmt::format("\nincident {}", i.id);
  text += fmt::format("\n{} {} {} {}", store.closed_incidents(UINT64_MAX, 9999)->size(),
                      store.events({.limit = 99999})->size(),
                      store.dead_letters({.limit = 9999})->size(),
                      store.windows("default", "", at(0), 9999)->size());
  text += fmt::format(" {} {}", state.seen_ids.size(),
                      store.metric_history({.metric = "cpu_load"})->chunks.size());
  return text;
}

// What a store holds after the first 0, 1, … count full batches.
std::vector<std::string> expected_contents(const std::string& path, std::uint64_t count) {
  auto store = open_sqlite_store(path);
  std::vector<std::string> contents{content(**store)};
  for (std::uint64_t n = 1; n <= count; ++n) {
    commit(**store, full_batch(n));
    contents.push_back(content(**store));
  }
  return contents;
}

TEST_F(StoreTest, ACopyOfTheFilesAtAnyCommitOpensAtThatCommit) {
  const auto store = open();
  for (std::uint64_t n = 1; n <= 12; ++n) {
    commit(*store, full_batch(n));
    const std::string copy = path(fmt::format("copy{}.db", n));
    fs::copy_file(path(), copy);
    fs::copy_file(path() + "-wal", copy + "-wal");
    auto opened = open_sqlite_store(copy);
    ASSERT_TRUE(opened) << opened.error().to_string();
    EXPECT_EQ(content(**opened), content(*store)) << "after commit " << n;
  }
}

TEST_F(StoreTest, ATornLogOpensAtTheLastWholeCommit) {
  auto store = open();
  commit(*store, full_batch(1));
  const auto first = fs::file_size(path() + "-wal");
  commit(*store, full_batch(2));
  const auto second = fs::file_size(path() + "-wal");
  ASSERT_LT(first, second);
  for (std::uint64_t cut = first; cut < second; cut += 4000) {
    const std::string copy = path(fmt::format("cut{}.db", cut));
    fs::copy_file(path(), copy);
    fs::copy_file(path() + "-wal", copy + "-wal");
    fs::resize_file(copy + "-wal", cut);
    auto opened = open_sqlite_store(copy);
    ASSERT_TRUE(opened) << opened.error().to_string();
    EXPECT_EQ(restored(**opened).next_offset, 1u) << "cut at " << cut;
  }
}

TEST_F(StoreTest, AKilledWriterLeavesAWholeNumberOfCommits) {
  const auto want = expected_contents(path("want.db"), 60);
  for (const int commits_seen : {1, 3, 8}) {
    const std::string file = path(fmt::format("killed{}.db", commits_seen));
    int ends[2] = {};
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto store = open_sqlite_store(file);
      for (std::uint64_t n = 1; store; ++n) {
        if (!(*store)->commit(full_batch(n)) || write(ends[1], "c", 1) != 1) _exit(1);
      }
      _exit(1);
    }
    close(ends[1]);
    char byte = 0;
    for (int i = 0; i < commits_seen; ++i) ASSERT_EQ(read(ends[0], &byte, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(ends[0]);
    auto store = open_sqlite_store(file);
    ASSERT_TRUE(store) << store.error().to_string();
    const std::uint64_t n = restored(**store).next_offset;
    EXPECT_GE(n, static_cast<std::uint64_t>(commits_seen));
    if (n >= want.size()) continue;  // The disk was fast: there is nothing to compare with.
    EXPECT_EQ(content(**store), want[n]);
  }
}

// Method: SQLite's anomaly tests: fail at every possible point, recover, compare.
TEST_F(StoreTest, AFullDiskFailsTheCommitAndNothingElse) {
  const auto want = expected_contents(path("want.db"), 60);
  std::set<std::uint64_t> stopped_at;
  for (std::uint32_t pages = 33; pages < 56; pages += 3) {
    const std::string file = path(fmt::format("full{}.db", pages));
    std::uint64_t n = 1;
    {
      auto store = open_sqlite_store(file, {.pages_max = pages});
      ASSERT_TRUE(store) << store.error().to_string();
      Status status;
      for (;; ++n) {
        status = (*store)->commit(full_batch(n));
        if (!status) break;
      }
      EXPECT_EQ(status.error().code, Errc::Exhausted);
      EXPECT_EQ(status.error().message, "store " + file + ": the disk is full");
      ASSERT_LT(n, want.size());
      EXPECT_EQ(content(**store), want[n - 1]);
      EXPECT_FALSE((*store)->commit(full_batch(n)));
    }
    stopped_at.insert(n);
    auto store = open_sqlite_store(file);
    commit(**store, full_batch(n));
    EXPECT_EQ(content(**store), want[n]);
  }
  EXPECT_GT(stopped_at.size(), 3u);  // The limit was met at different commits.
}

TEST_F(StoreTest, AnEventBeyondTheKeyIsRefused) {
  const auto store = open();
  StoreBatch batch = batch_to(1);
  batch.events = {make_event(1, kEventIndexMax + 1)};
  const auto status = store->commit(batch);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::TooLarge);
  EXPECT_EQ(restored(*store).next_offset, 0u);
}

}  // namespace
}  // namespace quell
