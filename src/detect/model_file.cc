#include "detect/model_file.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "detect/detector.h"

namespace quell {
namespace {

constexpr std::string_view kMagic = "QUELLMOD";
constexpr std::uint8_t kVersion = 1;
enum : std::uint8_t { kEnd = 0, kModels = 1, kDetectors = 2 };
constexpr std::size_t kSeriesPerDetector = 1'000;

std::unexpected<Error> bad(std::string message, std::string place) {
  return fail(Errc::InvalidArgument, std::move(message), std::move(place));
}

void append_section(std::string& out, std::uint8_t kind, std::string_view body) {
  ByteWriter w(out);
  w.u8(kind);
  w.fixed64(body.size());
  out += body;
  w.fixed64(crc32c(body));
}

Status read_models(std::string_view body, Detector& scratch, std::vector<ModelRecord>& out) {
  ByteReader r(body);
  for (std::uint64_t left = r.count(); left > 0; --left) {
    const std::string place = fmt::format("model {}", out.size());
    if (out.size() >= kModelsPerFile) {
      return fail(Errc::TooLarge,
                  fmt::format("the file has more than {} models: send it in parts", kModelsPerFile),
                  place);
    }
    ModelRecord record{.tenant = r.string()};
    const std::string_view labels = r.text();
    record.model = r.string();
    if (!r.ok()) return bad("a section of models ends early", place);
    auto parsed = SeriesLabels::parse(labels, {});
    if (!parsed) return bad("the labels of a model: " + parsed.error().message, place);
    record.labels = *std::move(parsed);
    if (const auto sound = scratch.load(0, record.model); !sound) {
      return bad(sound.error().message, place + ", " + record.labels.to_string());
    }
    out.push_back(std::move(record));
  }
  if (!r.ok() || !r.at_end()) return bad("a section of models has more than it says", "");
  return {};
}

// Whether a detector of its kind takes the state, whatever its rule says.
Status check_state(const DetectorRecord& record) {
  NamedDetectorOptions options{.above = 0, .series = record.series.size()};
  options.kind = record.state.size() > 1 ? static_cast<NamedDetectorKind>(record.state[1])
                                         : NamedDetectorKind::Off;
  if (!is_carried(options.kind)) {
    return fail(Errc::Corrupt, "a detector of a kind that is not carried");
  }
  const bool is_group = options.kind == NamedDetectorKind::Isolation;
  if (is_group != (record.series.size() > 1)) {
    return fail(Errc::Corrupt, "a detector with another number of series than its kind has");
  }
  TRY(const auto detector, make_named_detector(options));
  return detector->load(record.state);
}

Status read_detectors(std::string_view body, std::vector<DetectorRecord>& out) {
  ByteReader r(body);
  for (std::uint64_t left = r.count(); left > 0; --left) {
    const std::string place = fmt::format("detector {}", out.size());
    if (out.size() >= kModelsPerFile) {
      return fail(
          Errc::TooLarge,
          fmt::format("the file has more than {} detectors: send it in parts", kModelsPerFile),
          place);
    }
    DetectorRecord record{.tenant = r.string(), .key = r.string()};
    const std::size_t count = r.count();
    if (count == 0 || count > kSeriesPerDetector) {
      return bad(r.ok() ? fmt::format("it has {} series", count)
                        : std::string("a section of detectors ends early"),
                 place);
    }
    for (std::size_t i = 0; i < count; ++i) {
      auto labels = SeriesLabels::parse(r.text(), {});
      if (!labels) return bad("the labels of a detector: " + labels.error().message, place);
      record.series.push_back(*std::move(labels));
    }
    record.state = r.string();
    if (!r.ok()) return bad("a section of detectors ends early", place);
    if (const auto sound = check_state(record); !sound) {
      return bad(sound.error().message, place + ", " + record.series[0].to_string());
    }
    out.push_back(std::move(record));
  }
  if (!r.ok() || !r.at_end()) return bad("a section of detectors has more than it says", "");
  return {};
}

std::string detector_section(const std::vector<DetectorRecord>& detectors) {
  std::string body;
  ByteWriter w(body);
  w.u64(detectors.size());
  for (const DetectorRecord& record : detectors) {
    w.text(record.tenant);
    w.text(record.key);
    w.u64(record.series.size());
    for (const SeriesLabels& labels : record.series) w.text(labels.bytes());
    w.text(record.state);
  }
  return body;
}

}  // namespace

bool is_carried(NamedDetectorKind kind) {
  return kind == NamedDetectorKind::Seasonal || kind == NamedDetectorKind::ChangePoint ||
         kind == NamedDetectorKind::Forecast || kind == NamedDetectorKind::Isolation;
}

std::string encode_model_file(const ModelFile& file) {
  std::string body;
  ByteWriter w(body);
  w.u64(file.models.size());
  for (const ModelRecord& record : file.models) {
    w.text(record.tenant);
    w.text(record.labels.bytes());
    w.text(record.model);
  }
  std::string end;
  ByteWriter(end).u64(file.next);
  std::string out(kMagic);
  out.push_back(static_cast<char>(kVersion));
  append_section(out, kModels, body);
  if (!file.detectors.empty()) append_section(out, kDetectors, detector_section(file.detectors));
  append_section(out, kEnd, end);
  return out;
}

namespace {

// Walks the sections of one page: calls `visit(kind, body)`. Returns: where it ends.
template <class Visit>
Result<std::size_t> walk_page(std::string_view bytes, std::size_t at, Visit&& visit) {
  constexpr std::size_t kHead = kMagic.size() + 1;
  constexpr std::size_t kFrame = 1 + 8 + 8;
  const auto place = [&] { return fmt::format("byte {}", at); };
  if (!bytes.substr(at).starts_with(kMagic)) {
    return bad("this is no file of models: it does not begin with QUELLMOD", place());
  }
  if (bytes.size() - at < kHead) return bad("the file ends early: it was cut", place());
  const auto version = static_cast<std::uint8_t>(bytes[at + kMagic.size()]);
  if (version != kVersion) {
    return bad(
        fmt::format("the file has version {}, this Quell reads version {}", version, kVersion),
        place());
  }
  for (at += kHead;;) {
    if (bytes.size() - at < kFrame) return bad("the file ends early: it was cut", place());
    ByteReader head(bytes.substr(at, 9));
    const std::uint8_t kind = head.u8();
    const std::uint64_t size = head.fixed64();
    if (size > bytes.size() - at - kFrame) return bad("the file ends early: it was cut", place());
    const std::string_view body = bytes.substr(at + 9, size);
    ByteReader sum(bytes.substr(at + 9 + size, 8));
    if (sum.fixed64() != crc32c(body)) {
      return bad("a checksum does not fit: the file is damaged", place());
    }
    at += kFrame + size;
    TRY_STATUS(visit(kind, body));
    if (kind == kEnd) return at;
  }
}

}  // namespace

Result<ModelFile> decode_model_file(std::string_view bytes) {
  ModelFile file;
  Detector scratch;
  const auto visit = [&](std::uint8_t kind, std::string_view body) -> Status {
    if (kind == kEnd) file.next = ByteReader(body).u64();
    if (kind == kDetectors) return read_detectors(body, file.detectors);
    return kind == kModels ? read_models(body, scratch, file.models) : Status{};
  };
  std::size_t at = 0;
  do {
    TRY(at, walk_page(bytes, at, visit));
  } while (at < bytes.size());
  return file;
}

Result<std::vector<std::string_view>> split_model_file(std::string_view bytes) {
  std::vector<std::string_view> pages;
  std::size_t at = 0;
  do {
    TRY(const std::size_t end,
        walk_page(bytes, at, [](std::uint8_t, std::string_view) { return Status{}; }));
    pages.push_back(bytes.substr(at, end - at));
    at = end;
  } while (at < bytes.size());
  return pages;
}

}  // namespace quell
