#include "wire/write_request.h"

#include <snappy.h>

#include <bit>
#include <cstring>

namespace quell {
namespace {

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 128; value >>= 7) out.push_back(static_cast<char>(value | 128));
  out.push_back(static_cast<char>(value));
}

void append_text(std::string& out, char tag, std::string_view text) {
  out.push_back(tag);
  append_varint(out, text.size());
  out.append(text);
}

}  // namespace

void WriteRequestBuilder::add_point(std::int64_t time_ms, double value) {
  std::string sample(1, '\x09');
  char bits[sizeof value];
  std::memcpy(bits, &value, sizeof value);
  sample.append(bits, sizeof bits);
  sample.push_back('\x10');
  append_varint(sample, static_cast<std::uint64_t>(time_ms));
  append_text(series_, '\x12', sample);
}

void WriteRequestBuilder::end_series() {
  append_text(body_, '\x0a', series_);
}

void WriteRequestBuilder::add_sample(const SeriesLabels& labels, std::int64_t time_ms,
                                     double value) {
  begin_series(labels);
  add_point(time_ms, value);
  end_series();
}

void WriteRequestBuilder::add_metadata(const FamilyMetadata& metadata) {
  std::string message("\x08");
  append_varint(message, static_cast<std::uint64_t>(metadata.type));
  append_text(message, '\x12', metadata.name);
  append_text(message, '\x22', metadata.help);
  append_text(message, '\x2a', metadata.unit);
  append_text(body_, '\x1a', message);
}

Frame WriteRequestBuilder::frame(std::string_view source, std::string_view tenant) const {
  Frame frame{.source = "prometheus",
              .tenant = std::string(tenant),
              .content_type = "application/x-protobuf",
              .headers = {{"content-encoding", "snappy"}}};
  if (!source.empty() && source != frame.source) {
    frame.headers.emplace_back(kSourceNameHeader, source);
  }
  snappy::Compress(body_.data(), body_.size(), &frame.body);
  return frame;
}

}  // namespace quell
