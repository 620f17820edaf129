#include "journal/segment_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace quell {
namespace {

// Reads grow from the first size to the second: to look at one frame is cheap, to read all is fast.
constexpr std::size_t kFirstReadBytes = 4 << 10;
constexpr std::size_t kReadBytes = 256 << 10;  // Large enough for the disk, small enough for L2.
constexpr std::size_t kTailBytes = 64 << 10;
constexpr std::uint64_t kIndexStepBytes = 256 << 10;

std::unexpected<Error> corrupt(const std::string& path, std::uint64_t position,
                               std::string message) {
  return fail(Errc::Corrupt, std::move(message), fmt::format("{}: byte {}", path, position));
}

}  // namespace

void add_place(std::vector<BatchPlace>& index, BatchPlace place) {
  if (index.empty() || place.position >= index.back().position + kIndexStepBytes) {
    index.push_back(place);
  }
}

SegmentReader::SegmentReader(const File& file, std::string path, std::uint64_t mark,
                             BatchPlace start)
    : file_(file),
      path_(std::move(path)),
      mark_(mark),
      next_offset_(start.offset),
      position_(start.position) {}

Result<std::optional<BatchHeader>> SegmentReader::batch() {
  TRY(const std::string_view bytes, peek(position_, kBatchHeaderBytes));
  auto header = decode_batch_header(bytes, mark_);
  if (header && header->first != next_offset_) header.reset();
  return header;
}

Result<bool> SegmentReader::records(const BatchHeader& header, const RecordVisitor& visit) {
  std::uint64_t position = position_ + kBatchHeaderBytes;
  const std::uint64_t end = position + header.size_bytes;
  for (std::uint64_t offset = header.first; offset < header.end(); ++offset) {
    TRY(std::string_view bytes, peek(position, kRecordHeaderBytes));
    const bool has_header = bytes.size() >= kRecordHeaderBytes;
    const RecordHeader record = has_header ? decode_record_header(bytes.data()) : RecordHeader{};
    // Checked against the batch, whose header is sound, before any memory is taken for it.
    const std::uint64_t record_end = position + kRecordHeaderBytes + record.size_bytes;
    if (!has_header || record_end > end) {
      return corrupt(path_, position, fmt::format("frame {} is cut off", offset));
    }
    TRY(bytes, peek(position, kRecordHeaderBytes + record.size_bytes));
    if (bytes.size() < kRecordHeaderBytes + record.size_bytes) {
      return corrupt(path_, position, fmt::format("frame {} is cut off", offset));
    }
    const std::string_view payload = bytes.substr(kRecordHeaderBytes, record.size_bytes);
    if (record_crc(payload, offset) != record.crc) {
      return corrupt(path_, position, fmt::format("frame {} fails its checksum", offset));
    }
    TRY(const bool go_on, visit(offset, payload));
    if (!go_on) return false;
    position = record_end;
  }
  if (position != end) {
    return corrupt(path_, position,
                   fmt::format("the batch of frame {} is longer than its records", header.first));
  }
  skip(header);
  return true;
}

void SegmentReader::skip(const BatchHeader& header) {
  position_ = next_batch_position(position_, header);
  next_offset_ = header.end();
}

Result<SegmentReader::Tail> SegmentReader::tail() {
  Tail tail;
  // A sound header here that expects other frames, or whose records are not sound, is no proof of
  // anything; one that comes later is: its batch was written after this place had been synced.
  TRY(const auto here, batch());
  std::uint64_t position = position_;
  while (true) {
    TRY(const std::string_view bytes, peek(position, kTailBytes));
    if (bytes.empty()) return tail;
    // All but the last header's length, so that a header is never cut by the buffer's end.
    const bool is_last = bytes.size() < kTailBytes;
    const std::size_t usable = is_last ? bytes.size() : bytes.size() - kBatchHeaderBytes;
    for (std::size_t at = 0; at < usable; at += kBatchAlignment) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + at, std::min(sizeof word, bytes.size() - at));
      if (word == 0) continue;
      tail.bytes_used = position + std::min(at + sizeof word, bytes.size()) - position_;
      const bool is_other = position + at > position_ || !here;
      if (word == mark_ && is_other && !tail.later_batch &&
          decode_batch_header(bytes.substr(at), mark_)) {
        tail.later_batch = position + at;
      }
    }
    if (is_last) return tail;
    position += usable;
  }
}

Result<std::string_view> SegmentReader::peek(std::uint64_t position, std::size_t size) {
  const std::uint64_t buffer_end = buffer_position_ + buffer_used_;
  if (position < buffer_position_ || position > buffer_end) {
    buffer_position_ = position;
    buffer_used_ = 0;
  }
  if (position + size > buffer_position_ + buffer_used_) {
    const std::size_t kept = buffer_position_ + buffer_used_ - position;
    const std::size_t wanted =
        std::max(size, std::clamp(2 * buffer_.size(), kFirstReadBytes, kReadBytes));
    if (kept > 0) std::memmove(buffer_.data(), buffer_.data() + buffer_used_ - kept, kept);
    buffer_position_ = position;
    buffer_used_ = kept;
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    TRY(const std::size_t got,
        file_.read(position + kept, std::span(buffer_).subspan(kept, buffer_.size() - kept)));
    buffer_used_ += got;
  }
  const std::size_t from = position - buffer_position_;
  return std::string_view(buffer_.data() + from, buffer_used_ - from);
}

}  // namespace quell
