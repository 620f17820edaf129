#include "wire/otlp_metrics.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/packing.h"
#include "base/text.h"
#include "wire/octaves.h"
#include "wire/otlp_json.h"
#include "wire/otlp_points.h"
#include "wire/otlp_value.h"
#include "wire/protobuf.h"

namespace quell {
namespace {

using wire::for_each_number;
using wire::OtlpAttribute;
using wire::OtlpAttributes;
using wire::OtlpHistogram;
using wire::OtlpMemory;
using wire::OtlpPoint;
using wire::OtlpPoints;
using wire::OtlpQuantile;
using wire::OtlpTemporality;
using wire::ProtoField;
using wire::ProtoReader;
using wire::WireType;

constexpr std::uint64_t kNoRecordedValue = 1;  // Of DataPointFlags.

// The KeyValue fields of a data point, which lie in `raw` among others or alone; what is behind
// more than `out` may hold is not looked at.
template <std::uint32_t Number>
bool read_attributes(std::string_view raw, OtlpAttributes& out) {
  ProtoReader fields(raw);
  for (ProtoField field; fields.next(field);) {
    if (!field.is(Number, WireType::Bytes)) continue;
    OtlpAttribute attribute;
    if (!wire::read_key_value(field.bytes, attribute)) return false;
    if (is_no_label(attribute)) continue;
    if (out.size() > wire::kOtlpAttributesMax) return true;
    out.push_back(std::move(attribute));
  }
  return fields.ok();
}

// Notes where the attributes of a data point lie: mostly in one stretch.
class Stretch {
 public:
  void add(const ProtoReader& fields) {
    if (begin_ == nullptr) {
      begin_ = fields.started();
    } else if (fields.started() != end_) {
      is_whole_ = false;
    }
    end_ = fields.position();
  }
  // All of `message` where they lie in more than one.
  std::string_view in(std::string_view message) const {
    if (begin_ == nullptr) return message.substr(0, 0);
    return is_whole_ ? std::string_view(begin_, static_cast<std::size_t>(end_ - begin_)) : message;
  }
  bool is_whole() const { return is_whole_; }

 private:
  const char* begin_ = nullptr;
  const char* end_ = nullptr;
  bool is_whole_ = true;
};

class OtlpProtobufReader {
 public:
  OtlpProtobufReader(OtlpPoints& points, std::uint64_t& exemplars)
      : points_(points), exemplars_(exemplars) {}

  // Returns: false when the message is malformed; broken_at() says where.
  bool read(std::string_view body) {
    return each(body, [&](const ProtoField& field) {
      return !field.is(1, WireType::Bytes) || resource_metrics(field.bytes);
    });
  }
  const char* broken_at() const { return broken_at_; }
  std::string_view broken_what() const { return broken_what_; }

 private:
  template <class F>
  bool each(std::string_view message, F&& on_field) {
    ProtoReader fields(message);
    for (ProtoField field; fields.next(field);) {
      if (!on_field(field)) {
        return broken(fields.started(), "a field that is malformed, or nested too deeply");
      }
    }
    return fields.ok() || broken(fields.started(), "a field that is malformed or cut off");
  }
  // The innermost place is the one that says the most.
  bool broken(const char* at, std::string_view what) {
    if (broken_at_ == nullptr) {
      broken_at_ = at;
      broken_what_ = what;
    }
    return false;
  }

  bool resource_metrics(std::string_view message) {
    OtlpAttributes attributes;
    const bool good = each(message, [&](const ProtoField& field) {
      return !field.is(1, WireType::Bytes) || read_attributes<1>(field.bytes, attributes);
    });
    if (!good) return false;
    points_.begin_resource(attributes);
    return each(message, [&](const ProtoField& field) {
      return !field.is(2, WireType::Bytes) || scope_metrics(field.bytes);
    });
  }

  bool scope_metrics(std::string_view message) {
    std::string_view name;
    const bool good = each(message, [&](const ProtoField& field) {
      return !field.is(1, WireType::Bytes) || each(field.bytes, [&](const ProtoField& f) {
        if (f.is(1, WireType::Bytes)) name = f.bytes;
        return true;
      });
    });
    if (!good) return false;
    points_.begin_scope(name);
    return each(message, [&](const ProtoField& field) {
      return !field.is(2, WireType::Bytes) || metric(field.bytes);
    });
  }

