#include "normalize/pack_decoder.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "base/time.h"
#include "model/event_json.h"

namespace quell {
namespace {

Pack pack_of(std::string_view events, std::string_view head = "") {
  auto pack = parse_pack(fmt::format("name: p\n{}\nevents:\n{}", head, events), "p.yaml");
  EXPECT_TRUE(pack) << pack.error().to_string();
  return pack ? *std::move(pack) : Pack{};
}

Frame frame_of(std::string_view body) {
  Frame frame{.arrived_at = *parse_rfc3339("2026-11-21T08:30:00Z"), .source = "pack/p"};
  frame.headers = {{"x-event", "push"}};
  frame.body = body;
  return frame;
}

Decoded decode(const Pack& pack, std::string_view body) {
  PackScratch scratch;
  return decode_with_pack(pack, frame_of(body), scratch);
}

// The title that `expression` gives; a note has no other requirements.
void check_text(std::string_view expression, std::string_view body, std::string_view want) {
  const Pack pack = pack_of(fmt::format("  - {{name: e, type: none, title: {}}}", expression));
  const Decoded decoded = decode(pack, body);
  ASSERT_EQ(decoded.events.size(), 1u) << expression;
  EXPECT_EQ(decoded.events[0].title, want) << expression << " of " << body;
}

TEST(PackTexts, Pointers) {
  check_text("/a/b", R"({"a":{"b":"x"}})", "x");
  check_text("/a/1", R"({"a":["x","y"]})", "y");
  check_text("/a/-1", R"({"a":["x","y","z"]})", "z");
  check_text("/a~1b/c~0d", R"({"a/b":{"c~d":"x"}})", "x");
  check_text("'/a/[name=two]/v'", R"({"a":[{"name":"one","v":1},{"name":"two","v":2}]})", "2");
  check_text("'/a/[0=two]/1'", R"({"a":[["one",1],["two",2]]})", "2");
  check_text("'/a/[id=7]/v'", R"({"a":[{"id":7,"v":"seven"}]})", "seven");
  check_text("header:X-Event", "{}", "push");
  check_text("/a/b/c", R"({"a":"x"})", "none");
  check_text("/a/7", R"({"a":[1]})", "none");
}

TEST(PackTexts, ValuesAsText) {
  check_text("/a", R"({"a":7})", "7");
  check_text("/a", R"({"a":18446744073709551615})", "18446744073709551615");
  check_text("/a", R"({"a":0.25})", "0.25");
  check_text("/a", R"({"a":1.7e9})", "1700000000");
  check_text("/a", R"({"a":true})", "true");
  check_text("/a", R"({"a":null})", "none");
  check_text("/a", R"({"a":["x",1,null,{}]})", "x,1");
  check_text("/a", R"({"a":{"b":1}})", "none");
  check_text("'{/a|json}'", R"({"a":{"b":[1]}})", R"({"b":[1]})");
  check_text("'{/a|count}'", R"({"a":[1,2,3]})", "3");
  check_text("'{/a|join: + }'", R"({"a":["x","y"]})", "x + y");
}

TEST(PackTexts, TemplatesAndFallbacks) {
  check_text("'{/a}: {/b|first_line}'", R"({"a":"x","b":"one\ntwo"})", "x: one");
  check_text("'{/a} and {/b}'", R"({"b":"y"})", "and y");
  check_text("'{/a} and {/b}'", "{}", "none");
  check_text("'{{{/a}}}'", R"({"a":"x"})", "{x}");
  check_text("[/a, /b, '{\"c\"}']", R"({"b":""})", "c");
  check_text("'{/a ?? /b}'", R"({"b":"y"})", "y");
  check_text("['{/a|required} x', '{/b} y']", R"({"b":"b"})", "b y");
  check_text("{from: /a, map: {OK: fine}}", R"({"a":"ok"})", "fine");
  check_text("{from: /a, map: {OK: fine}}", R"({"a":"other"})", "other");
  check_text("{from: /a, map: {OK: fine}, default: '{/b}?'}", R"({"a":"z","b":"y"})", "y?");
}

TEST(PackTexts, Filters) {
  check_text("/a|upper", R"({"a":"xÄy"})", "XÄY");
  check_text("/a|prefix:2", R"({"a":"äöü"})", "äö");
  check_text("/a|strip_prefix:refs/heads/", R"({"a":"refs/heads/main"})", "main");
  check_text("/a|strip_suffix:.git", R"({"a":"shop.git"})", "shop");
  check_text("/a|basename", R"({"a":"x/y/z"})", "z");
  check_text("/a|trim|lower", R"({"a":"  X "})", "x");
  check_text("/a|default:nothing", "{}", "nothing");
  check_text(R"('{/a|regex:"^v(\d+)\."}')", R"({"a":"v4.17"})", "4");
  check_text(R"('{/a|regex:"[0-9]{2}"}')", R"({"a":"x17"})", "17");
  check_text(R"('{/a|regex:"^v|b"}')", R"({"a":"zb"})", "b");
  check_text(R"('{/a|regex:"nope"|default:none at all}')", R"({"a":"v4"})", "none at all");
}

void check_when(std::string_view when, std::string_view body, bool want) {
  const Pack pack = pack_of(fmt::format("  - {{name: e, title: x, when: {}}}", when));
  const Decoded decoded = decode(pack, body);
  EXPECT_EQ(decoded.events.size(), want ? 1u : 0u) << when << " of " << body;
  EXPECT_EQ(decoded.ignored, want ? 0u : 1u);
}

TEST(PackConditions, Hold) {
  check_when("{header:x-event: PUSH}", "{}", true);
  check_when("{header:x-event: pull}", "{}", false);
  check_when("{/a: [x, y]}", R"({"a":"y"})", true);
  check_when("{/a: [x, y]}", "{}", false);
  check_when("{/a: x, /b: true}", R"({"a":"x","b":true})", true);
  check_when("{/a: x, /b: true}", R"({"a":"x","b":false})", false);
  check_when("[{/a: x}, {/b: true}]", R"({"a":"z","b":true})", true);
  check_when("{/a: {not: x}}", R"({"a":"y"})", true);
  check_when("{/a: {not: [x, y]}}", R"({"a":"y"})", false);
  check_when("{/a: {not: x}}", "{}", true);
  check_when("{/a: {matches: '^v[0-9]'}}", R"({"a":"v4"})", true);
  check_when("{/a: {matches: '^v[0-9]'}}", "{}", false);
  check_when("{/a: {exists: true}}", R"({"a":{}})", true);
  check_when("{/a: {exists: true}}", R"({"a":null})", false);
  check_when("{/a: {exists: false}}", R"({"a":[]})", false);
  check_when("{/a: {exists: false}}", "{}", true);
}

void check_labels(std::string_view labels, std::string_view body, std::string_view want) {
  const Pack pack = pack_of(fmt::format("  - {{name: e, title: x, labels: {}}}", labels));
  const Decoded decoded = decode(pack, body);
  ASSERT_EQ(decoded.events.size(), 1u) << labels;
  EXPECT_EQ(decoded.events[0].labels.to_string(), want) << labels << " of " << body;
}

TEST(PackLabels, FromAllShapes) {
  check_labels("{a: /x, b: /y}", R"({"x":"1"})", R"({a="1"})");
  check_labels("{'*': /l}", R"({"l":{"a":"1","b":2,"c":{},"d":null,"e":""}})", R"({a="1", b="2"})");
  check_labels("{'*': /l}", R"({"l":["a:1","b=2","c"," d : e:f "]})",
               R"({a="1", b="2", c="true", d="e:f"})");
  check_labels("{'*': /l}", R"({"l":[{"name":"a","value":"1"},{"tag":"b","value":2},{"key":"c"}]})",
               R"({a="1", b="2", c="true"})");
  check_labels("{'*': /l}", R"({"l":[["a","1"],["b"]]})", R"({a="1"})");
  check_labels("{'*': /l}", R"({"l":"env:prod, team:shop"})", R"({env="prod", team="shop"})");
  // What is named wins, then what comes first; Quell's own names cannot be sent.
  check_labels("{'*': [/l, /m], a: /x}",
               R"({"x":"X","l":{"a":"1","b":"2","quell.x":"3"},"m":{"b":"4"}})",
               R"({a="X", b="2"})");
}

TEST(PackTimes, AreBelievedWithinReason) {
  const Pack pack = pack_of("  - {name: e, title: x, time: /t}");
  const auto check = [&](std::string_view t, std::string_view time, std::string_view note) {
    const Decoded decoded = decode(pack, fmt::format(R"({{"t":"{}"}})", t));
    ASSERT_EQ(decoded.events.size(), 1u);
    EXPECT_EQ(format_rfc3339(decoded.events[0].time), time) << t;
    EXPECT_EQ(decoded.events[0].annotations.get("quell.time_adjusted"), note) << t;
  };
  check("2026-11-21T08:00:00Z", "2026-11-21T08:00:00Z", "");
  check("2026-11-21T08:39:00Z", "2026-11-21T08:39:00Z", "");
  check("2027-01-01T00:00:00Z", "2026-11-21T08:30:00Z",
        "time: '2027-01-01T00:00:00Z' is in the future");
  check("noon", "2026-11-21T08:30:00Z", "time: 'noon' is not a time that Quell knows");
  check("0001-01-01T00:00:00Z", "2026-11-21T08:30:00Z", "");
}

std::string rejections(const Decoded& decoded) {
  std::string text;
  for (const Rejected& r : decoded.rejected) text += r.place + ": " + r.reason + "\n";
  return text;
}

TEST(PackDecoder, RefusesWithAPlace) {
  const Pack pack = pack_of(
      "  - {name: e, each: /alerts, kind: alert, dedup_key: /id, status: {from: /s, map: {up: "
      "resolved}}}");
  EXPECT_EQ(rejections(decode(pack, "{")),
            "byte 1 (line 1, column 2): not valid JSON: incomplete JSON\n");
  EXPECT_EQ(rejections(decode(pack, R"({"a":1})")),
            ": the body has no /alerts, which pack 'p' expects for 'e'\n");
  for (const std::string_view nothing : {"null", "17", "\"x\""}) {
    EXPECT_EQ(rejections(decode(pack, nothing)), ": must be an object or an array\n");
  }
  const Decoded some = decode(
      pack, R"({"alerts":[{"id":"a"},{"s":"up"},{"id":"b","s":"sideways"},{"id":"c","s":"up"}]})");
  EXPECT_EQ(some.events.size(), 2u);
  EXPECT_EQ(rejections(some),
            "/alerts/1: neither labels nor a dedup_key: nothing says which alert this is\n"
            "/alerts/2: status 'sideways' is none that pack 'p' knows\n");
  EXPECT_EQ(some.rejected[1].excerpt, R"({"id":"b","s":"sideways"})");
}

TEST(PackDecoder, LimitsAreStated) {
  const Pack pack =
      pack_of("  - {name: e, each: [/x, .], kind: alert, dedup_key: /id, labels: {'*': /l}}");
  PackScratch scratch;
  const WireLimits limits{.events_max = 2,
                          .rejected_max = 2,
                          .labels_max = 1,
                          .label_name_bytes_max = 4,
                          .label_value_bytes_max = 4,
                          .attribute_bytes_max = 8};
  const auto check = [&](std::string_view body, std::string_view want) {
    EXPECT_EQ(rejections(decode_with_pack(pack, frame_of(body), scratch, limits)), want);
  };
  check(R"({"id":"123456789"})", ": 'dedup_key' has 9 bytes, the limit is 8\n");
  check(R"({"l":{"a":"1","b":"2"}})", ": 2 labels, the limit is 1\n");
  check(R"({"l":{"abcde":"1"}})", ": name 'abcde…' has 5 bytes, the limit is 4\n");
  check(R"({"l":{"a":"12345"}})", ": label 'a' has 5 bytes, the limit is 4\n");
  check(R"({"l":{"a":"1\u0000"}})", ": a label contains NUL\n");
  check(R"({"x":[{"id":1},{"id":2},{"id":3},{"id":4},{"id":5}]})",
        "/x/2: more than 2 events in one request\n/x/3: more than 2 events in one request\n"
        ": 1 more were refused\n");
}

TEST(PackDecoder, AnnotationsEndAtNul) {
  const Pack pack = pack_of("  - {name: e, dedup_key: k, annotations: {t: /t, '*': /more}}");
  const auto check = [&](std::string_view body, std::string_view want) {
    const Decoded decoded = decode(pack, body);
    ASSERT_EQ(decoded.events.size(), 1u) << body;
    EXPECT_EQ(decoded.events[0].annotations.to_string(), want) << body;
  };
  check(R"({"t":"load\u0000 high","more":{"a":"1"}})", R"({a="1", t="load"})");
  check(R"({"t":"\u0000","more":{"a\u0000b":"1","c":"2\u00003"}})", R"({c="2"})");
}

TEST(PackDecoder, ATimeWithNulIsShownUpToIt) {
  const Pack pack = pack_of("  - {name: e, dedup_key: k, time: /at}");
  const Decoded decoded = decode(pack, R"({"at":"17\u00009"})");
  ASSERT_EQ(decoded.events.size(), 1u);
  EXPECT_FALSE(decoded.events[0].annotations.to_string().contains(char{0}));
  EXPECT_FALSE(decoded.events[0].annotations.empty());
}

TEST(PackDecoder, ParentsAndInnerTexts) {
  const Pack pack =
      pack_of("  - {name: e, each: /m/list, title: '{/n} of {^/who} in {^/m/region}', id: ^/m}",
              "parse_json: /m");
  const Decoded decoded =
      decode(pack, R"({"who":"us","m":"{\"region\":\"eu\",\"list\":[{\"n\":1},{\"n\":2}]}"})");
  ASSERT_EQ(decoded.events.size(), 2u);
  EXPECT_EQ(decoded.events[1].title, "2 of us in eu");
  EXPECT_EQ(decoded.events[1].id, R"({"region":"eu","list":[{"n":1},{"n":2}]})");
  // A text that is no JSON stays a text.
  EXPECT_EQ(rejections(decode(pack, R"({"m":"{oops"})")),
            ": the body has no /m/list, which pack 'p' expects for 'e'\n");
}

TEST(PackDecoder, AbsentTextsAreMissing) {
  const Pack pack =
      pack_of("  - {name: e, title: [/a, /b], labels: {'*': /l}}", "absent: '\\$[A-Z]+'");
  const Decoded decoded = decode(pack, R"({"a":"$HOST","b":"$HOSTs","l":"$TAGS"})");
  ASSERT_EQ(decoded.events.size(), 1u);
  EXPECT_EQ(decoded.events[0].title, "$HOSTs");
  EXPECT_TRUE(decoded.events[0].labels.empty());
}

TEST(PackDecoder, LeasesAndEnds) {
  const Pack pack = pack_of(
      "  - {name: e, kind: alert, dedup_key: k, status: /s, starts_at: /from, ends_at: /to, "
      "lease: 10m, resolved_when: {/done: true}}");
  const auto check = [&](std::string_view body, std::string_view want) {
    const Decoded decoded = decode(pack, body);
    ASSERT_EQ(decoded.events.size(), 1u) << body;
    const Event& e = decoded.events[0];
    EXPECT_EQ(fmt::format("{} {} {} {}", event_status_name(e.status), format_rfc3339(e.time),
                          e.starts_at ? format_rfc3339(*e.starts_at) : "-",
                          e.ends_at ? format_rfc3339(*e.ends_at) : "-"),
              want);
  };
  check(R"({"from":"2026-11-21T08:00:00Z","to":"2026-11-21T08:05:00Z"})",
        "firing 2026-11-21T08:00:00Z 2026-11-21T08:00:00Z 2026-11-21T08:10:00Z");
  check(R"({"s":"resolved","from":"2026-11-21T08:00:00Z","to":"2026-11-21T08:05:00Z"})",
        "resolved 2026-11-21T08:05:00Z 2026-11-21T08:00:00Z 2026-11-21T08:05:00Z");
  check(R"({"done":true})", "resolved 2026-11-21T08:30:00Z - 2026-11-21T08:30:00Z");
  check(R"({"s":"acknowledged"})",
        "acknowledged 2026-11-21T08:30:00Z 2026-11-21T08:30:00Z 2026-11-21T08:40:00Z");
}

TEST(PackDecoder, LinksThatCouldRunCodeAreNotShown) {
  const Pack pack = pack_of("  - {name: e, title: x, links: [{text: L, href: /u}]}");
  const auto check = [&](std::string_view href, std::size_t want) {
    const Decoded decoded = decode(pack, fmt::format(R"({{"u":"{}"}})", href));
    EXPECT_EQ(decoded.events.at(0).links.size(), want) << href;
  };
  check("https://a.example/x", 1);
  check("http://a.example", 1);
  check("javascript:alert(1)", 0);
  check("/relative", 0);
  check("https://a.example/\\nx", 0);
}

TEST(PackDecoder, AScratchLeavesNoTrace) {
  const Pack pack =
      pack_of("  - {name: e, title: [/a, /m/b], labels: {'*': /l}}", "parse_json: /m");
  PackScratch scratch;
  const std::string first = R"({"m":"{\"b\":\"inner\"}","l":{"x":"1"}})";
  const Decoded before = decode_with_pack(pack, frame_of(first), scratch);
  const Decoded other = decode_with_pack(pack, frame_of(R"({"m":"text"})"), scratch);
  EXPECT_EQ(other.events.at(0).title, "p.e");
  const Decoded after = decode_with_pack(pack, frame_of(first), scratch);
  EXPECT_EQ(render_decoded_json(before), render_decoded_json(after));
}

}  // namespace
}  // namespace quell
