#include "app/upstream.h"

#include <gtest/gtest.h>

#include "base/time.h"

namespace quell {
namespace {

constexpr Timestamp kUpstreamNow{std::chrono::seconds(1'800'000'000)};

// Of `query=…` and so on, with 30 days kept here.
void check_asks(std::string_view path, std::string_view parameters, bool want) {
  http::Request request;
  request.method = "GET";
  request.path = path;
  request.query = parameters;
  EXPECT_EQ(asks_upstream(request, kUpstreamNow, std::chrono::days(30)), want)
      << path << " " << parameters;
}

TEST(Upstream, IsAskedForWhatBeginsBeforeWhatIsKept) {
  const std::string_view query = "/api/v1/query";
  check_asks(query, "query=x", false);
  check_asks(query, "query=x&time=1799990000", false);
  check_asks(query, "query=x&time=1797400000", true);
  check_asks(query, "query=topk(1,x)&time=1797400000",
             true);  // Not in the subset: it may be there.
  check_asks(query, "query=x&time=never", false);
  const std::string_view range = "/api/v1/query_range";
  check_asks(range, "query=x&start=1799990000&end=1800000000&step=60", false);
  check_asks(range, "query=x&start=1797400000&end=1800000000&step=60", true);
  check_asks(range, "query=x&end=1800000000&step=60", false);  // Without a start: answered here.
}

TEST(Upstream, IsAskedForRangesAndOffsetsThatReachBeyondWhatIsKept) {
  const std::string_view query = "/api/v1/query";
  check_asks(query, "query=rate(x[30d])", false);
  check_asks(query, "query=rate(x[90d])", true);
  check_asks(query, "query=x%20offset%2029d", false);
  check_asks(query, "query=x%20offset%2030d", true);  // And the lookback.
  check_asks(query, "query=rate(x[5m])/rate(x[5m]%20offset%2031d)", true);
  check_asks(query, "query=topk(1,x%20offset%2031d)", false);  // Refused here, by its name.
  const std::string_view range = "/api/v1/query_range";
  check_asks(range, "query=rate(x[1d])&start=1799990000&end=1800000000&step=60", false);
  check_asks(range, "query=rate(x[31d])&start=1799990000&end=1800000000&step=60", true);
}

}  // namespace
}  // namespace quell
