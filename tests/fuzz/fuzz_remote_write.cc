// The first byte chooses the version and whether the rest is packed.
#include "check_decoded.h"
#include "fuzz.h"
#include "wire/remote_write.h"

namespace quell {
namespace {

void check(const RemoteWriteDecoded& out, const WireLimits& limits) {
  const WireSamples& samples = out.samples;
  QUELL_ASSERT(samples.size() <= limits.samples_max, "samples are limited");
  QUELL_ASSERT(samples.series.size() <= limits.series_max, "series are limited");
  QUELL_ASSERT(samples.made.size() <= limits.unpacked_bytes_max, "keys are limited");
  QUELL_ASSERT(samples.times.size() == samples.values.size(), "columns are equally long");
  std::size_t next = 0;
  for (const WireSamples::Run& run : samples.series) {
    QUELL_ASSERT(run.first == next && run.count > 0, "runs cover the samples");
    next += run.count;
    const auto labels = SeriesLabels::parse(samples.key(run), {});
    if (!labels) continue;
    QUELL_ASSERT(SeriesLabels::from_bytes(labels->bytes()), "what was parsed is in order");
    check_labels(labels->to_label_set());
  }
  QUELL_ASSERT(next == samples.size(), "runs cover the samples");
  for (const MetricMetadata& m : samples.metadata) {
    for (const std::string* text : {&m.metric, &m.unit, &m.help}) check_text(*text);
  }
  for (const Rejected& rejected : out.rejected) {
    QUELL_ASSERT(!rejected.reason.empty(), "a rejection has a reason");
  }
  const WireReply reply = remote_write_reply({}, out.samples_refused, out.rejected);
  QUELL_ASSERT(reply.status == (out.rejected.empty() ? 204 : 400), "what is refused is said");
}

}  // namespace

void fuzz_one(std::string_view input) {
  if (input.empty()) return;
  WireLimits limits = kFuzzLimits;
  limits.unpacked_bytes_max = 4096;
  limits.series_max = 12;
  limits.symbols_max = 20;
  const bool is_two = (input[0] & 1) != 0;
  const bool is_packed = (input[0] & 2) != 0;
  input.remove_prefix(1);
  RemoteWriteDecoded out;
  if (is_packed) {
    Frame frame = fuzz_frame("prometheus", input);
    frame.content_type = is_two ? "application/x-protobuf;proto=io.prometheus.write.v2.Request"
                                : "application/x-protobuf";
    frame.headers = {{"content-encoding", "snappy"}};
    decode_remote_write(frame, limits, out);
  } else {
    out.samples.body = input;
    out.samples.tenants = {"default"};
    decode_write_request(is_two ? RemoteWriteVersion::Two : RemoteWriteVersion::One,
                         fuzz_frame("prometheus", "").arrived_at, limits, out);
  }
  check(out, limits);
}

}  // namespace quell
