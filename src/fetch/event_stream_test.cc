#include "fetch/event_stream.h"

#include <gtest/gtest.h>

namespace quell::fetch {
namespace {

std::string read_in_steps(std::string_view text, std::size_t step) {
  EventStreamReader reader;
  std::string got;
  for (std::size_t i = 0; i < text.size(); i += step) {
    reader.read(text.substr(i, step), [&](const ServerEvent& event) {
      got += "[" + event.id + "|" + event.event + "|" + event.data + "]";
      return true;
    });
  }
  return got;
}

void check_events(std::string_view text, std::string_view want) {
  for (const std::size_t step : {1u, 2u, 3u, 1000u}) {
    EXPECT_EQ(read_in_steps(text, step), want) << "in steps of " << step << ": " << text;
  }
}

TEST(EventStream, IsReadAsTheStandardSays) {
  check_events("data: a\n\n", "[|message|a]");
  check_events("retry: 2000\n\nid: 7\nevent: incident\ndata: {}\n\n", "[7|incident|{}]");
  check_events(": keep-alive\n\n: more\ndata:a\n\n", "[|message|a]");
  check_events("data: a\ndata: b\n\ndata\n\n", "[|message|a\nb][|message|]");
  check_events("data: a\r\ndata: b\r\n\r\ndata: c\r\rdata: d\n\n",
               "[|message|a\nb][|message|c][|message|d]");
  check_events("id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
               "[1|message|a][1|message|b][|message|c]");
  check_events("event: x\n\ndata: a\n\n", "[|message|a]");  // No data, no event.
  check_events(
      "\xef\xbb\xbf"
      "data: a\n\n",
      "[|message|a]");
  check_events("data:  two spaces\n\n", "[|message| two spaces]");
  check_events("data: not ended\n", "");
}

TEST(EventStream, StopsWhenTold) {
  EventStreamReader reader;
  int events = 0;
  EXPECT_FALSE(reader.read("data: a\n\ndata: b\n\n", [&](const ServerEvent&) {
    ++events;
    return false;
  }));
  EXPECT_EQ(events, 1);
}

}  // namespace
}  // namespace quell::fetch
