#include "wire/otlp_metrics.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/packing.h"
#include "base/prng.h"
#include "wire/otlp_points.h"
#include "wire/test_event.h"
#include "wire/test_protobuf.h"

namespace quell {
namespace {

using test::bytes_field;
using test::double_field;
using test::fixed_field;
using test::number_field;

constexpr std::uint64_t kNow = 1'795'248'600'000'000'000;  // 2026-11-21T08:10:00Z

Frame make_frame(std::string_view content_type, std::string body, std::string encoding = "") {
  Frame frame;
  frame.arrived_at = test_time("2026-11-21T08:10:00Z");
  frame.content_type = content_type;
  if (!encoding.empty()) frame.headers = {{"content-encoding", std::move(encoding)}};
  frame.body = std::move(body);
  return frame;
}

std::string text(const OtlpDecoded& out) {
  std::string text;
  for (const WireSamples::Run& run : out.samples.series) {
    const auto labels = SeriesLabels::parse(out.samples.key(run), {});
    text += labels ? labels->to_string() : labels.error().to_string();
    text += fmt::format(" ({})", series_kind_name(run.kind));
    for (std::size_t i = run.first; i < run.first + run.count; ++i) {
      const double value = out.samples.values.at(i);
      const auto age = test_time("2026-11-21T08:10:00Z") - out.samples.times.at(i);
      text += fmt::format(" {}@{}", is_stale_marker(value) ? "stale" : fmt::format("{:g}", value),
                          -age / std::chrono::milliseconds(1));
    }
    text += '\n';
  }
  for (const Rejected& r : out.rejected) text += rejected_text(r);
  return text;
}

constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";

std::string decoded(std::string_view content_type, const std::string& body,
                    const WireLimits& limits = {}) {
  OtlpMetricsDecoder decoder(limits);
  const Frame frame = make_frame(content_type, body);
  OtlpDecoded first;
  decoder.decode(frame, first);
  OtlpDecoded again;
  decoder.decode(frame, again);
  EXPECT_EQ(text(again), text(first)) << "again, now known";
  return text(first);
}

void check_json(const std::string& body, std::string_view want) {
  EXPECT_EQ(decoded(kJson, body), want) << "for " << body;
}
void check_protobuf(const std::string& body, std::string_view want, const WireLimits& limits = {}) {
  EXPECT_EQ(decoded(kProtobuf, body, limits), want);
}

// One resource, one scope, these metrics.
std::string json_metrics(std::string_view metrics, std::string_view resource = "") {
  return fmt::format(R"({{"resourceMetrics":[{{"resource":{{"attributes":[{}]}},)"
                     R"("scopeMetrics":[{{"scope":{{"name":"app","version":"1"}},)"
                     R"("metrics":[{}]}}]}}]}})",
                     resource, metrics);
}

constexpr std::string_view kService =
    R"({"key":"service.name","value":{"stringValue":"checkout"}})";

TEST(OtlpJson, GaugesAndSums) {
  check_json(json_metrics(R"({"name":"temperature","unit":"Cel","gauge":{"dataPoints":[
      {"timeUnixNano":"1795248600000999999","asDouble":21.5,
       "attributes":[{"key":"room","value":{"stringValue":"a"}}]},
      {"timeUnixNano":1795248599000000000,"asInt":"-7"}]}})",
                          kService),
             "temperature{otel.scope.name=\"app\", room=\"a\", service.name=\"checkout\"} (gauge) "
             "21.5@0\n"
             "temperature{otel.scope.name=\"app\", service.name=\"checkout\"} (gauge) -7@-1000\n");
  const auto sum = [](int temporality, std::string_view monotonic) {
    return json_metrics(fmt::format(
        R"({{"name":"requests","sum":{{"aggregationTemporality":{},"isMonotonic":{},"dataPoints":[)"
        R"({{"timeUnixNano":"1795248600000000000","asInt":3}}]}}}})",
        temporality, monotonic));
  };
  check_json(sum(2, "true"), "requests{otel.scope.name=\"app\"} (counter) 3@0\n");
  check_json(sum(1, "true"), "requests{otel.scope.name=\"app\"} (delta) 3@0\n");
  check_json(sum(2, "false"), "requests{otel.scope.name=\"app\"} (gauge) 3@0\n");
  check_json(sum(0, "true"), "requests{otel.scope.name=\"app\"} (counter) 3@0\n");
  check_json(sum(1, "false"),
             "rejected data point 0: a sum that may fall, of delta temporality: send it as a "
             "cumulative one\n");
}

