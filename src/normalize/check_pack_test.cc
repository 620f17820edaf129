#include "normalize/check_pack.h"

#include <gtest/gtest.h>

#include "base/time.h"

namespace quell {
namespace {

PackSample sample(std::string body) {
  return {.pack_text =
              "name: demo\n"
              "title: Demo\n"
              "signature: {scheme: token, header: X-Token}\n"
              "events:\n"
              "  - name: alert\n"
              "    each: /alerts\n"
              "    kind: alert\n"
              "    id: header:X-Id\n"
              "    title: [/title, /name]\n"
              "    labels: {service: /service}\n",
          .pack_file = "demo.yaml",
          .body = std::move(body),
          .headers = {{"X-Token", "secret"}, {"X-Id", "7"}},
          .arrived_at = *parse_rfc3339("2026-11-21T08:30:00Z")};
}

TEST(CheckPack, ShowsEventsRefusalsAndMisses) {
  PackSample s = sample(R"({"alerts":[{"name":"down","service":"cart"},{"title":"x"}]})");
  s.secret = "secret";
  EXPECT_EQ(render_text(check_pack(s).value()), R"(pack: demo (Demo)
signature: valid
1 event, 1 refused, 0 ignored

{
  "id": "7",
  "source": "/demo",
  "type": "demo.alert",
  "time": "2026-11-21T08:30:00Z",
  "kind": "alert",
  "status": "firing",
  "severity": "warning",
  "tenant": "default",
  "entity": "service:cart",
  "title": "down",
  "labels": {
    "service": "cart"
  },
  "fingerprint": "cba77bce1f149764",
  "starts_at": "2026-11-21T08:30:00Z"
}

refused at /alerts/1: neither labels nor a dedup_key: nothing says which alert this is
  {"title":"x"}

pointers that found nothing:
  title                    /title
  labels.service           /service
)");
}

TEST(CheckPack, SaysWhatIsWrongWithTheSignature) {
  PackSample s = sample(R"({"alerts":[]})");
  EXPECT_EQ(render_text(check_pack(s).value()),
            "pack: demo (Demo)\nsignature: not checked (no secret given)\n"
            "0 events, 0 refused, 0 ignored\n");
  s.secret = "other";
  EXPECT_EQ(render_text(check_pack(s).value()),
            "pack: demo (Demo)\n"
            "signature: refused: the token in header 'x-token' is not the source's\n"
            "0 events, 0 refused, 0 ignored\n");
}

TEST(CheckPack, APackThatDoesNotCompileIsAnError) {
  PackSample s = sample("{}");
  s.pack_text = "name: demo\nevents: [{name: e, titel: /x}]\n";
  EXPECT_EQ(check_pack(s).error().to_string(),
            "demo.yaml:2:20: unknown key 'titel' in 'events', did you mean 'title'?");
}

TEST(CheckPack, HeaderFiles) {
  const auto headers = parse_header_lines("X-A: 1\r\n\n# note\nx-b:two: 2 \n", "h");
  ASSERT_TRUE(headers);
  EXPECT_EQ(*headers,
            (std::vector<std::pair<std::string, std::string>>{{"x-a", "1"}, {"x-b", "two: 2"}}));
  EXPECT_EQ(parse_header_lines("X-A: 1\nnope", "h").error().to_string(),
            "h:2: 'nope' is no header such as 'Name: value'");
}

}  // namespace
}  // namespace quell
