#include "detect/model_file.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "detect/detector.h"

namespace quell {
namespace {

constexpr std::string_view kMagic = "QUELLMOD";
constexpr std::uint8_t kVersion = 1;
enum : std::uint8_t { kEnd = 0, kModels = 1 };

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

}  // namespace

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
