// The runners on small data in memory: what they read, what they answer, what they say of bad data.
#include <gtest/gtest.h>
#include <lzma.h>

#include <algorithm>
#include <map>

#include "base/prng.h"
#include "eval/calibration_eval.h"
#include "eval/kpi_eval.h"
#include "eval/nab_eval.h"
#include "eval/quiet_eval.h"
#include "eval/series_csv.h"
#include "eval/smd_eval.h"

namespace quell::eval_test {
namespace {

using Tree = std::map<std::string, std::string>;

DataFiles in_memory(const Tree& tree) {
  DataFiles files;
  files.read = [&tree](const std::string& path) -> Result<std::string> {
    const auto at = tree.find(path);
    if (at == tree.end()) return fail(Errc::NotFound, "cannot read '" + path + "'");
    return at->second;
  };
  files.list = [&tree](const std::string& directory) -> Result<std::vector<std::string>> {
    std::vector<std::string> names;
    for (const auto& [path, text] : tree) {
      if (!path.starts_with(directory + "/")) continue;
      names.push_back(path.substr(directory.size() + 1));
    }
    if (names.empty()) return fail(Errc::NotFound, "cannot list '" + directory + "'");
    return names;
  };
  return files;
}

const EvalProgress kSilent = [](std::string_view, std::size_t, std::size_t) {};

std::string packed(std::string_view text) {
  std::string out(text.size() + 1'000, '\0');
  std::size_t size = 0;
  const auto code = lzma_easy_buffer_encode(
      1, LZMA_CHECK_CRC64, nullptr, reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
      reinterpret_cast<std::uint8_t*>(out.data()), &size, out.size());
  EXPECT_EQ(code, LZMA_OK);
  out.resize(size);
  return out;
}

// A minute apart; a jump at each row of `spikes`.
std::string series(int rows, const std::vector<int>& spikes, bool with_labels,
                   std::int64_t start = 1'400'000'000) {
  Prng prng(1);
  std::string out = with_labels ? "timestamp,value,label\n" : "timestamp,value\n";
  for (int i = 0; i < rows; ++i) {
    const bool is_spike = std::ranges::find(spikes, i) != spikes.end();
    const double value = static_cast<double>(prng.below(1'000)) / 100 + (is_spike ? 100 : 0);
    out += std::to_string(start + 60 * i) + "," + std::to_string(value);
    out += with_labels ? (is_spike ? ",1\n" : ",0\n") : "\n";
  }
  return out;
}

void check_csv_error(std::string_view text, std::string_view want) {
  const auto parsed = parse_series_csv(text, "a.csv");
  EXPECT_EQ(parsed ? "good" : parsed.error().to_string(), want);
}

TEST(SeriesCsv, ReadsColumnsInAnyOrder) {
  const auto a =
      parse_series_csv("value, KPI ID,timestamp,label\r\n1.5,x,60,0\r\n\r\n-2e3,x,120,1", "a");
  ASSERT_TRUE(a) << a.error().to_string();
  EXPECT_EQ(a->seconds, (std::vector<std::int64_t>{60, 120}));
  EXPECT_EQ(a->values, (std::vector<double>{1.5, -2'000}));
  EXPECT_EQ(a->labels, (std::vector<std::uint8_t>{0, 1}));
  const auto b = parse_series_csv("timestamp,value\n2014-04-01 00:00:05,1\n", "b");
  EXPECT_EQ(b->seconds[0], 1'396'310'405);
  EXPECT_TRUE(b->labels.empty());
}

TEST(SeriesCsv, ReadsWhatSpreadsheetsWrite) {
  auto a = parse_series_csv(
      "\xef\xbb\xbf\"timestamp\",\"value\",label\n120.0,+2,False\n60,\"1\",TRUE\n", "a");
  ASSERT_TRUE(a) << a.error().to_string();
  sort_by_time(*a);
  EXPECT_EQ(a->seconds, (std::vector<std::int64_t>{60, 120}));
  EXPECT_EQ(a->values, (std::vector<double>{1, 2}));
  EXPECT_EQ(a->labels, (std::vector<std::uint8_t>{1, 0}));
}

TEST(SeriesCsv, SaysWhatIsWrongWhere) {
  check_csv_error("", "a.csv: no samples");
  check_csv_error("timestamp,value\n", "a.csv: no samples");
  check_csv_error("time,v\n1,2\n",
                  "a.csv:1: expected a header with the columns 'timestamp' and 'value', got "
                  "'time,v'");
  check_csv_error("timestamp,value\n60,x\n", "a.csv:2: expected a number as value, got 'x'");
  check_csv_error("timestamp,value\n1400025600000,1\n",
                  "a.csv:2: '1400025600000' is too far away for seconds since 1970: are these "
                  "milliseconds?");
  check_csv_error("KPI ID,timestamp,value\na,60,1\nb,120,1\n",
                  "a.csv:3: the file holds several series ('a' and 'b'): give each its own");
  check_csv_error("timestamp,value\n60\n", "a.csv:2: expected a number as value, got ''");
  check_csv_error("timestamp,value\nnow,1\n",
                  "a.csv:2: expected seconds or 'YYYY-MM-DD HH:MM:SS' as timestamp, got 'now'");
  check_csv_error("timestamp,value,label\n60,1,2\n", "a.csv:2: expected 0 or 1 as label, got '2'");
}

TEST(UnpackXz, UnpacksAndRefuses) {
  const std::string text(100'000, 'q');
  EXPECT_EQ(unpack_xz(packed(text), 1u << 20).value(), text);
  EXPECT_EQ(unpack_xz(packed("") + packed("b"), 100).value(), "b");
  EXPECT_EQ(unpack_xz(packed(text), 1'000).error().to_string(),
            "more than 1000 bytes when unpacked");
  EXPECT_EQ(unpack_xz(packed(text).substr(0, 50), 1u << 20).error().code, Errc::Corrupt);
  EXPECT_EQ(unpack_xz("not xz at all", 100).error().code, Errc::Corrupt);
}

Tree kpi_tree() {
  return {{"d/Train/a.csv", series(2'000, {}, false)},
          {"d/Test/a.csv.xz", packed(series(1'000, {700}, true, 1'400'120'000))},
          {"d/Train/b.csv.xz", packed(series(2'000, {500, 1'500}, true))},
          {"d/Train/notes.txt", "not a series"}};
}

TEST(KpiEval, ScoresTestElseTheSecondHalf) {
  const Tree tree = kpi_tree();
  const auto report = evaluate_kpi(in_memory(tree), "d", kSilent);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->series.size(), 2u);
  EXPECT_EQ(report->points, 5'000u);
  EXPECT_EQ(report->scored_points, 2'000u);
  EXPECT_EQ(report->counts.segments, 2u);
  EXPECT_EQ(report->counts.segments_found, 2u);
  EXPECT_EQ(report->with_test, 1u);
}

TEST(KpiEval, JsonHasThreeNumbers) {
  KpiReport report;
  report.counts = {.found = 3, .missed = 1, .false_points = 0};
  EXPECT_EQ(kpi_json(report), R"({"f1":0.8571428571428571,"precision":1,"recall":0.75})");
}

void check_kpi_error(const Tree& tree, std::string_view want) {
  const auto report = evaluate_kpi(in_memory(tree), "d", kSilent);
  EXPECT_EQ(report ? "good" : report.error().to_string(), want);
}

TEST(KpiEval, SaysWhatIsWrongWhere) {
  check_kpi_error({},
                  "no .csv or .csv.xz in 'd/Train' or 'd/Test'; expected the KPIs of the AIOps "
                  "2018 competition, one file each");
  check_kpi_error({{"d/Train/a.csv", series(10, {}, false)}},
                  "d/Train/a.csv:1: expected a column 'label' of 0 and 1 beside 'timestamp' and "
                  "'value'");
  check_kpi_error({{"d/Test/a.csv", "timestamp,value,label\n1,2,3\n"}},
                  "d/Test/a.csv:2: expected 0 or 1 as label, got '3'");
  check_kpi_error({{"d/Test/a.csv.xz", "broken"}},
                  "d/Test/a.csv.xz: byte 6: not a complete .xz file");
}

constexpr std::string_view kWindows = R"({
  "real/a.csv": [["2014-05-13 20:53:20.000000", "2014-05-13 21:53:20.000000"]],
  "real/absent.csv": [["2014-05-13 20:53:20.000000", "2014-05-13 21:53:20.000000"]],
  "real/quiet.csv": []
})";

TEST(NabEval, FindsWindowsAndLeavesOutWhatIsAbsent) {
  const Tree tree{{"d/labels/combined_windows.json", std::string(kWindows)},
                  {"d/data/real/a.csv", series(2'000, {1'745}, false, 1'399'910'000)},
                  {"d/data/real/quiet.csv.xz", packed(series(2'000, {}, false))}};
  const auto report = evaluate_nab(in_memory(tree), "d", kSilent);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->files, 2u);
  EXPECT_EQ(report->absent, 1u);
  EXPECT_EQ(report->windows, 1u);
  EXPECT_EQ(report->best[0].windows_hit, 1u);
  EXPECT_LE(report->shipped[0], report->best[0].score);
  EXPECT_GT(report->shipped[0], 0);
  EXPECT_GT(report->best[0].score, 50);
}

TEST(NabEval, JsonHasThreeProfilesTwice) {
  NabReport report;
  report.best[0].score = 71.5;
  report.out_of_fold[2] = 60;
  EXPECT_EQ(nab_json(report),
            R"({"standard":71.5,"reward_low_fp":0,"reward_low_fn":0,)"
            R"("out_of_fold":{"standard":0,"reward_low_fp":0,"reward_low_fn":60}})");
}

void check_nab_error(const Tree& tree, std::string_view want) {
  const auto report = evaluate_nab(in_memory(tree), "d", kSilent);
  EXPECT_EQ(report ? "good" : report.error().to_string(), want);
}

TEST(NabEval, SaysWhatIsWrongWhere) {
  const std::string labels = "d/labels/combined_windows.json";
  check_nab_error({},
                  "no labels/combined_windows.json in 'd'; expected the root of NAB, with data/ "
                  "and labels/");
  check_nab_error({{labels, "[]"}},
                  "d/labels/combined_windows.json: expected an object of windows by file");
  check_nab_error({{labels, R"({"a.csv": 3})"}},
                  "d/labels/combined_windows.json: 'a.csv': expected a list of windows");
  check_nab_error({{labels, R"({"a.csv": []})"}},
                  "none of the 1 files that d/labels/combined_windows.json names is in 'd/data'");
  check_nab_error({{labels, R"({"a.csv": [["1970-01-01 00:00:00", "1970-01-01 01:00:00"]]})"},
                   {"d/data/a.csv", series(10, {}, false)}},
                  "d/labels/combined_windows.json: 'a.csv': the window from '1970-01-01 00:00:00' "
                  "to '1970-01-01 01:00:00' holds no row of the file");
}

// Four channels; in the test part rows 300 to 339 are a fault of two of them.
std::string machine() {
  Prng prng(2);
  std::string bytes;
  const auto put = [&](std::size_t rows, bool is_test) {
    for (std::size_t c = 0; c < 4; ++c) {
      for (std::size_t i = 0; i < rows; ++i) {
        float v = static_cast<float>(prng.below(1'000)) / 1'000;
        if (is_test && c < 2 && i >= 300 && i < 340) v += 5;
        bytes.append(reinterpret_cast<const char*>(&v), sizeof v);
      }
    }
  };
  put(1'000, false);
  put(600, true);
  for (std::size_t i = 0; i < 600; ++i) bytes.push_back(i >= 300 && i < 340 ? 1 : 0);
  return bytes;
}

constexpr std::string_view kIndex =
    "name,channels,train_rows,test_rows,test_anomalous_rows\n"
    "machine-9-9,4,1000,600,40\n"
    "machine-9-8,4,1000,600,40\n";

TEST(SmdEval, FindsTheFaultAndLeavesOutWhatIsAbsent) {
  const Tree tree{{"d/index.csv", std::string(kIndex)},
                  {"d/machine-9-9.bin.xz", packed(machine())}};
  const auto report = evaluate_smd(in_memory(tree), "d", kSilent);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->entities.size(), 1u);
  EXPECT_EQ(report->absent, 1u);
  EXPECT_GT(report->raw_f1(), 0.75);
  EXPECT_LT(report->random_f1(), 0.3);
}

TEST(SmdEval, JsonHasTwoNumbers) {
  SmdReport report;
  report.entities = {{.name = "machine-1-1", .raw_f1 = 0.5, .random_f1 = 0.25},
                     {.name = "omi-1", .raw_f1 = 1}};
  EXPECT_EQ(smd_json(report), R"({"raw_f1":0.5,"random_f1":0.25})");
}

void check_smd_error(const Tree& tree, std::string_view want) {
  const auto report = evaluate_smd(in_memory(tree), "d", kSilent);
  EXPECT_EQ(report ? "good" : report.error().to_string(), want);
}

TEST(SmdEval, SaysWhatIsWrongWhere) {
  check_smd_error({},
                  "no index.csv in 'd'; expected the Server Machine Dataset as index.csv and "
                  "NAME.bin.xz");
  check_smd_error({{"d/index.csv", "name\n"}}, "d/index.csv: names no entity");
  check_smd_error({{"d/index.csv", "name,channels\nm,x,1,1\n"}},
                  "d/index.csv:2: expected 'name,channels,train_rows,test_rows', got 'm,x,1,1'");
  check_smd_error({{"d/index.csv", std::string(kIndex)}},
                  "none of the 2 entities that d/index.csv names is in 'd'");
  check_smd_error({{"d/index.csv", std::string(kIndex)}, {"d/machine-9-9.bin", "short"}},
                  "d/machine-9-9.bin: 5 bytes, but index.csv:2 says 4 channels of 1000 and 600 "
                  "rows: 26200 bytes");
}

TEST(CalibrationEval, FindsAsMuchAsDeclaredWithinAFactorOfTwo) {
  const CalibrationReport report = evaluate_calibration(kSilent, 2);
  EXPECT_EQ(report.kinds.size(), 12u);
  EXPECT_GT(report.measured(), report.declared / 2);
  EXPECT_LT(report.measured(), report.declared * 2);
  EXPECT_EQ(calibration_json({.declared = 0.5}), R"({"declared":0.5,"measured":0})");
}

TEST(QuietEval, CountsWhatComesOfQuietMachines) {
  const auto report = evaluate_quiet(in_memory({}), "", kSilent, 1);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->data_hash, 0u);
  ASSERT_EQ(report->machines.size(), 1u);
  const QuietReport::Machine& machine = report->machines[0];
  EXPECT_EQ(machine.first.days, 1);
  EXPECT_EQ(machine.later.days, 13);
  EXPECT_LE(machine.first.findings, 5u);
  EXPECT_LE(machine.later.findings, 13u);
  EXPECT_LE(machine.later.incidents, 1u);
}

TEST(QuietEval, ReadsRecordedMachinesAndCountsTheirLabels) {
  const Tree tree{{"d/index.csv", std::string(kIndex)},
                  {"d/machine-9-9.bin.xz", packed(machine())}};
  const auto report = evaluate_quiet(in_memory(tree), "d", kSilent);
  ASSERT_TRUE(report) << report.error().to_string();
  ASSERT_EQ(report->machines.size(), 1u);
  EXPECT_EQ(report->absent, 1u);
  EXPECT_EQ(report->machines[0].series, 4u);
  EXPECT_EQ(report->machines[0].segments, 1u);
  EXPECT_EQ(quiet_json({}),
            R"({"findings_per_day":0,"incidents_per_day":0,"episodes_per_sample":0})");
  const auto absent = evaluate_quiet(in_memory({}), "d", kSilent);
  ASSERT_FALSE(absent.has_value());
  EXPECT_EQ(absent.error().code, Errc::NotFound);
}

}  // namespace
}  // namespace quell::eval_test
