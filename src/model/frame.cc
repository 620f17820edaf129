#include "model/frame.h"

#include <fmt/format.h>

#include "base/bytes.h"

namespace quell {
namespace {

constexpr std::uint8_t kFrameVersion = 1;

}  // namespace

void encode_frame(const Frame& frame, std::string& out) {
  ByteWriter w(out);
  w.u8(kFrameVersion);
  w.u8(static_cast<std::uint8_t>(frame.kind));
  w.time(frame.arrived_at);
  w.text(frame.source);
  w.text(frame.tenant);
  w.text(frame.content_type);
  w.u64(frame.headers.size());
  for (const auto& [name, value] : frame.headers) {
    w.text(name);
    w.text(value);
  }
  w.text(frame.body);
}

Result<Frame> decode_frame(std::uint64_t offset, std::string_view bytes) {
  ByteReader r(bytes);
  Frame frame;
  frame.offset = offset;
  const auto version = r.u8();
  if (version != kFrameVersion) {
    return fail(Errc::Corrupt, fmt::format("frame {} has version {}, this Quell reads version {}",
                                           offset, version, kFrameVersion));
  }
  frame.kind = static_cast<FrameKind>(r.u8());
  frame.arrived_at = r.time();
  frame.source = r.string();
  frame.tenant = r.string();
  frame.content_type = r.string();
  for (std::size_t n = r.count(); n > 0; --n) {
    std::string name = r.string();
    frame.headers.emplace_back(std::move(name), r.string());
  }
  frame.body = r.string();
  if (!r.ok() || !r.at_end()) {
    return fail(Errc::Corrupt, fmt::format("frame {} does not decode", offset));
  }
  return frame;
}

}  // namespace quell
