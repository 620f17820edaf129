#include "stream/series_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "stream/test_samples.h"

namespace quell::series_table_test {
namespace {

// `slot@time=value …` and what was refused.
std::string taken(SeriesTable& table, TestRequest request, std::string_view source = "test") {
  SampleBatch batch;
  SeriesRefusals refused;
  table.resolve(request.samples, source, SeriesTable::Unknown::Make, batch, refused);
  std::string text;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    text += fmt::format("{}@{}={} ", batch.slots[i],
                        (batch.times[i] - test_at(0)) / std::chrono::seconds(1), batch.values[i]);
  }
  for (const Rejected& r : refused.listed) {
    text += fmt::format("refused {}: {} [{}] ", r.place, r.reason, r.excerpt);
  }
  return text;
}

TEST(SeriesTable, SeriesKeepTheirSlots) {
  SeriesTable table;
  EXPECT_EQ(taken(table, TestRequest().add("a", 1, {10, 11}).add("b", 1, {20})),
            "0@1=10 0@2=11 1@1=20 ");
  EXPECT_EQ(taken(table, TestRequest().add("b", 3, {21}).add("c", 3, {30}).add("c", 4, {31})),
            "1@3=21 2@3=30 2@4=31 ");
  EXPECT_EQ(taken(table, TestRequest("other").add("a", 1, {1})), "3@1=1 ");
  EXPECT_EQ(table.size(), 4u);
  EXPECT_EQ(table.series(1)->metric(), "b");
  EXPECT_EQ(table.series(1)->slot, 1u);
  EXPECT_EQ(table.series(3)->tenant, "other");
  EXPECT_EQ(table.find("default", test_labels("c")), 2u);
  EXPECT_EQ(table.find("nobody", test_labels("c")), kNoSlot);
  EXPECT_EQ(table.metrics(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(table.slots_of("a"), (std::vector<SeriesSlot>{0, 3}));
}

// 100 series of equal length, m000 to m099 in the slots 0 to 99, but for those that are left out.
TestRequest request_of(std::string_view tenant, std::uint32_t first, std::uint32_t step,
                       std::uint32_t without = UINT32_MAX) {
  TestRequest request{std::string(tenant)};
  for (std::uint32_t i = 0; i < 100; ++i) {
    const std::uint32_t n = (first + i * step) % 100;
    if (n != without) request.add(fmt::format("m{:03}", n), 1, {static_cast<double>(n)});
  }
  return request;
}

// What a source most often sends next is the series of the next slot; it may be another one.
TEST(SeriesTable, SeriesAreFoundInAnyOrder) {
  SeriesTable table;
  const auto is_right = [&](TestRequest request, SeriesSlot first_slot) {
    SampleBatch batch;
    SeriesRefusals refused;
    table.resolve(request.samples, "test", SeriesTable::Unknown::Make, batch, refused);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (batch.slots[i] != first_slot + static_cast<SeriesSlot>(batch.values[i])) return false;
    }
    return batch.size() > 0;
  };
  EXPECT_TRUE(is_right(request_of("default", 0, 1), 0));
  EXPECT_TRUE(is_right(request_of("other", 0, 1), 100));
  for (const std::uint32_t step : {1u, 99u, 37u, 3u}) {
    for (const std::uint32_t first : {0u, 1u, 40u, 99u}) {
      EXPECT_TRUE(is_right(request_of("default", first, step), 0));
      EXPECT_TRUE(is_right(request_of("other", first, step), 100));
      EXPECT_TRUE(is_right(request_of("default", first, step, 50), 0));
    }
  }
  table.remove(50);
  EXPECT_TRUE(is_right(request_of("default", 0, 1, 50), 0));
  EXPECT_EQ(taken(table, TestRequest().add("m049", 1, {1}).add("m999", 1, {2})), "49@1=1 50@1=2 ");
  EXPECT_EQ(taken(table, TestRequest().add("m049", 1, {1}).add("m050", 1, {2})),
            "49@1=1 200@1=2 ");
  EXPECT_EQ(table.size(), 201u);
}

TEST(SeriesTable, OtherBytesOfTheSameLabelsAreTheSameSeries) {
  SeriesTable table;
  std::string unsorted;
  append_series_label(unsorted, "host", "h");
  append_series_label(unsorted, "__name__", "cpu");
  EXPECT_EQ(taken(table, TestRequest().add("cpu{host=h}", 1, {1}).add_key(unsorted, 2, {2})),
            "0@1=1 0@2=2 ");
  EXPECT_EQ(taken(table, TestRequest().add_key(unsorted, 3, {3})), "0@3=3 ");
  EXPECT_EQ(table.size(), 1u);
}

TEST(SeriesTable, BadLabelsDoNotCostTheOthers) {
  SeriesTable table;
  std::string twice;
  for (int i = 0; i < 2; ++i) append_series_label(twice, "a", "b");
  EXPECT_EQ(taken(table, TestRequest()
                             .add("good", 1, {1, 2})
                             .add_key(twice, 1, {3, 4})
                             .add_key("\xff", 1, {5})
                             .add("fine", 1, {6})),
            "0@1=1 0@2=2 1@1=6 refused timeseries 1, label 'a': appears twice [] "
            "refused timeseries 2: the labels are no protobuf messages of the type Label [] ");
}

constexpr std::string_view kKnownGoOn =
    ": a series with new labels is refused, known ones go on (GET /api/v1/series says which "
    "metrics have the most)";

TEST(SeriesTable, BeyondALimitKnownSeriesGoOn) {
  SeriesTable table({.series_max = 2, .series_total_max = 3});
  EXPECT_EQ(taken(table, TestRequest().add("a", 1, {1}).add("b", 1, {2}).add("c{x=y}", 1, {3})),
            fmt::format("0@1=1 1@1=2 refused timeseries 2: the tenant 'default' has 2 series from "
                        "'test', the limit of metrics.series_max{} [c{{x=\"y\"}}] ",
                        kKnownGoOn));
  EXPECT_EQ(taken(table, TestRequest().add("b", 2, {5}).add("a", 2, {4})), "1@2=5 0@2=4 ");
  EXPECT_EQ(taken(table, TestRequest().add("c", 1, {1}), "another"), "2@1=1 ");
  EXPECT_EQ(taken(table, TestRequest("t").add("a", 1, {1})),
            fmt::format("refused timeseries 0: there are 3 series, the limit of "
                        "metrics.series_total_max{} [a{{}}] ",
                        kKnownGoOn));
  ASSERT_EQ(table.owners().size(), 3u);
  EXPECT_EQ(table.owners()[0].series, 2u);
  EXPECT_EQ(table.owners()[0].refused_series, 1u);
  EXPECT_EQ(table.owners()[0].refused_metrics.at("c"), 1u);
  table.remove(0);
  EXPECT_EQ(taken(table, TestRequest().add("d", 1, {1})), "0@1=1 ");
}

TEST(SeriesTable, MemoryIsLimited) {
  SeriesTable table({.bytes_max = 700});
  EXPECT_EQ(taken(table, TestRequest().add("a", 1, {1}).add("b", 1, {2}).add("c", 1, {3})),
            fmt::format("0@1=1 1@1=2 refused timeseries 2: series take 510 bytes, the limit of "
                        "metrics.series_memory is 700{} [c{{}}] ",
                        kKnownGoOn));
}

TEST(SeriesTable, TenantsAndSourcesAreLimited) {
  SeriesTable table;
  for (std::size_t i = 0; i < SeriesTable::kOwnersMax; ++i) {
    ASSERT_EQ(taken(table, TestRequest(fmt::format("t{}", i)).add("a", 1, {1})),
              fmt::format("{}@1=1 ", i));
  }
  EXPECT_EQ(
      taken(table, TestRequest("one more").add("a", 1, {1})),
      "refused timeseries 0: there are series of 10000 tenants, the limit: those of a new one "
      "are refused [a{}] ");
  table.remove(17);
  EXPECT_EQ(taken(table, TestRequest("one more").add("a", 1, {1})), "17@1=1 ");
  EXPECT_EQ(taken(table, TestRequest("t18").add("a", 2, {1})), "18@2=1 ");
}

TEST(SeriesTable, KindsAreToldByTheSourceThenByMetadataThenByTheName) {
  SeriesTable table;
  (void)resolved(table, TestRequest()
                            .add("temperature", 1, {1})
                            .add("requests_total", 1, {1})
                            .add("latency_bucket{le=1}", 1, {1})
                            .add("odd_total", 1, {1}, SeriesKind::Gauge));
  const auto kinds = [&] {
    std::string text;
    for (SeriesSlot slot = 0; slot < table.slot_count(); ++slot) {
      text += fmt::format("{} ", series_kind_name(table.kind(slot)));
    }
    return text;
  };
  EXPECT_EQ(kinds(), "gauge counter counter gauge ");
  TestRequest metadata;
  metadata.samples.metadata = {{"temperature", SeriesKind::Counter, "", "Not what it seems."},
                               {"latency", SeriesKind::Gauge, "s", "How long."}};
  (void)resolved(table, std::move(metadata));
  (void)resolved(table, TestRequest().add("latency", 1, {1}).add("temperature{a=b}", 1, {1}));
  EXPECT_EQ(kinds(), "counter counter counter gauge gauge counter ");
  EXPECT_EQ(table.metadata("default", "latency")->unit, "s");
  EXPECT_EQ(table.metadata("other", "latency"), nullptr);
}

TEST(SeriesTable, UnitsMayChange) {
  SeriesTable table;
  for (const std::string_view unit : {"%", "ratio"}) {
    TestRequest request;
    request.add("cpu", 1, {1});
    request.samples.units = {"", std::string(unit)};
    request.samples.series[0].unit = 1;
    EXPECT_EQ(taken(table, request), "0@1=1 ");
    EXPECT_EQ(table.series(0)->unit, unit);
    EXPECT_EQ(table.series(0)->slot, 0u);
  }
  EXPECT_EQ(taken(table, TestRequest().add("cpu", 2, {1})), "0@2=1 ");
  EXPECT_EQ(table.series(0)->unit, "ratio");  // Nothing said changes nothing.
}

TEST(SeriesTable, Offenders) {
  SeriesTable table;
  TestRequest request;
  for (int i = 0; i < 6; ++i) {
    request.add(fmt::format("big{{pod=p{},zone=z{}}}", i, i % 2), 1, {1});
    if (i < 2) request.add(fmt::format("small{{pod=p{}}}", i), 1, {1});
  }
  (void)resolved(table, std::move(request));
  const auto metrics = table.top_metrics(0, 5);
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_EQ(metrics[0].metric, "big");
  EXPECT_EQ(metrics[0].series, 6u);
  EXPECT_EQ(table.top_metrics(0, 1).size(), 1u);
  const auto labels = table.top_labels(0, "big", 5, 100);
  ASSERT_EQ(labels.size(), 2u);
  EXPECT_EQ(labels[0].name, "pod");
  EXPECT_EQ(labels[0].values, 6u);
  EXPECT_EQ(labels[1].values, 2u);
  EXPECT_EQ(table.top_labels(0, "big", 5, 3)[0].values, 3u);
}

TEST(SeriesTable, AnOldFrameMakesNoSeries) {
  SeriesTable table;
  (void)resolved(table, TestRequest().add("a", 1, {1}));
  TestRequest request;
  request.add("gone", 1, {1}).add("a", 2, {2});
  SampleBatch batch;
  SeriesRefusals refused;
  table.resolve(request.samples, "test", SeriesTable::Unknown::Skip, batch, refused);
  EXPECT_EQ(batch.slots, (std::vector<SeriesSlot>{0}));
  EXPECT_EQ(batch.values, (std::vector<double>{2}));
  EXPECT_EQ(refused.series, 0u);
}

// All that a table says, in order.
std::string everything(const SeriesTable& table) {
  std::string text = fmt::format("{} series, {} bytes\n", table.size(), table.bytes());
  for (SeriesSlot slot = 0; slot < table.slot_count(); ++slot) {
    const auto& s = table.series(slot);
    if (s == nullptr) continue;
    text += fmt::format("{} {} {} {} {}\n", slot, s->tenant, s->labels.to_string(), s->unit,
                        series_kind_name(table.kind(slot)));
    if (table.find(s->tenant, s->labels) != slot) text += "LOST\n";
  }
  for (const std::string& metric : table.metrics()) {
    const auto* m = table.metadata("t0", metric);
    text += fmt::format("{}: {} {}\n", metric, table.slots_of(metric).size(),
                        m == nullptr ? "" : m->help);
  }
  return text;
}

// Random series that come and go, in pages that are loaded again at random moments: the table is
// always the same as one that was never stored, whatever its hash.
TEST(SeriesTableProperty, APageForPageCopyIsTheSame) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Prng prng(seed);
    SeriesTable straight({.series_max = 150}, 1);
    auto stored = std::make_unique<SeriesTable>(SeriesTableOptions{.series_max = 150}, 2);
    std::map<std::pair<StatePageKind, std::uint64_t>, std::string> store;
    for (int step = 0; step < 120; ++step) {
      TestRequest request(fmt::format("t{}", prng.below(2)));
      for (auto n = prng.below(8); n > 0; --n) {
        request.add(fmt::format("m{}{{i=v{}}}", prng.below(5), prng.below(60)), step, {1.0});
      }
      if (prng.chance(20)) {
        request.samples.metadata = {
            {fmt::format("m{}", prng.below(5)), SeriesKind::Counter, "", fmt::format("{}", step)}};
      }
      const std::string source = fmt::format("s{}", prng.below(2));
      ASSERT_EQ(taken(straight, request, source), taken(*stored, request, source));
      for (SeriesSlot slot = 0; slot < straight.slot_count(); ++slot) {
        if (straight.series(slot) == nullptr || !prng.chance(3)) continue;
        straight.remove(slot);
        stored->remove(slot);
      }
      std::vector<StatePage> pages;
      stored->take_pages(pages);
      for (StatePage& page : pages) {
        if (page.data.empty()) {
          store.erase({page.kind, page.number});
        } else {
          store[{page.kind, page.number}] = std::move(page.data);
        }
      }
      if (!prng.chance(10)) continue;
      stored = std::make_unique<SeriesTable>(SeriesTableOptions{.series_max = 150}, seed);
      for (const auto& [key, data] : store) {
        const auto loaded = stored->load({key.first, key.second, data});
        ASSERT_TRUE(loaded) << loaded.error().to_string();
      }
      stored->finish_load();
      ASSERT_EQ(everything(straight), everything(*stored)) << "seed " << seed;
    }
    ASSERT_EQ(everything(straight).find("LOST"), std::string::npos);
  }
}

TEST(SeriesTable, DamagedPagesAreCorrupt) {
  SeriesTable table;
  (void)resolved(table, TestRequest().add("a{b=c}", 1, {1}));
  std::vector<StatePage> pages;
  table.take_pages(pages);
  ASSERT_EQ(pages.size(), 1u);
  for (std::size_t size = 1; size < pages[0].data.size(); ++size) {
    SeriesTable copy;
    EXPECT_FALSE(copy.load({pages[0].kind, pages[0].number, pages[0].data.substr(0, size)}))
        << size;
  }
}

}  // namespace
}  // namespace quell::series_table_test