  // What comes before its data points may come behind them.
  bool metric(std::string_view message) {
    std::string_view name;
    std::string_view description;
    std::string_view unit;
    ProtoField data;
    const bool good = each(message, [&](const ProtoField& field) {
      if (field.is(1, WireType::Bytes)) name = field.bytes;
      if (field.is(2, WireType::Bytes)) description = field.bytes;
      if (field.is(3, WireType::Bytes)) unit = field.bytes;
      const bool is_data = field.number >= 5 && field.number <= 11 && field.number != 6;
      if (is_data && field.type == WireType::Bytes) data = field;
      return true;
    });
    if (!good) return false;
    TemporalityAndMore more;
    if (data.number != 0 && !read_temporality(data.bytes, more)) return false;
    points_.begin_metric(
        name, unit, description,
        wire::otlp_kind(data.number == 5, data.number == 7, more.temporality, more.is_monotonic),
        wire::otlp_wrong_kind(data.number == 7, more.temporality, more.is_monotonic));
    const bool is_delta = more.temporality == OtlpTemporality::Delta;
    return each(data.bytes, [&](const ProtoField& field) {
      if (!field.is(1, WireType::Bytes)) return true;
      switch (data.number) {
        case 5:
        case 7: return number_point(field.bytes);
        case 9: return histogram_point(field.bytes, is_delta);
        case 10: return exponential_point(field.bytes, is_delta);
        case 11: return summary_point(field.bytes);
        default: return true;
      }
    });
  }

  struct TemporalityAndMore {
    OtlpTemporality temporality = OtlpTemporality::Unspecified;
    bool is_monotonic = false;
  };
  bool read_temporality(std::string_view data, TemporalityAndMore& out) {
    return each(data, [&](const ProtoField& field) {
      if (field.is(2, WireType::Varint) && field.value <= 2) {
        out.temporality = static_cast<OtlpTemporality>(field.value);
      }
      if (field.is(3, WireType::Varint)) out.is_monotonic = field.value != 0;
      return true;
    });
  }

  bool number_point(std::string_view message) {
    OtlpPoint point;
    Stretch attributes;
    double value = 0;
    ProtoReader fields(message);
    for (ProtoField field; fields.next(field);) {
      switch (field.number) {
        case 7: attributes.add(fields); break;
        case 3: point.time_ns = field.value; break;
        case 4: value = field.number_value(); break;
        case 6: value = static_cast<double>(field.integer()); break;
        case 5: ++exemplars_; break;
        case 8: point.has_no_value = (field.value & kNoRecordedValue) != 0; break;
        default: break;
      }
    }
    if (!fields.ok()) return broken(fields.started(), "a field that is malformed or cut off");
    point.raw_attributes = attributes.in(message);
    point.may_be_known = attributes.is_whole();
    point.read_attributes = read_attributes<7>;
    points_.number(point, value);
    return true;
  }

  bool histogram_point(std::string_view message, bool is_delta) {
    OtlpPoint point;
    OtlpHistogram histogram;
    Stretch attributes;
    ProtoReader fields(message);
    for (ProtoField field; fields.next(field);) {
      bool good = true;
      switch (field.number) {
        case 9: attributes.add(fields); break;
        case 3: point.time_ns = field.value; break;
        case 4: histogram.count = static_cast<double>(field.value); break;
        case 5: histogram.sum = field.number_value(); break;
        case 6:
          good = for_each_number(field, WireType::Fixed64,
                                 [&](std::uint64_t n) { histogram.buckets.push_back(n); });
          break;
        case 7:
          good = for_each_number(field, WireType::Fixed64, [&](std::uint64_t n) {
            histogram.bounds.push_back(std::bit_cast<double>(n));
          });
          break;
        case 8: ++exemplars_; break;
        case 10: point.has_no_value = (field.value & kNoRecordedValue) != 0; break;
        default: break;
      }
      if (!good) return broken(fields.started(), "numbers that are malformed");
    }
    if (!fields.ok()) return broken(fields.started(), "a field that is malformed or cut off");
    point.raw_attributes = attributes.in(message);
    point.may_be_known = attributes.is_whole();
    point.read_attributes = read_attributes<9>;
    points_.histogram(point, histogram, is_delta);
    return true;
  }

  bool exponential_side(std::string_view message, wire::OtlpExponential::Side& side) {
    return each(message, [&](const ProtoField& field) {
      if (field.is(1, WireType::Varint)) side.offset = wire::unzigzag(field.value);
      if (field.number != 2) return true;
      return for_each_number(field, WireType::Varint,
                             [&](std::uint64_t n) {
                               if (side.buckets.size() <= wire::kHistogramPartsMax) {
                                 side.buckets.push_back(n);
                               }
                             });
    });
  }

