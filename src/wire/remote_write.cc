#include "wire/remote_write.h"

#include <fmt/format.h>
#include <snappy.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "base/time.h"
#include "wire/metric_type.h"
#include "wire/native_histogram.h"
#include "wire/protobuf.h"
#include "wire/sample_columns.h"

namespace quell {
namespace {

using wire::ProtoField;
using wire::ProtoReader;
using wire::read_varint;
using wire::SampleColumns;
using wire::WireType;

struct FloatSample {
  double value = 0;
  std::int64_t ms = 0;
};

// Fields may come in any order, and proto3 leaves out what is zero; but nearly all come as value,
// then time. Both versions have them alike.
bool parse_sample(std::string_view message, FloatSample& sample) {
  sample = {};
  std::uint64_t time = 0;
  if (message.size() > 10 && message[0] == 0x09 && message[9] == 0x10) {
    const char* at = message.data() + 10;
    const char* const end = message.data() + message.size();
    if (read_varint(at, end, time) && at == end) {
      std::memcpy(&sample.value, message.data() + 1, sizeof sample.value);
      sample.ms = static_cast<std::int64_t>(time);
      return true;
    }
  }
  ProtoReader fields(message);
  for (ProtoField field; fields.next(field);) {
    if (field.is(1, WireType::Fixed64)) sample.value = field.number_value();
    if (field.is(2, WireType::Varint)) sample.ms = field.integer();
  }
  return fields.ok();
}

// `p` stands behind the tag.
bool read_sample(const char*& p, const char* end, FloatSample& sample) {
  std::uint64_t size = 0;
  if (!read_varint(p, end, size) || size > static_cast<std::uint64_t>(end - p)) return false;
  const std::string_view message(p, static_cast<std::size_t>(size));
  p += size;
  return parse_sample(message, sample);
}

// What the type of a family says of the series with that name.
SeriesKind kind_of(MetricType type, std::string_view metric) {
  const bool is_part =
      metric.ends_with("_bucket") || metric.ends_with("_count") || metric.ends_with("_sum");
  switch (type) {
    case MetricType::Counter: return SeriesKind::Counter;
    case MetricType::Histogram: return is_part ? SeriesKind::Counter : SeriesKind::Unknown;
    case MetricType::Summary: return is_part ? SeriesKind::Counter : SeriesKind::Gauge;
    case MetricType::Gauge:
    case MetricType::GaugeHistogram:
    case MetricType::Info:
    case MetricType::StateSet: return SeriesKind::Gauge;
    case MetricType::Unknown: return SeriesKind::Unknown;
  }
  return SeriesKind::Unknown;
}

class WriteRequestReader {
 public:
  WriteRequestReader(RemoteWriteVersion version, Timestamp arrived_at, const WireLimits& limits,
                     RemoteWriteDecoded& out)
      : version_(version),
        limits_(limits),
        out_(out),
        columns_(out.samples, out.rejected, arrived_at, limits) {}

  void read() {
    const std::string_view body = out_.samples.body;
    const bool done =
        version_ == RemoteWriteVersion::One ? read_one(body) : read_symbols(body) && read_two(body);
    out_.samples.exemplars_ignored = exemplars_;
    if (!done) refuse_all(body);
    columns_.finish();
    out_.samples_refused = columns_.refused();
  }

 private:
  // Where reading ended; nothing of the request is kept, because nothing behind it makes sense.
  bool broken(const char* at, std::string_view what) {
    broken_at_ = at;
    broken_what_ = what;
    return false;
  }
  void refuse_all(std::string_view body) {
    const auto at = static_cast<std::size_t>(broken_at_ - body.data());
    std::string place = fmt::format("byte {}", at);
    if (series_ > 0) place += fmt::format(", timeseries {}", series_ - 1);
    columns_.refuse_all(
        fmt::format("the request is no protobuf message {}: {}; nothing of it was "
                    "taken",
                    version_ == RemoteWriteVersion::One ? "prometheus.WriteRequest"
                                                        : "io.prometheus.write.v2.Request",
                    broken_what_),
        std::move(place));
  }

