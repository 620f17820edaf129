// What a sample costs after its request was decoded: finding its series, keeping it, and asking the
// threshold rules; processor time.
//
//   sample_bench [SERIES] [SERIES_PER_REQUEST] [SAMPLES_PER_SERIES]    1000000 10000 1
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <vector>

#include "base/prng.h"
#include "metric_series.h"
#include "stream/sample_book.h"
#include "stream/series_table.h"
#include "stream/threshold_rules.h"

namespace quell::bench {
namespace {

constexpr Timestamp kBegin{std::chrono::seconds(1'790'000'000)};

double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

struct Shape {
  std::size_t series = 1'000'000;
  std::size_t per_request = 10'000;
  std::size_t samples = 1;
};

struct Cost {
  double resolve = 0;
  double add = 0;
  double rules = 0;
  double take = 0;
};

class Bench {
 public:
  explicit Bench(const Shape& shape) : shape_(shape) {
    for (std::size_t i = 0; i < shape.series; ++i) keys_.push_back(series_key(i));
    std::vector<Event> none;
    const auto set = rules_.set_rules(
        {{.name = "High", .metric = "container_network_receive_bytes_total_7", .warning = 1e9}},
        kBegin, none);
    QUELL_ASSERT(set.has_value(), "the rule is good");
  }

  // Requests until every series had its samples `rounds` times.
  Cost play(std::size_t rounds, bool shuffled) {
    Cost cost;
    for (std::size_t n = 0; n < rounds * shape_.series; n += shape_.per_request) {
      make_request(n, shuffled);
      const Timestamp now = request_.times.back();
      SampleBatch batch;
      SeriesRefusals refused;
      const double begin = processor_seconds();
      table_.resolve(request_, "bench", SeriesTable::Unknown::Make, batch, refused);
      const double resolved = processor_seconds();
      book_.add(batch, table_, offset_++, now);
      const double added = processor_seconds();
      rules_.on_samples(batch, table_, now, events_);
      const double judged = processor_seconds();
      cost.resolve += resolved - begin;
      cost.add += added - resolved;
      cost.rules += judged - added;
      if (offset_ % 50 != 0) continue;
      std::vector<StatePage> pages;
      const double take = processor_seconds();
      table_.take_pages(pages);
      (void)book_.take(offset_, now, table_, pages);
      cost.take += processor_seconds() - take;
    }
    return cost;
  }

  void print(std::string_view what, const Cost& cost, std::size_t rounds) const {
    const double samples = static_cast<double>(rounds * shape_.series * shape_.samples);
    const auto ns = [&](double s) { return s / samples * 1e9; };
    fmt::print(
        "{:12} find {:6.1f}  keep {:6.1f}  rules {:5.1f}  pages and chunks {:5.1f}  "
        "together {:6.1f} ns a sample\n",
        what, ns(cost.resolve), ns(cost.add), ns(cost.rules), ns(cost.take),
        ns(cost.resolve + cost.add + cost.rules + cost.take));
  }
  const SampleBook& book() const { return book_; }
  const SeriesTable& table() const { return table_; }

 private:
  void make_request(std::size_t n, bool shuffled) {
    request_.clear();
    request_.tenants = {"default"};
    const std::size_t round = n / shape_.series;
    for (std::size_t i = 0; i < shape_.per_request; ++i) {
      const std::size_t number = shuffled ? prng_.below(shape_.series) : (n + i) % shape_.series;
      WireSamples::Run& run = request_.series.emplace_back();
      run.key_at = static_cast<std::uint32_t>(request_.made.size());
      run.key_size = static_cast<std::uint32_t>(keys_[number].size());
      run.first = static_cast<std::uint32_t>(request_.size());
      run.count = static_cast<std::uint32_t>(shape_.samples);
      run.is_made = true;
      request_.made += keys_[number];
      for (std::size_t s = 0; s < shape_.samples; ++s) {
        request_.times.push_back(kBegin + std::chrono::seconds(15 * (round * shape_.samples + s)));
        request_.values.push_back(static_cast<double>(prng_.below(100'000)) / 8);
      }
    }
  }

  Shape shape_;
  std::vector<std::string> keys_;
  SeriesTable table_{
      {.series_max = 100'000'000, .series_total_max = 100'000'000, .bytes_max = UINT64_MAX}};
  SampleBook book_;
  ThresholdRules rules_;
  std::vector<Event> events_;
  WireSamples request_;
  Prng prng_{1};
  std::uint64_t offset_ = 0;
};

}  // namespace
}  // namespace quell::bench

int main(int argc, char** argv) {
  quell::bench::Shape shape;
  const auto number = [&](int i, std::size_t otherwise) -> std::size_t {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
  };
  shape.series = number(1, shape.series);
  shape.per_request = number(2, shape.per_request);
  shape.samples = number(3, shape.samples);
  quell::bench::Bench bench(shape);
  constexpr std::size_t kRounds = 5;
  bench.print("new", bench.play(1, false), 1);
  bench.print("known", bench.play(kRounds, false), kRounds);
  bench.print("any order", bench.play(kRounds, true), kRounds);
  fmt::print("{} series, {} MB of labels and tables, {} MB of samples\n", bench.table().size(),
             bench.table().bytes() >> 20, bench.book().bytes() >> 20);
  return 0;
}