TEST(OtlpJson, Histograms) {
  check_json(
      json_metrics(R"({"name":"latency","histogram":{"aggregationTemporality":2,"dataPoints":[
        {"timeUnixNano":"1795248600000000000","count":"6","sum":1.5,"min":0.1,"max":0.9,
         "bucketCounts":["1","2",3],"explicitBounds":[0.25,1]}]}})"),
      "latency_count{otel.scope.name=\"app\"} (counter) 6@0\n"
      "latency_sum{otel.scope.name=\"app\"} (counter) 1.5@0\n"
      "latency_bucket{le=\"0.25\", otel.scope.name=\"app\"} (counter) 1@0\n"
      "latency_bucket{le=\"1\", otel.scope.name=\"app\"} (counter) 3@0\n"
      "latency_bucket{le=\"+Inf\", otel.scope.name=\"app\"} (counter) 6@0\n");
  check_json(
      json_metrics(
          R"({"name":"e","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[
        {"timeUnixNano":"1795248600000000000","count":4,"sum":2,"scale":3,"zeroCount":1,
         "positive":{"offset":1,"bucketCounts":[1,2]}}]}})"),
      "e_count{otel.scope.name=\"app\"} (delta) 4@0\ne_sum{otel.scope.name=\"app\"} (delta) 2@0\n"
      // The buckets above 2^(1/8) and 2^(2/8) are of the octave that ends with 2.
      "e_bucket{le=\"0\", otel.scope.name=\"app\"} (delta) 1@0\n"
      "e_bucket{le=\"1\", otel.scope.name=\"app\"} (delta) 1@0\n"
      "e_bucket{le=\"2\", otel.scope.name=\"app\"} (delta) 4@0\n"
      "e_bucket{le=\"4\", otel.scope.name=\"app\"} (delta) 4@0\n"
      "e_bucket{le=\"8\", otel.scope.name=\"app\"} (delta) 4@0\n"
      "e_bucket{le=\"16\", otel.scope.name=\"app\"} (delta) 4@0\n"
      "e_bucket{le=\"+Inf\", otel.scope.name=\"app\"} (delta) 4@0\n");
  check_json(json_metrics(R"({"name":"s","summary":{"dataPoints":[
        {"timeUnixNano":"1795248600000000000","count":"4","sum":2,
         "quantileValues":[{"quantile":0.5,"value":1},{"quantile":1,"value":"NaN"}]}]}})"),
             "s_count{otel.scope.name=\"app\"} (counter) 4@0\n"
             "s_sum{otel.scope.name=\"app\"} (counter) 2@0\n"
             "s{otel.scope.name=\"app\", quantile=\"0.5\"} (gauge) 1@0\n"
             "s{otel.scope.name=\"app\", quantile=\"1\"} (gauge) nan@0\n");
  check_json(json_metrics(R"({"name":"h","histogram":{"dataPoints":[
        {"timeUnixNano":"1795248600000000000","count":1,"bucketCounts":[1],"explicitBounds":[1]},
        {"timeUnixNano":"1795248600000000000","count":2}]}})"),
             "h_count{otel.scope.name=\"app\"} (counter) 2@0\n"
             "rejected data point 0: 1 buckets for 1 bounds: there must be one more\n");
}

TEST(OtlpJson, HistogramsWithoutAValueEnd) {
  for (const std::string_view kind : {"histogram", "exponentialHistogram"}) {
    check_json(json_metrics(fmt::format(R"({{"name":"h","{}":{{"aggregationTemporality":2,)"
                                        R"("dataPoints":[{{"timeUnixNano":"1795248600000000000",)"
                                        R"("flags":1}}]}}}})",
                                        kind)),
               "h_count{otel.scope.name=\"app\"} (counter) stale@0\n"
               "h_sum{otel.scope.name=\"app\"} (counter) stale@0\n"
               "h_bucket{le=\"+Inf\", otel.scope.name=\"app\"} (counter) stale@0\n");
  }
}

std::string point(std::string_view more) {
  return json_metrics(fmt::format(
      R"({{"name":"m","gauge":{{"dataPoints":[{{"timeUnixNano":"1795248600000000000","asInt":1{}}}]}}}})",
      more));
}