  bool read_one(std::string_view body) {
    ProtoReader fields(body);
    for (ProtoField field; fields.next(field);) {
      if (field.is(1, WireType::Bytes)) {
        if (!series_one(field.bytes)) return false;
      } else if (field.is(3, WireType::Bytes)) {
        if (!metadata_one(field.bytes)) return false;
      }
    }
    return fields.ok() || broken(fields.started(), "a field that is malformed or cut off");
  }

  bool series_one(std::string_view message) {
    const std::uint32_t place = series_++;
    const char* p = message.data();
    const char* const end = p + message.size();
    while (p < end && *p == 0x0a) {
      if (!skip_bytes(p, end)) return broken(p, "a label that is cut off");
    }
    const std::string_view labels(message.data(), static_cast<std::size_t>(p - message.data()));
    columns_.begin_series(place);
    histograms_.clear();
    wrong_histograms_.clear();
    bool labels_follow = false;
    while (p < end) {
      const char* const started = p;
      const char tag = *p++;
      if (tag == 0x12) {
        FloatSample sample;
        if (!read_sample(p, end, sample)) return broken(started, "a sample that is malformed");
        columns_.add_ms(sample.ms, sample.value);
        continue;
      }
      p = started;
      if (!other_field_one(p, end, labels_follow)) return false;
    }
    const std::string_view key = labels_follow ? gather_labels(message) : labels;
    columns_.end_series(key, SeriesKind::Unknown);
    add_histograms(place, key);
    return true;
  }

  // An exemplar, a histogram, a label behind samples, or a field that nobody knows yet.
  bool other_field_one(const char*& p, const char* end, bool& labels_follow) {
    ProtoReader fields({p, static_cast<std::size_t>(end - p)});
    ProtoField field;
    if (!fields.next(field)) return broken(p, "a field of a series that is malformed or cut off");
    if (field.is(1, WireType::Bytes)) labels_follow = true;
    if (field.is(3, WireType::Bytes)) ++exemplars_;
    if (field.is(4, WireType::Bytes) && !take_histogram(field.bytes)) return false;
    p = fields.position();
    return true;
  }

  bool skip_bytes(const char*& p, const char* end) {
    const char* at = p + 1;
    std::uint64_t size = 0;
    if (!read_varint(at, end, size) || size > static_cast<std::uint64_t>(end - at)) return false;
    p = at + size;
    return true;
  }

  // The label fields of a message in which they do not lie together.
  std::string_view gather_labels(std::string_view message) {
    key_.clear();
    ProtoReader fields(message);
    for (ProtoField field; fields.next(field);) {
      if (field.is(1, WireType::Bytes)) {
        key_.append(fields.started(),
                    static_cast<std::size_t>(fields.position() - fields.started()));
      }
    }
    return key_;
  }

  bool metadata_one(std::string_view message) {
    MetricType type = MetricType::Unknown;
    std::string_view family;
    std::string_view help;
    std::string_view unit;
    ProtoReader fields(message);
    for (ProtoField field; fields.next(field);) {
      if (field.is(1, WireType::Varint)) type = type_of(field.value);
      if (field.is(2, WireType::Bytes)) family = field.bytes;
      if (field.is(4, WireType::Bytes)) help = field.bytes;
      if (field.is(5, WireType::Bytes)) unit = field.bytes;
    }
    if (!fields.ok()) return broken(fields.started(), "metadata that is malformed");
    add_family(type, family, unit, help);
    return true;
  }

  static MetricType type_of(std::uint64_t value) {
    return value <= 7 ? static_cast<MetricType>(value) : MetricType::Unknown;
  }

  // A family of one name may be series of several.
  void add_family(MetricType type, std::string_view family, std::string_view unit,
                  std::string_view help) {
    if (family.size() > limits_.label_value_bytes_max) return;
    const auto add = [&](std::string_view ending) {
      const std::string metric = std::string(family) + std::string(ending);
      columns_.add_metadata(metric, kind_of(type, metric), unit, help);
    };
    add("");
    if (type == MetricType::Counter && !family.ends_with("_total")) add("_total");
    if (type != MetricType::Histogram && type != MetricType::Summary) return;
    for (const std::string_view ending : {"_bucket", "_count", "_sum"}) add(ending);
  }

