#include "journal/segment_format.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>

#include "base/hash.h"

namespace quell {
namespace {

static_assert(std::endian::native == std::endian::little, "segments are little-endian");

constexpr std::string_view kMagic = "QUELLSEG";
constexpr std::uint32_t kSegmentVersion = 1;
constexpr std::string_view kSuffix = ".seg";
constexpr std::size_t kNameDigits = 20;                 // Those of 2^64 - 1.
constexpr std::size_t kBufferKeptBytesMin = 256 << 10;  // Not worth giving back.

template <class T>
void store(char* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

template <class T>
T load(const char* at) {
  T value{};
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

std::string encode_segment_header(const SegmentHeader& header) {
  std::string bytes(kSegmentHeaderBytes, '\0');
  bytes.replace(0, kMagic.size(), kMagic);
  store(bytes.data() + 8, kSegmentVersion);
  store(bytes.data() + 16, header.base);
  store(bytes.data() + 24, header.previous);
  store(bytes.data() + 32, header.mark);
  store(bytes.data() + 40, header.arrived_at.time_since_epoch().count());
  store(bytes.data() + 60, crc32c(std::string_view(bytes).substr(0, 60)));
  return bytes;
}

bool is_whole_segment_header(std::string_view bytes) {
  return bytes.size() >= kSegmentHeaderBytes && bytes.starts_with(kMagic) &&
         load<std::uint32_t>(bytes.data() + 60) == crc32c(bytes.substr(0, 60));
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (!is_whole_segment_header(bytes)) {
    return fail(Errc::Corrupt, "the segment header fails its checksum", "byte 0");
  }
  const auto version = load<std::uint32_t>(bytes.data() + 8);
  if (version != kSegmentVersion) {
    return fail(Errc::Corrupt,
                fmt::format("the segment has format version {}, this Quell reads version {}",
                            version, kSegmentVersion),
                "byte 8");
  }
  return SegmentHeader{.base = load<std::uint64_t>(bytes.data() + 16),
                       .previous = load<std::uint64_t>(bytes.data() + 24),
                       .mark = load<std::uint64_t>(bytes.data() + 32),
                       .arrived_at = Timestamp{Duration{load<std::int64_t>(bytes.data() + 40)}}};
}

std::optional<BatchHeader> decode_batch_header(std::string_view bytes, std::uint64_t mark) {
  if (bytes.size() < kBatchHeaderBytes || load<std::uint64_t>(bytes.data()) != mark) {
    return std::nullopt;
  }
  if (load<std::uint32_t>(bytes.data() + 36) != crc32c(bytes.substr(0, 36))) return std::nullopt;
  const BatchHeader header{.first = load<std::uint64_t>(bytes.data() + 8),
                           .arrived_at = Timestamp{Duration{load<std::int64_t>(bytes.data() + 16)}},
                           .count = load<std::uint32_t>(bytes.data() + 24),
                           .size_bytes = load<std::uint32_t>(bytes.data() + 28)};
  if (header.count == 0) return std::nullopt;
  return header;
}

RecordHeader decode_record_header(const char* bytes) {
  return {.size_bytes = load<std::uint32_t>(bytes), .crc = load<std::uint32_t>(bytes + 4)};
}

namespace {

// The offset comes last, so that the long part of the sum can be done before it is known.
std::uint32_t add_offset(std::uint32_t payload_crc, std::uint64_t offset) {
  char bytes[sizeof offset];
  store(bytes, offset);
  return crc32c({bytes, sizeof bytes}, payload_crc);
}

}  // namespace

std::uint32_t record_crc(std::string_view payload, std::uint64_t offset) {
  return add_offset(crc32c(payload), offset);
}

void encode_record(const Frame& frame, std::string& out) {
  const std::size_t begin = out.size();
  out.append(kRecordHeaderBytes, '\0');
  encode_frame(frame, out);
  const std::string_view payload = std::string_view(out).substr(begin + kRecordHeaderBytes);
  const std::uint32_t crc = crc32c(payload);
  store(out.data() + begin, static_cast<std::uint32_t>(payload.size()));
  store(out.data() + begin + 4, crc);
}

std::string segment_name(std::uint64_t base) {
  return fmt::format("{:0{}}{}", base, kNameDigits, kSuffix);
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  std::uint64_t base = 0;
  const char* end = name.data() + kNameDigits;
  const auto [at, error] = std::from_chars(name.data(), end, base);
  if (error != std::errc() || at != end) return std::nullopt;
  return base;
}

void Batch::add(std::string_view record, Timestamp arrived_at) {
  bytes_.append(record);
  ++count_;
  last_arrived_at_ = arrived_at;
}

std::string_view Batch::seal(std::uint64_t first, std::uint64_t mark) {
  QUELL_ASSERT(count_ > 0 && !sealed_, "a batch is sealed once, with something in it");
  sealed_ = true;
  const std::uint64_t size_bytes = bytes_.size() - kBatchHeaderBytes;
  std::uint64_t offset = first;
  for (std::size_t at = kBatchHeaderBytes; at < bytes_.size(); ++offset) {
    char* record = bytes_.data() + at;
    const RecordHeader header = decode_record_header(record);
    store(record + 4, add_offset(header.crc, offset));
    at += kRecordHeaderBytes + header.size_bytes;
  }
  QUELL_ASSERT(offset == first + count_, "the records of a batch fill it");
  store(bytes_.data(), mark);
  store(bytes_.data() + 8, first);
  store(bytes_.data() + 16, last_arrived_at_.time_since_epoch().count());
  store(bytes_.data() + 24, count_);
  store(bytes_.data() + 28, static_cast<std::uint32_t>(size_bytes));
  store(bytes_.data() + 32, std::uint32_t{0});
  store(bytes_.data() + 36, crc32c(std::string_view(bytes_).substr(0, 36)));
  bytes_.resize(this->size_bytes(), '\0');
  return bytes_;
}

void Batch::clear() {
  const std::size_t used = bytes_.size();
  bytes_.resize(kBatchHeaderBytes);
  if (bytes_.capacity() > kBufferKeptBytesMin && bytes_.capacity() / 4 > used) {
    bytes_.shrink_to_fit();
  }
  count_ = 0;
  sealed_ = false;
}

std::uint64_t Batch::size_bytes() const {
  return (bytes_.size() + kBatchAlignment - 1) / kBatchAlignment * kBatchAlignment;
}

}  // namespace quell
