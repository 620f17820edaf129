// The texts that a person sees who wrote a pack wrong.
#include "normalize/pack.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

namespace quell {
namespace {

void check_pack_error(std::string_view yaml, std::string_view want) {
  const auto got = parse_pack(yaml, "p.yaml");
  EXPECT_EQ(got ? "ok" : got.error().to_string(), want) << yaml;
}

// One line of an event mapping, at line 4, column 5.
void check_field(std::string_view field, std::string_view want) {
  check_pack_error(fmt::format("name: p\nevents:\n  - name: e\n    {}\n", field), want);
}

TEST(PackErrors, OfThePack) {
  check_pack_error("name: p\nevents: [{name: e}]", "ok");
  check_pack_error("", "p.yaml:1:1: 'pack' must be a map, got nothing");
  check_pack_error("events: [{name: e}]", "p.yaml:1:1: a pack needs a 'name'");
  check_pack_error("name: p", "p.yaml:1:1: a pack needs 'events'");
  check_pack_error("name: p\nevents: []", "p.yaml:2:9: 'events' is empty");
  check_pack_error("name: My Pack\nevents: [{name: e}]",
                   "p.yaml:1:7: 'My Pack' is no pack name: use a-z, 0-9 and '-'");
  check_pack_error("name: p\nsignatures: {}\nevents: [{name: e}]",
                   "p.yaml:2:1: unknown key 'signatures' in 'pack', did you mean 'signature'?");
  check_pack_error("name: p\nevents: [{kind: note}]",
                   "p.yaml:2:10: an entry of 'events' needs a 'name'");
  check_pack_error("name: p\nevents: {name: e}", "p.yaml:2:9: 'events' must be a list, got a map");
  check_pack_error("name: p\nparse_json: Message\nevents: [{name: e}]",
                   "p.yaml:2:13: 'Message' is not a pointer such as /alert/name, ^/title, "
                   "header:x-name or \"text\"");
  check_pack_error("name: p\nabsent: '('\nevents: [{name: e}]",
                   "p.yaml:2:9: '(' is not a regular expression (RE2): missing ): (");
  check_pack_error("name: p\ndefaults: {titel: x}\nevents: [{name: e}]",
                   "p.yaml:2:12: unknown key 'titel' in 'defaults', did you mean 'title'?");
}

TEST(PackErrors, OfFields) {
  check_field("titel: /a", "p.yaml:4:5: unknown key 'titel' in 'events', did you mean 'title'?");
  check_field("kind: alarm",
              "p.yaml:4:11: 'alarm' is no kind, did you mean 'alert'?; there are: alert, change, "
              "note");
  check_field("status: {from: /a, map: {x: fireing}}",
              "p.yaml:4:13: 'fireing' is no status, did you mean 'firing'?; there are: firing, "
              "acknowledged, resolved");
  check_field("severity: {from: /a, default: bad}",
              "p.yaml:4:15: 'bad' is no severity; there are: critical, error, warning, info");
  check_field("severity: {map: {a: info}}", "p.yaml:4:15: 'severity' needs 'from'");
  check_field("severity: {from: /a, deflaut: info}",
              "p.yaml:4:26: unknown key 'deflaut' in 'severity', did you mean 'default'?");
  check_field("entity: {kind: servce, name: /a}",
              "p.yaml:4:20: 'servce' is no entity.kind, did you mean 'service'?; there are: "
              "service, workload, pod, node, host, database, cache, queue, topic, team, namespace, "
              "cluster, instance");
  check_field("entity: {name: /a}", "p.yaml:4:13: 'entity' needs 'kind' and 'name'");
  check_field("time: {from: /a, format: unix}",
              "p.yaml:4:30: 'unix' is no time format; there are: auto, text, epoch_s, epoch_ms, "
              "epoch_us, epoch_ns");
  check_field("time: {from: /a, zone: CET}", "p.yaml:4:28: 'CET' is not an offset such as +01:00");
  check_field("lease: soon", "p.yaml:4:12: 'soon' is not a duration such as 30s, 5m or 1h30m");
  check_field("labels: [a]", "p.yaml:4:13: 'labels' must be a map, got a list");
  check_field("links: [{text: x}]", "p.yaml:4:13: a link needs 'text' and 'href'");
}

TEST(PackErrors, OfTexts) {
  check_field("title: '{/a|frist_line}'",
              "p.yaml:4:12: unknown filter 'frist_line', did you mean 'first_line'?");
  check_field("title: '{/a|prefix}'",
              "p.yaml:4:12: filter 'prefix' needs a value, as in 'prefix:x'");
  check_field("title: '{/a|prefix:x}'", "p.yaml:4:12: 'prefix:x' needs a number");
  check_field("title: '{/a|lower:x}'", "p.yaml:4:12: filter 'lower' takes no value");
  check_field("title: '{/a'", "p.yaml:4:12: '{/a' has a '{' without its '}'");
  check_field("title: 'x {a}'",
              "p.yaml:4:12: 'a' is not a pointer such as /alert/name, ^/title, header:x-name or "
              "\"text\"");
  check_field("title: '{/a|regex:\"[\"}'",
              "p.yaml:4:12: '[' is not a regular expression (RE2): missing ]: [");
  check_field("title: /a/[b/c",
              "p.yaml:4:12: '/a/[b/c' has a bad element selector; it reads [key=value]");
  check_field("title: []", "p.yaml:4:12: 'title' is empty");
  check_field("when: {/a: {is: x}}",
              "p.yaml:4:17: unknown key 'is' in 'when./a'; it may have: not, matches, exists");
  check_field("when: {/a: {exists: maybe}}",
              "p.yaml:4:25: 'when./a' must be true or false, got 'maybe'");
}

TEST(PackErrors, OfSignatures) {
  const auto check = [](std::string_view scheme, std::string_view want) {
    check_pack_error(fmt::format("name: p\nsignature: {}\nevents: [{{name: e}}]", scheme), want);
  };
  check("{header: X}", "p.yaml:2:12: 'signature' needs 'scheme'");
  check("{scheme: hmac-sha265, header: X}",
        "p.yaml:2:21: 'hmac-sha265' is no signature scheme, did you mean 'hmac-sha256'?; there "
        "are: hmac-sha256, hmac-sha1, standard-webhooks, token, bearer, basic, query");
  check("{scheme: token}", "p.yaml:2:12: this signature scheme needs 'header'");
  check("{scheme: token, header: X, encoding: base32}",
        "p.yaml:2:49: 'base32' is no encoding, did you mean 'base64'?; there are: hex, base64");
  check("{scheme: token, header: X, tolerance: 5}",
        "p.yaml:2:50: '5' is not a duration such as 30s, 5m or 1h30m");
  check("{scheme: hmac-sha256, header: X, signed_text: '{timestamp}'}",
        "p.yaml:2:12: 'signed_text' must contain {body}");
}

TEST(Pack, KnowsTheHeadersThatItReadsButNotItsSecrets) {
  const auto pack = parse_pack(
      "name: p\nsignature: {scheme: token, header: X-Token}\n"
      "events: [{name: e, when: {header:X-Event: a}, id: '{header:X-Id ?? header:X-Event}'}]",
      "p.yaml");
  ASSERT_TRUE(pack);
  EXPECT_EQ(pack->headers, (std::vector<std::string>{"x-event", "x-id"}));
}

}  // namespace
}  // namespace quell