  bool read_symbols(std::string_view body) {
    ProtoReader fields(body);
    for (ProtoField field; fields.next(field);) {
      if (!field.is(4, WireType::Bytes)) continue;
      if (symbols_.size() >= limits_.symbols_max) {
        return broken(fields.started(), "more symbols than the limit allows");
      }
      symbols_.push_back(field.bytes);
    }
    if (!fields.ok()) return broken(fields.started(), "a field that is malformed or cut off");
    is_described_.resize(symbols_.size());
    if (!symbols_.empty() && !symbols_[0].empty()) {
      return broken(symbols_[0].data(), "the first symbol is not the empty text");
    }
    return true;
  }

  bool read_two(std::string_view body) {
    ProtoReader fields(body);
    for (ProtoField field; fields.next(field);) {
      if (field.is(5, WireType::Bytes) && !series_two(field.bytes)) return false;
    }
    return true;  // read_symbols() went over the same fields.
  }

  bool series_two(std::string_view message) {
    const std::uint32_t place = series_++;
    columns_.begin_series(place);
    histograms_.clear();
    wrong_histograms_.clear();
    refs_.clear();
    MetadataRefs metadata;
    ProtoReader fields(message);
    for (ProtoField field; fields.next(field);) {
      if (!field_two(field, metadata)) return broken(fields.started(), "a field that is malformed");
    }
    if (!fields.ok()) return broken(fields.started(), "a field that is malformed or cut off");
    if (const std::string wrong = check_labels(); !wrong.empty()) {
      const std::size_t histograms = histograms_.size() + wrong_histograms_.size();
      columns_.refuse_series(wrong, histograms + std::exchange(histograms_over_, 0));
      return true;
    }
    if (!columns_.has_samples() && histograms_.empty() && wrong_histograms_.empty()) return true;
    // Texts that are used again cost their sender nothing, but each key is bytes of ours.
    SeriesKind kind = SeriesKind::Unknown;
    key_.clear();
    if (!columns_.is_full()) {
      put_key();
      kind = take_metadata(metadata);
    }
    columns_.end_series(key_, kind);
    add_histograms(place, key_);
    return true;
  }

  struct MetadataRefs {
    MetricType type = MetricType::Unknown;
    std::uint64_t help = 0;
    std::uint64_t unit = 0;
  };

  bool field_two(const ProtoField& field, MetadataRefs& metadata) {
    switch (field.number) {
      case 1:
        return wire::for_each_number(field, WireType::Varint,
                                     [&](std::uint64_t ref) { refs_.push_back(ref); });
      case 2: {
        if (field.type != WireType::Bytes) return true;
        FloatSample sample;
        if (!parse_sample(field.bytes, sample)) return false;
        columns_.add_ms(sample.ms, sample.value);
        return true;
      }
      case 3: return field.type != WireType::Bytes || take_histogram(field.bytes);
      case 4: exemplars_ += field.type == WireType::Bytes ? 1 : 0; return true;
      case 5: return field.type != WireType::Bytes || metadata_two(field.bytes, metadata);
      default: return true;
    }
  }

  static bool metadata_two(std::string_view message, MetadataRefs& metadata) {
    ProtoReader fields(message);
    for (ProtoField field; fields.next(field);) {
      if (field.is(1, WireType::Varint)) metadata.type = type_of(field.value);
      if (field.is(3, WireType::Varint)) metadata.help = field.value;
      if (field.is(4, WireType::Varint)) metadata.unit = field.value;
    }
    return fields.ok();
  }

  // Returns: what is wrong with the labels, or nothing.
  std::string check_labels() {
    std::size_t bytes = 0;
    const auto wrong = [&]<class... A>(fmt::format_string<A...> why, A&&... of) {
      // There may be millions.
      return columns_.lists_more() ? fmt::format(why, std::forward<A>(of)...) : "not listed";
    };
    if (refs_.size() > 2 * kRefsMax) {
      return wrong("{} labels, the limit is {}", refs_.size() / 2, kRefsMax);
    }
    if (refs_.size() % 2 != 0) {
      return wrong("{} references to symbols: names and values come in pairs", refs_.size());
    }
    for (std::size_t i = 0; i < refs_.size(); i += 2) {
      for (const std::uint64_t ref : {refs_[i], refs_[i + 1]}) {
        if (ref >= symbols_.size()) {
          return wrong("a reference to symbol {}, there are {}", ref, symbols_.size());
        }
      }
      const std::string_view name = symbols_[refs_[i]];
      const std::string_view value = symbols_[refs_[i + 1]];
      // A long text costs its sender nothing the second time.
      if (std::max(name.size(), value.size()) > limits_.label_value_bytes_max) {
        return wrong("label '{}': {} bytes, the limit is {}", utf8_prefix(name, 64),
                     std::max(name.size(), value.size()), limits_.label_value_bytes_max);
      }
      bytes += name.size() + value.size();
    }
    if (bytes > kKeyBytesMax) {
      return wrong("labels of {} bytes together, the limit is {}", bytes, kKeyBytesMax);
    }
    return {};
  }