  bool exponential_point(std::string_view message, bool is_delta) {
    OtlpPoint point;
    wire::OtlpExponential histogram;
    Stretch attributes;
    ProtoReader fields(message);
    for (ProtoField field; fields.next(field);) {
      bool good = true;
      switch (field.number) {
        case 1: attributes.add(fields); break;
        case 3: point.time_ns = field.value; break;
        case 4: histogram.count = static_cast<double>(field.value); break;
        case 5: histogram.sum = field.number_value(); break;
        case 6: histogram.scale = wire::unzigzag(field.value); break;
        case 7: histogram.zeros = static_cast<double>(field.value); break;
        case 8: good = exponential_side(field.bytes, histogram.positive); break;
        case 9: good = exponential_side(field.bytes, histogram.negative); break;
        case 10: point.has_no_value = (field.value & kNoRecordedValue) != 0; break;
        case 11: ++exemplars_; break;
        default: break;
      }
      if (!good) return broken(fields.started(), "numbers that are malformed");
    }
    if (!fields.ok()) return broken(fields.started(), "a field that is malformed or cut off");
    point.raw_attributes = attributes.in(message);
    point.may_be_known = attributes.is_whole();
    point.read_attributes = read_attributes<1>;
    points_.exponential(point, histogram, is_delta);
    return true;
  }

  bool summary_point(std::string_view message) {
    OtlpPoint point;
    Stretch attributes;
    double count = 0;
    double sum = 0;
    std::vector<OtlpQuantile> quantiles;
    ProtoReader fields(message);
    for (ProtoField field; fields.next(field);) {
      switch (field.number) {
        case 7: attributes.add(fields); break;
        case 3: point.time_ns = field.value; break;
        case 4: count = static_cast<double>(field.value); break;
        case 5: sum = field.number_value(); break;
        case 6: {
          OtlpQuantile q;
          const bool good = each(field.bytes, [&](const ProtoField& f) {
            if (f.is(1, WireType::Fixed64)) q.quantile = f.number_value();
            if (f.is(2, WireType::Fixed64)) q.value = f.number_value();
            return true;
          });
          if (!good) return false;
          quantiles.push_back(q);
          break;
        }
        case 8: point.has_no_value = (field.value & kNoRecordedValue) != 0; break;
        default: break;
      }
    }
    if (!fields.ok()) return broken(fields.started(), "a field that is malformed or cut off");
    point.raw_attributes = attributes.in(message);
    point.may_be_known = attributes.is_whole();
    point.read_attributes = read_attributes<7>;
    points_.summary(point, count, sum, quantiles);
    return true;
  }