TEST(OtlpJson, AttributesAreText) {
  const auto attribute = [](std::string_view value) {
    return point(fmt::format(R"(,"attributes":[{{"key":"a","value":{}}}])", value));
  };
  const auto is = [](std::string_view value) {
    return fmt::format("m{{a=\"{}\", otel.scope.name=\"app\"}} (gauge) 1@0\n", value);
  };
  check_json(attribute(R"({"intValue":"9007199254740993"})"), is("9007199254740993"));
  check_json(attribute(R"({"intValue":-3})"), is("-3"));
  check_json(attribute(R"({"doubleValue":0.1})"), is("0.1"));
  check_json(attribute(R"({"boolValue":true})"), is("true"));
  check_json(attribute(R"({"bytesValue":"AQI="})"), is("AQI="));
  check_json(attribute(R"({"arrayValue":{"values":[{"intValue":1},{"stringValue":"b"},{}]}})"),
             is(R"([1,\"b\",null])"));
  check_json(attribute(R"({"kvlistValue":{"values":[{"key":"k","value":{"boolValue":false}}]}})"),
             is(R"({\"k\":false})"));
  check_json(attribute("{}"), "m{otel.scope.name=\"app\"} (gauge) 1@0\n");
  std::string deep = R"({"intValue":1})";
  for (int i = 0; i < 20; ++i) deep = R"({"arrayValue":{"values":[)" + deep + "]}}";
  EXPECT_TRUE(decoded(kJson, attribute(deep)).contains("an attribute is nested too deeply"));
}

TEST(OtlpJson, ResourcesTellWhoAndNotHow) {
  const auto resource =
      [](std::initializer_list<std::pair<std::string_view, std::string_view>> of) {
        std::string text;
        for (const auto& [name, value] : of) {
          text += fmt::format(R"({}{{"key":"{}","value":{{"stringValue":"{}"}}}})",
                              text.empty() ? "" : ",", name, value);
        }
        return json_metrics(
            R"({"name":"m","gauge":{"dataPoints":[{"asInt":1,"timeUnixNano":"1795248600000000000",)"
            R"("attributes":[{"key":"host.name","value":{"stringValue":"mine"}}]}]}})",
            text);
      };
  check_json(resource({{"service.name", "a"},
                       {"service.version", "1.2"},
                       {"process.pid", "7"},
                       {"process.command", "x"},
                       {"telemetry.sdk.name", "otel"}}),
             "m{host.name=\"mine\", otel.scope.name=\"app\", process.pid=\"7\", "
             "service.name=\"a\"} (gauge) 1@0\n");
  check_json(resource({{"service.name", "a"},
                       {"service.instance.id", "i"},
                       {"process.pid", "7"},
                       {"host.name", "theirs"},
                       {"k8s.pod.name", "p"}}),
             "m{host.name=\"mine\", k8s.pod.name=\"p\", otel.scope.name=\"app\", "
             "resource.host.name=\"theirs\", service.instance.id=\"i\", service.name=\"a\"} "
             "(gauge) 1@0\n");
}

// What the kubeletstats and hostmetrics receivers send: containers of one pod, processes of a host.
TEST(OtlpJson, ResourcesOfOnePlaceStayApart) {
  const auto resource = [](std::initializer_list<std::string_view> names) {
    std::string text;
    for (const std::string_view name : names) {
      text += fmt::format(R"({}{{"key":"{}","value":{{"stringValue":"x"}}}})",
                          text.empty() ? "" : ",", name);
    }
    return json_metrics(R"({"name":"m","gauge":{"dataPoints":[{"asInt":1}]}})", text);
  };
  check_json(resource({"k8s.pod.name", "k8s.container.name", "k8s.container.restart_count",
                       "k8s.container.status.last_terminated_reason"}),
             "m{k8s.container.name=\"x\", k8s.pod.name=\"x\", otel.scope.name=\"app\"} (gauge) "
             "1@0\n");
  check_json(resource({"host.name", "process.pid", "service.instance.id"}),
             "m{host.name=\"x\", otel.scope.name=\"app\", process.pid=\"x\", "
             "service.instance.id=\"x\"} (gauge) 1@0\n");
}