  // Puts the labels together in key_, which is empty. Requires: check_labels().
  void put_key() {
    metric_ref_ = 0;
    for (std::size_t i = 0; i < refs_.size(); i += 2) {
      const std::string_view name = symbols_[refs_[i]];
      if (name == kMetricLabel) metric_ref_ = refs_[i + 1];
      append_series_label(key_, name, symbols_[refs_[i + 1]]);
    }
  }

  // Returns: what the series means. Help and unit are told once for each metric of a request.
  SeriesKind take_metadata(const MetadataRefs& metadata) {
    const std::string_view metric = metric_ref_ == 0 ? std::string_view() : symbols_[metric_ref_];
    const SeriesKind kind = kind_of(metadata.type, metric);
    const auto symbol = [&](std::uint64_t ref) {
      return ref < symbols_.size() ? symbols_[ref] : std::string_view();
    };
    const std::string_view help = symbol(metadata.help);
    const std::string_view unit = symbol(metadata.unit);
    if (metric_ref_ != 0 && !is_described_[metric_ref_] && (!help.empty() || !unit.empty())) {
      is_described_[metric_ref_] = true;
      columns_.add_metadata(metric, kind, unit, help);
    }
    return kind;
  }

  bool take_histogram(std::string_view message) {
    if (histograms_.size() + wrong_histograms_.size() >= kHistogramsMax) {
      ++histograms_over_;
      return true;
    }
    wire::NativeHistogram histogram;
    if (!histogram_reader_.read(message, histogram)) {
      return broken(message.data(), "a histogram that is malformed");
    }
    if (const std::string& wrong = histogram_reader_.wrong(); !wrong.empty()) {
      wrong_histograms_.push_back(wrong);
    } else {
      histograms_.push_back(std::move(histogram));
    }
    return true;
  }

  void add_histograms(std::uint32_t place, std::string_view key) {
    for (const std::string& wrong : wrong_histograms_) {
      columns_.begin_series(place);
      columns_.refuse_series(wrong, 1);
    }
    wrong_histograms_.clear();
    if (histograms_over_ > 0) {
      columns_.begin_series(place);
      columns_.refuse_series(
          fmt::format("a series has more than {} histograms: send less at once", kHistogramsMax),
          std::exchange(histograms_over_, 0));
    }
    if (histograms_.empty()) return;
    out_.samples.histograms += histograms_.size();
    wire::add_native_histograms(columns_, place, key, histograms_);
    histograms_.clear();
  }

  // The series table allows less of both.
  static constexpr std::size_t kRefsMax = 1000;
  static constexpr std::size_t kKeyBytesMax = 64 * 1024;
  static constexpr std::size_t kHistogramsMax = 10'000;  // Of one series in a request.