  OtlpPoints& points_;
  std::uint64_t& exemplars_;
  const char* broken_at_ = nullptr;
  std::string_view broken_what_;
};

// Unpacks what came packed. Errors: TooLarge, InvalidArgument.
Result<std::string> unpack(const Frame& frame, std::uint64_t limit) {
  auto unpacker = Unpacker::make(frame.header("content-encoding"));
  if (unpacker == nullptr) return frame.body;
  std::string body;
  TRY_STATUS(unpacker->append(frame.body, limit, body));
  TRY_STATUS(unpacker->finish());
  return body;
}

}  // namespace

Result<OtlpEncoding> otlp_encoding(std::string_view content_type,
                                   std::string_view content_encoding) {
  const std::string_view encoding = trim(content_encoding);
  if (!encoding.empty() && !equals_ignore_case(encoding, "identity") &&
      Unpacker::make(encoding) == nullptr) {
    return fail(Errc::Unsupported, fmt::format("Content-Encoding '{}' is not supported: send gzip, "
                                               "deflate or plain bytes",
                                               utf8_prefix(encoding, 64)));
  }
  const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
  if (equals_ignore_case(type, "application/x-protobuf")) return OtlpEncoding::Protobuf;
  if (equals_ignore_case(type, "application/json")) return OtlpEncoding::Json;
  return fail(Errc::Unsupported,
              fmt::format("'{}' is not a type of OTLP: send application/x-protobuf or "
                          "application/json",
                          utf8_prefix(content_type, 128)));
}

struct OtlpMetricsDecoder::State {
  explicit State(const WireLimits& l) : limits(l), memory(l.series_cached_max) {}
  WireLimits limits;
  OtlpMemory memory;
  simdjson::dom::parser parser;
};

OtlpMetricsDecoder::OtlpMetricsDecoder(WireLimits limits)
    : state_(std::make_unique<State>(limits)) {}

OtlpMetricsDecoder::~OtlpMetricsDecoder() = default;

void OtlpMetricsDecoder::decode(const Frame& frame, OtlpDecoded& out) {
  const auto refuse = [&](const Error& error) {
    out.failure = error.code == Errc::TooLarge ? OtlpFailure::TooLarge : OtlpFailure::Broken;
    out.rejected.push_back({error.message, error.place, ""});
  };
  const auto encoding = otlp_encoding(frame.content_type, frame.header("content-encoding"));
  if (!encoding) return refuse(encoding.error());
  const bool is_json = *encoding == OtlpEncoding::Json;
  auto body =
      unpack(frame, is_json ? state_->limits.json_bytes_max : state_->limits.unpacked_bytes_max);
  if (!body) return refuse(body.error());
  decode_body(*encoding, *std::move(body), frame, true, out);
}

void OtlpMetricsDecoder::decode_body(OtlpEncoding encoding, std::string body, const Frame& frame,
                                     bool recognise, OtlpDecoded& out) {
  state_->memory.tidy();
  out.samples.tenants = {frame.tenant};
  const bool is_json = encoding == OtlpEncoding::Json;
  OtlpPoints points(out.samples, out.rejected, frame.arrived_at, state_->limits,
                    recognise && !is_json ? &state_->memory : nullptr);
  if (is_json) {
    const Status read =
        wire::read_otlp_json(state_->parser, body, points, out.samples.exemplars_ignored);
    if (!read) {
      out.failure = OtlpFailure::Broken;
      points.refuse_all(read.error().message + "; nothing of the request was taken",
                        read.error().place);
    }
  } else {
    OtlpProtobufReader reader(points, out.samples.exemplars_ignored);
    if (!reader.read(body)) {
      out.failure = OtlpFailure::Broken;
      points.refuse_all(fmt::format("the request is no protobuf message "
                                    "ExportMetricsServiceRequest: {}; nothing of it was taken",
                                    reader.broken_what()),
                        fmt::format("byte {}", reader.broken_at() - body.data()));
    }
  }
  points.finish();
  out.points_refused = points.points_refused();
}

namespace {

// What was wrong, in at most some lines.
std::string message_of(const std::vector<Rejected>& reasons) {
  constexpr std::size_t kLines = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(kLines, reasons.size()); ++i) {
    if (i > 0) text += '\n';
    text +=
        reasons[i].place.empty() ? reasons[i].reason : reasons[i].place + ": " + reasons[i].reason;
  }
  if (reasons.size() > kLines) text += fmt::format("\nand {} more", reasons.size() - kLines);
  return text;
}

void append_varint_field(std::string& out, char tag, std::uint64_t value) {
  out.push_back(tag);
  for (; value >= 128; value >>= 7) out.push_back(static_cast<char>(value | 128));
  out.push_back(static_cast<char>(value));
}

void append_bytes_field(std::string& out, char tag, std::string_view bytes) {
  append_varint_field(out, tag, bytes.size());
  out.append(bytes);
}

}  // namespace

WireReply otlp_reply(OtlpEncoding encoding, OtlpFailure failure, std::uint64_t points_refused,
                     const std::vector<Rejected>& reasons) {
  constexpr std::uint64_t kInvalidArgument = 3;  // google.rpc.Code
  const bool is_json = encoding == OtlpEncoding::Json;
  WireReply reply{.content_type = is_json ? "application/json" : "application/x-protobuf"};
  if (failure != OtlpFailure::None) reply.status = failure == OtlpFailure::Broken ? 400 : 413;
  if (reply.status == 200 && points_refused == 0) {
    if (is_json) reply.body = "{}";
    return reply;
  }
  const std::string message = message_of(reasons);
  JsonWriter w(reply.body);
  if (reply.status != 200 && is_json) {
    w.begin_object().field("code", kInvalidArgument).field("message", message).end_object();
  } else if (reply.status != 200) {
    append_varint_field(reply.body, 0x08, kInvalidArgument);
    append_bytes_field(reply.body, 0x12, message);
  } else if (is_json) {
    // 64-bit integers are texts in protobuf's JSON.
    w.begin_object().key("partialSuccess").begin_object();
    w.field("rejectedDataPoints", std::to_string(points_refused)).field("errorMessage", message);
    w.end_object().end_object();
  } else {
    std::string partial;
    append_varint_field(partial, 0x08, points_refused);
    append_bytes_field(partial, 0x12, message);
    append_bytes_field(reply.body, 0x0a, partial);
  }
  return reply;
}

}  // namespace quell