TEST(OtlpJson, TimesAndMissingValues) {
  check_json(point(R"(,"flags":1)"), "m{otel.scope.name=\"app\"} (gauge) stale@0\n");
  check_json(json_metrics(R"({"name":"m","gauge":{"dataPoints":[{"asInt":1}]}})"),
             "m{otel.scope.name=\"app\"} (gauge) 1@0\n");
  check_json(
      json_metrics(R"({"name":"m","gauge":{"dataPoints":[
      {"asInt":1,"timeUnixNano":"1"},{"asInt":1,"timeUnixNano":"18446744073709551615"}]}})"),
      "rejected data point 0, sample 0: the time 1970-01-01T00:00:00Z is more than 31d before "
      "the arrival\n"
      "rejected data point 1, sample 0: the time 2262-04-11T23:47:16.854Z is more than 10m "
      "after the arrival: check the sender's clock\n");
}

TEST(OtlpJson, WhatIsNoRequest) {
  const auto nothing = [](std::string_view place, std::string_view what) {
    return fmt::format("rejected {}: {}; nothing of the request was taken\n", place, what);
  };
  check_json("", nothing("byte 0", "the body is empty, expected JSON"));
  check_json("{\"a\":", nothing("byte 5 (line 1, column 6)", "not valid JSON: incomplete JSON"));
  check_json("[]", nothing("all", "must be an object, got an array"));
  check_json("{}", "");
  check_json(R"({"resourceMetrics":{}})",
             nothing("/resourceMetrics", "must be an array, got an object"));
  check_json(json_metrics("7"), nothing("/resourceMetrics/0/scopeMetrics/0/metrics/0",
                                        "must be an object, got a number"));
  check_json(json_metrics(R"({"name":7,"gauge":{}})"),
             nothing("/resourceMetrics/0/scopeMetrics/0/metrics/0/name",
                     "must be a string, got a number"));
  check_json(point(R"(,"timeUnixNano":1)"), "m{otel.scope.name=\"app\"} (gauge) 1@0\n");
  check_json(json_metrics(R"({"name":"m","gauge":{"dataPoints":[{"asInt":1},{"asDouble":"x"}]}})"),
             nothing("/resourceMetrics/0/scopeMetrics/0/metrics/0/gauge/dataPoints/1/asDouble",
                     "must be a number, got a string"));
}

std::string key_value(std::string_view key, std::string_view value) {
  return bytes_field(1, key) + bytes_field(2, bytes_field(1, value));
}

std::string request(const std::string& metrics, const std::string& resource = "") {
  const std::string scope = bytes_field(1, bytes_field(1, "app")) + metrics;
  return bytes_field(1, bytes_field(1, resource) + bytes_field(2, scope));
}

std::string metric(std::string_view name, std::uint32_t kind, const std::string& data) {
  return bytes_field(2, bytes_field(1, name) + bytes_field(3, "s") + bytes_field(kind, data));
}

const std::string kRoom = bytes_field(7, key_value("room", "a"));