  const RemoteWriteVersion version_;
  const WireLimits& limits_;
  RemoteWriteDecoded& out_;
  SampleColumns columns_;
  std::vector<std::string_view> symbols_;
  std::vector<std::uint64_t> refs_;
  wire::NativeHistogramReader histogram_reader_;
  std::vector<wire::NativeHistogram> histograms_;  // Of the series in hand,
  std::vector<std::string> wrong_histograms_;      // and why others of it are not taken;
  std::uint64_t histograms_over_ = 0;              // those beyond the limit.
  std::string key_;
  std::uint64_t metric_ref_ = 0;    // The symbol of the metric's name; 0: it has none.
  std::vector<bool> is_described_;  // By symbol: the metric's help and unit were told.
  std::uint32_t series_ = 0;
  std::uint64_t exemplars_ = 0;
  const char* broken_at_ = nullptr;
  std::string_view broken_what_;
};

void refuse_frame(RemoteWriteDecoded& out, std::string reason) {
  out.rejected.push_back({std::move(reason), "", ""});
}

// Returns: what is wrong, or nothing.
std::string unpack(std::string_view packed, const WireLimits& limits, std::string& body) {
  constexpr std::string_view kFramed("\xff\x06\x00\x00sNaPpY", 10);
  if (packed.starts_with(kFramed)) {
    return "the body is in snappy's framed format: remote write sends a plain block";
  }
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(packed.data(), packed.size(), &size)) {
    return packed.empty() ? "the body is empty, expected a snappy block"
                          : "byte 0: the body is no snappy block: its length is malformed";
  }
  if (size > limits.unpacked_bytes_max) {
    return fmt::format("the request unpacks to {} bytes, the limit is {}: send less at once", size,
                       limits.unpacked_bytes_max);
  }
  bool good = false;
  // The second argument is not used: the library of g++ 12 passes the capacity where it grows.
  body.resize_and_overwrite(size, [&](char* to, std::size_t) {
    good = snappy::RawUncompress(packed.data(), packed.size(), to);
    return good ? size : 0;
  });
  return good ? "" : "the body is no snappy block: it is damaged or cut off";
}

}  // namespace

Result<RemoteWriteVersion> remote_write_version(std::string_view content_type,
                                                std::string_view content_encoding) {
  if (!equals_ignore_case(trim(content_encoding), "snappy")) {
    return fail(Errc::Unsupported,
                fmt::format("remote write comes with 'Content-Encoding: snappy', a snappy block; "
                            "this request has {}",
                            content_encoding.empty()
                                ? "none, or one that was unpacked on the way"
                                : fmt::format("'{}'", utf8_prefix(content_encoding, 64))));
  }
  const auto parts = split(content_type, ';');
  if (equals_ignore_case(trim(parts[0]), "application/x-protobuf")) {
    std::string_view proto = "prometheus.WriteRequest";
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const std::string_view parameter = trim(parts[i]);
      if (parameter.starts_with("proto=")) proto = trim(parameter.substr(6));
    }
    if (proto == "prometheus.WriteRequest") return RemoteWriteVersion::One;
    if (proto == "io.prometheus.write.v2.Request") return RemoteWriteVersion::Two;
  }
  return fail(Errc::Unsupported,
              fmt::format("'{}' is not a type of remote write: send application/x-protobuf, or "
                          "application/x-protobuf;proto=io.prometheus.write.v2.Request",
                          utf8_prefix(content_type, 128)));
}

void decode_write_request(RemoteWriteVersion version, Timestamp arrived_at,
                          const WireLimits& limits, RemoteWriteDecoded& out) {
  WriteRequestReader(version, arrived_at, limits, out).read();
}

void decode_remote_write(const Frame& frame, const WireLimits& limits, RemoteWriteDecoded& out) {
  const auto version = remote_write_version(frame.content_type, frame.header("content-encoding"));
  if (!version) return refuse_frame(out, version.error().message);
  if (std::string wrong = unpack(frame.body, limits, out.samples.body); !wrong.empty()) {
    return refuse_frame(out, std::move(wrong));
  }
  out.samples.tenants = {frame.tenant};
  decode_write_request(*version, frame.arrived_at, limits, out);
}

WireReply remote_write_reply(const WrittenCounts& written, std::uint64_t refused,
                             const std::vector<Rejected>& reasons) {
  WireReply reply{.status = 204};
  const auto count = [&](std::string_view what, std::uint64_t n) {
    reply.headers.emplace_back(fmt::format("x-prometheus-remote-write-{}-written", what),
                               std::to_string(n));
  };
  count("samples", written.samples);
  count("histograms", written.histograms);
  count("exemplars", written.exemplars);
  if (reasons.empty() && refused == 0) return reply;
  reply.status = 400;
  reply.content_type = "text/plain; charset=utf-8";
  if (refused > 0) {
    reply.body = fmt::format("{} samples were refused, {} were taken\n", refused,
                             written.samples + written.histograms);
  }
  for (const Rejected& r : reasons) {
    reply.body += r.place.empty() ? r.reason : r.place + ": " + r.reason;
    if (!r.excerpt.empty()) reply.body += fmt::format(" ({})", r.excerpt);
    reply.body += '\n';
  }
  return reply;
}

}  // namespace quell