TEST(OtlpProtobuf, AllKindsOfPoints) {
  const std::string service = bytes_field(1, key_value("service.name", "checkout"));
  const std::string number = kRoom + fixed_field(3, kNow) + double_field(4, 21.5);
  check_protobuf(request(metric("temperature", 5, bytes_field(1, number)), service),
                 "temperature{otel.scope.name=\"app\", room=\"a\", service.name=\"checkout\"} "
                 "(gauge) 21.5@0\n");
  const std::string integer = fixed_field(6, static_cast<std::uint64_t>(-3)) + fixed_field(3, kNow);
  check_protobuf(request(metric("requests", 7,
                                bytes_field(1, integer) + number_field(2, 2) + number_field(3, 1))),
                 "requests{otel.scope.name=\"app\"} (counter) -3@0\n");
  check_protobuf(request(metric("requests", 7, bytes_field(1, integer) + number_field(2, 1)) +
                         metric("size", 7, bytes_field(1, integer) + number_field(2, 2))),
                 "size{otel.scope.name=\"app\"} (gauge) -3@0\n"
                 "rejected data point 0: a sum that may fall, of delta temporality: send it as a "
                 "cumulative one\n");
  const std::string histogram =
      bytes_field(9, key_value("room", "a")) + fixed_field(3, kNow) + fixed_field(4, 3) +
      double_field(5, 1.5) + bytes_field(6, std::string("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 16)) +
      double_field(7, 0.5) + bytes_field(8, "");
  check_protobuf(request(metric("latency", 9, bytes_field(1, histogram) + number_field(2, 1))),
                 "latency_count{otel.scope.name=\"app\", room=\"a\"} (delta) 3@0\n"
                 "latency_sum{otel.scope.name=\"app\", room=\"a\"} (delta) 1.5@0\n"
                 "latency_bucket{le=\"0.5\", otel.scope.name=\"app\", room=\"a\"} (delta) 1@0\n"
                 "latency_bucket{le=\"+Inf\", otel.scope.name=\"app\", room=\"a\"} (delta) 3@0\n");
  const std::string exponential = fixed_field(3, kNow) + fixed_field(4, 3) + double_field(5, 1.5);
  check_protobuf(request(metric("e", 10, bytes_field(1, exponential) + number_field(2, 2))),
                 "e_count{otel.scope.name=\"app\"} (counter) 3@0\n"
                 "e_sum{otel.scope.name=\"app\"} (counter) 1.5@0\n"
                 "e_bucket{le=\"0\", otel.scope.name=\"app\"} (counter) 0@0\n"
                 "e_bucket{le=\"+Inf\", otel.scope.name=\"app\"} (counter) 3@0\n");
  // Negative scale -1: buckets of two octaves; -3 is the one above 4^-3. No flag, then the flag.
  const std::string packed_counts = bytes_field(2, std::string("\2\0\1", 3));
  const std::string coarse =
      fixed_field(3, kNow) + fixed_field(4, 6) + number_field(6, 1) + fixed_field(7, 1) +
      bytes_field(8, number_field(1, 5) + packed_counts) + bytes_field(9, number_field(2, 2));
  const std::string ended = fixed_field(3, kNow) + number_field(10, 1);
  check_protobuf(
      request(metric("c", 10, bytes_field(1, coarse) + bytes_field(1, ended) + number_field(2, 1))),
      "c_count{otel.scope.name=\"app\"} (delta) 6@0\n"
      "c_bucket{le=\"0\", otel.scope.name=\"app\"} (delta) 3@0\n"
      "c_bucket{le=\"0.00390625\", otel.scope.name=\"app\"} (delta) 3@0\n"
      "c_bucket{le=\"0.015625\", otel.scope.name=\"app\"} (delta) 3@0\n"
      "c_bucket{le=\"0.0625\", otel.scope.name=\"app\"} (delta) 5@0\n"
      "c_bucket{le=\"0.25\", otel.scope.name=\"app\"} (delta) 5@0\n"
      "c_bucket{le=\"1\", otel.scope.name=\"app\"} (delta) 6@0\n"
      "c_bucket{le=\"+Inf\", otel.scope.name=\"app\"} (delta) 6@0\n"
      "c_count{otel.scope.name=\"app\"} (delta) stale@0\n"
      "c_sum{otel.scope.name=\"app\"} (delta) stale@0\n"
      "c_bucket{le=\"+Inf\", otel.scope.name=\"app\"} (delta) stale@0\n");
  const std::string summary = fixed_field(3, kNow) + fixed_field(4, 3) + double_field(5, 1.5) +
                              bytes_field(6, double_field(1, 0.5) + double_field(2, 7));
  check_protobuf(request(metric("s", 11, bytes_field(1, summary))),
                 "s_count{otel.scope.name=\"app\"} (counter) 3@0\n"
                 "s_sum{otel.scope.name=\"app\"} (counter) 1.5@0\n"
                 "s{otel.scope.name=\"app\", quantile=\"0.5\"} (gauge) 7@0\n");
}

TEST(OtlpProtobuf, AttributesInAnyOrderAndPlace) {
  const std::string a = bytes_field(7, key_value("a", "1"));
  const std::string b = bytes_field(7, key_value("b", "2"));
  const std::string time = fixed_field(3, kNow) + double_field(4, 1);
  const std::string want = "m{a=\"1\", b=\"2\", otel.scope.name=\"app\"} (gauge) 1@0\n";
  for (const std::string& p : {a + b + time, b + a + time, time + a + b, a + time + b}) {
    check_protobuf(request(metric("m", 5, bytes_field(1, p))), want);
  }
  // Numbers, booleans, lists.
  const auto valued = [](const std::string& value) {
    return request(
        metric("m", 5,
               bytes_field(1, bytes_field(7, bytes_field(1, "a") + bytes_field(2, value)) +
                                  fixed_field(3, kNow))));
  };
  const auto is = [](std::string_view value) {
    return fmt::format("m{{a=\"{}\", otel.scope.name=\"app\"}} (gauge) 0@0\n", value);
  };
  check_protobuf(valued(number_field(3, static_cast<std::uint64_t>(-9))), is("-9"));
  check_protobuf(valued(number_field(2, 1)), is("true"));
  check_protobuf(valued(double_field(4, 0.5)), is("0.5"));
  check_protobuf(valued(bytes_field(7, "\1\2")), is("AQI="));
  check_protobuf(valued(bytes_field(5, bytes_field(1, bytes_field(1, "x")) + bytes_field(1, ""))),
                 is(R"([\"x\",null])"));
}

TEST(OtlpProtobuf, WhatIsKnownDoesNotSpeakForOthers) {
  OtlpMetricsDecoder decoder;
  const auto one = [&](std::string_view service, std::string_view name, std::string_view room) {
    OtlpDecoded out;
    const std::string p = bytes_field(7, key_value("room", room)) + fixed_field(3, kNow);
    decoder.decode(
        make_frame(kProtobuf, request(metric(name, 5, bytes_field(1, p)),
                                      bytes_field(1, key_value("service.name", service)))),
        out);
    return text(out);
  };
  for (int round = 0; round < 2; ++round) {
    for (const std::string_view service : {"a", "b"}) {
      for (const std::string_view name : {"m", "n"}) {
        for (const std::string_view room : {"1", "2"}) {
          EXPECT_EQ(one(service, name, room),
                    fmt::format("{}{{otel.scope.name=\"app\", room=\"{}\", service.name=\"{}\"}} "
                                "(gauge) 0@0\n",
                                name, room, service));
        }
      }
    }
  }
}

TEST(OtlpProtobuf, WhatIsNoProtobuf) {
  const auto broken = [](std::string_view place, std::string_view what) {
    return fmt::format(
        "rejected {}: the request is no protobuf message ExportMetricsServiceRequest: {}; nothing "
        "of "
        "it was taken\n",
        place, what);
  };
  check_protobuf("", "");
  check_protobuf("\xff", broken("byte 0", "a field that is malformed or cut off"));
  check_protobuf(request(metric("m", 5, bytes_field(1, "\x19\x01"))),
                 broken("byte 25", "a field that is malformed or cut off"));
  check_protobuf(bytes_field(1, "\x0a\x7f"),
                 broken("byte 2", "a field that is malformed or cut off"));
  check_protobuf(
      request(metric("m", 5, bytes_field(1, bytes_field(7, "\x0a\x7f") + fixed_field(3, kNow)))),
      "rejected data point 0: its attributes are malformed\n");
  std::string deep = bytes_field(1, "x");
  for (int i = 0; i < 1000; ++i) deep = bytes_field(5, bytes_field(1, deep));
  check_protobuf(
      request(metric("m", 5,
                     bytes_field(1, bytes_field(7, bytes_field(1, "a") + bytes_field(2, deep)) +
                                        fixed_field(3, kNow)))),
      "rejected data point 0: its attributes are malformed\n");
}

TEST(OtlpProtobuf, DamagedRequests) {
  const std::string number = kRoom + fixed_field(3, kNow) + double_field(4, 21.5);
  const std::string good =
      request(metric("temperature", 5, bytes_field(1, number) + bytes_field(1, number)),
              bytes_field(1, key_value("service.name", "checkout")));
  Prng prng(17);
  OtlpMetricsDecoder decoder;
  OtlpMetricsDecoder fresh;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good.substr(0, prng.chance(20) ? prng.below(good.size()) : good.size());
    for (auto n = prng.below(4); n > 0 && !bytes.empty(); --n) {
      bytes[prng.below(bytes.size())] = static_cast<char>(prng.next());
    }
    const Frame frame = make_frame(kProtobuf, "");
    OtlpDecoded fast;
    OtlpDecoded slow;
    decoder.decode_body(OtlpEncoding::Protobuf, bytes, frame, true, fast);
    fresh.decode_body(OtlpEncoding::Protobuf, bytes, frame, false, slow);
    ASSERT_EQ(text(fast), text(slow));
  }
}

// Points of a few bytes under one resource of many: the labels of each must not be put together.
TEST(OtlpProtobuf, FloodsOfLabelsAreRefused) {
  const std::string points = bytes_field(1, fixed_field(3, kNow)) + bytes_field(1, kRoom);
  const auto sent = [&](std::size_t value_bytes) {
    return request(metric("m", 5, points),
                   bytes_field(1, key_value("service.name", std::string(value_bytes, 'x'))));
  };
  check_protobuf(sent(70'000),
                 "rejected data point 0: the attributes of its resource take more than 65536 "
                 "bytes\n"
                 "rejected data point 1: the attributes of its resource take more than 65536 "
                 "bytes\n");
  check_protobuf(request(metric("m", 5, points + points)),
                 "m{otel.scope.name=\"app\"} (gauge) 0@0\n"
                 "m{otel.scope.name=\"app\", room=\"a\"} (gauge) 0@0\n"
                 "rejected data point 2: more than 2 series in one request: the rest was refused\n"
                 "rejected data point 3: more than 2 series in one request: the rest was refused\n",
                 {.series_max = 2});
  OtlpMetricsDecoder decoder({.unpacked_bytes_max = 300});
  OtlpDecoded out;
  decoder.decode(make_frame(kProtobuf, sent(170)), out);
  EXPECT_EQ(out.samples.size(), 1u);
  EXPECT_EQ(out.points_refused, 1u);
  ASSERT_EQ(out.rejected.size(), 1u);
  EXPECT_EQ(out.rejected[0].reason,
            "the labels of the request take more than 300 bytes together: the rest was refused");
}

// What a request names once must not be kept once for each of its scopes, metrics or points.
TEST(OtlpPoints, ResourcesAreKeptOnce) {
  const WireLimits limits;
  const auto kept = [&](std::size_t value_bytes, std::uint32_t points_of_scope) {
    WireSamples samples;
    std::vector<Rejected> rejected;
    wire::OtlpMemory memory(limits.series_cached_max);
    wire::OtlpPoints points(samples, rejected, test_time("2026-11-21T08:10:00Z"), limits, &memory);
    points.begin_resource({{"service.name", std::string(value_bytes, 'x')}});
    for (int i = 0; i < 1000; ++i) {
      points.begin_scope(fmt::format("scope {}", i));
      points.begin_metric("m", "", "", SeriesKind::Gauge);
      const auto none = [](std::string_view, wire::OtlpAttributes&) { return true; };
      for (std::uint32_t n = 0; n < points_of_scope; ++n) {
        points.number({.may_be_known = true, .read_attributes = none}, 1);
      }
    }
    return memory.bytes();
  };
  EXPECT_EQ(kept(100'000, 0), 0u);
  EXPECT_EQ(kept(100'000, 2), 0u);
  EXPECT_EQ(kept(5'000, 0), 0u);
  EXPECT_LT(kept(5'000, 2), 5'300'000u);  // The labels of each of the 1000 series, and no more.
}

TEST(OtlpPoints, MemoryIsBounded) {
  wire::OtlpMemory memory(2);
  EXPECT_EQ(memory.number_of("a"), 0u);
  EXPECT_EQ(memory.number_of("b"), 1u);
  EXPECT_EQ(memory.number_of("c"), std::nullopt);
  EXPECT_EQ(memory.number_of("a"), 0u);
  memory.tidy();
  EXPECT_EQ(memory.number_of("c"), 0u);
  // More metrics than there is room for: the same labels, known or not.
  std::string metrics;
  std::string want;
  for (int i = 0; i < 5; ++i) {
    metrics += metric(fmt::format("m{}", i), 5, bytes_field(1, kRoom + fixed_field(3, kNow)));
    want += fmt::format("m{}{{otel.scope.name=\"app\", room=\"a\"}} (gauge) 0@0\n", i);
  }
  check_protobuf(request(metrics), want, {.series_cached_max = 4});
}

TEST(OtlpProtobuf, AttributesWithoutValue) {
  std::string resource = bytes_field(1, key_value("service.name", "a"));
  std::string point = kRoom + fixed_field(3, kNow);
  for (int i = 0; i < 2000; ++i) {
    resource += bytes_field(1, key_value(fmt::format("a{}", i), ""));
    point += bytes_field(7, bytes_field(1, fmt::format("b{}", i)));
  }
  point += bytes_field(7, key_value("service.name", ""));
  check_protobuf(request(metric("m", 5, bytes_field(1, point)), resource),
                 "m{otel.scope.name=\"app\", room=\"a\", service.name=\"a\"} (gauge) 0@0\n");
}

TEST(OtlpProtobuf, FloodsOfAttributesAreRefused) {
  const auto attributes = [](std::uint32_t field, int count) {
    std::string all;
    for (int i = 0; i < count; ++i)
      all += bytes_field(field, key_value(fmt::format("a{}", i), "x"));
    return all;
  };
  const std::string plain = metric("m", 5, bytes_field(1, fixed_field(3, kNow)));
  const std::string wide = "rejected data point 0: its resource has more than 3 attributes\n";
  const WireLimits limits{.labels_max = 3};
  check_protobuf(request(plain, attributes(1, 3)),
                 "m{a0=\"x\", a1=\"x\", a2=\"x\", otel.scope.name=\"app\"} (gauge) 0@0\n", limits);
  check_protobuf(request(plain, attributes(1, 4)), wide, limits);
  check_protobuf(request(plain, attributes(1, 5000)), wide, limits);
  const auto of_point = [&](int count) {
    return request(metric("m", 5, bytes_field(1, attributes(7, count) + fixed_field(3, kNow))));
  };
  const std::string many = "rejected data point 0: it has more than 3 attributes\n";
  check_protobuf(of_point(4), many, limits);
  check_protobuf(of_point(5000), many, limits);
}

TEST(OtlpFrames, PackedOrNot) {
  const std::string body = point("");
  const std::string want = "m{otel.scope.name=\"app\"} (gauge) 1@0\n";
  OtlpMetricsDecoder decoder({.json_bytes_max = 4096});
  const auto check = [&](const Frame& frame, std::string_view expected, OtlpFailure failure) {
    OtlpDecoded out;
    decoder.decode(frame, out);
    EXPECT_EQ(text(out), expected);
    EXPECT_EQ(out.failure, failure);
  };
  check(make_frame(kJson, gzip_pack(body), "gzip"), want, OtlpFailure::None);
  check(make_frame("application/json; charset=utf-8", body, "identity"), want, OtlpFailure::None);
  check(make_frame(kJson, body, "gzip"),
        "rejected all: the body is not what its Content-Encoding says (gzip): incorrect header "
        "check\n",
        OtlpFailure::Broken);
  check(make_frame(kJson, gzip_pack(body).substr(0, 30), "gzip"),
        "rejected all: the packed body ends too early\n", OtlpFailure::Broken);
  check(make_frame(kJson, gzip_pack(std::string(5000, ' ')), "gzip"),
        "rejected all: the unpacked body is larger than the limit of 4096 bytes\n",
        OtlpFailure::TooLarge);
  check(make_frame(kJson, body, "snappy"),
        "rejected all: Content-Encoding 'snappy' is not supported: send gzip, deflate or plain "
        "bytes\n",
        OtlpFailure::Broken);
  check(make_frame("text/plain", body),
        "rejected all: 'text/plain' is not a type of OTLP: send application/x-protobuf or "
        "application/json\n",
        OtlpFailure::Broken);
}

void check_reply(OtlpEncoding encoding, OtlpFailure failure, std::uint64_t refused, int status,
                 std::string_view body) {
  const WireReply reply =
      otlp_reply(encoding, failure, refused, {{"why", "data point 3", ""}, {"also", "", ""}});
  EXPECT_EQ(reply.status, status);
  EXPECT_EQ(reply.body, body);
  EXPECT_EQ(reply.content_type, encoding == OtlpEncoding::Json ? kJson : kProtobuf);
}

TEST(OtlpReply, InTheEncodingOfTheRequest) {
  check_reply(OtlpEncoding::Json, OtlpFailure::None, 0, 200, "{}");
  check_reply(OtlpEncoding::Protobuf, OtlpFailure::None, 0, 200, "");
  check_reply(OtlpEncoding::Json, OtlpFailure::None, 5, 200,
              R"({"partialSuccess":{"rejectedDataPoints":"5",)"
              R"("errorMessage":"data point 3: why\nalso"}})");
  const std::string message = "data point 3: why\nalso";
  check_reply(OtlpEncoding::Protobuf, OtlpFailure::None, 300, 200,
              bytes_field(1, number_field(1, 300) + bytes_field(2, message)));
  check_reply(OtlpEncoding::Json, OtlpFailure::Broken, 0, 400,
              R"({"code":3,"message":"data point 3: why\nalso"})");
  check_reply(OtlpEncoding::Protobuf, OtlpFailure::TooLarge, 0, 413,
              number_field(1, 3) + bytes_field(2, message));
}

}  // namespace
}  // namespace quell
