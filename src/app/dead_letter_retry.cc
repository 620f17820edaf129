#include "app/dead_letter_retry.h"

#include "base/bytes.h"
#include "base/crypto.h"

namespace quell {

Frame retry_frame(Frame original, const DeadLetter& letter) {
  std::erase_if(original.headers, [](const auto& h) { return h.first == kRetryHeader; });
  std::string bytes;
  ByteWriter w(bytes);
  w.u64(letter.offset);
  w.u64(letter.index);
  w.time(letter.arrived_at);
  w.text(letter.tenant);
  w.text(letter.source);
  w.text(letter.rejected.reason);
  w.text(letter.rejected.place);
  w.text(letter.rejected.excerpt);
  w.u64(letter.attempts);
  original.headers.emplace_back(kRetryHeader, base64_encode(bytes));
  return original;
}

std::optional<DeadLetter> retried_dead_letter(const Frame& frame) {
  const std::string_view header = frame.header(kRetryHeader);
  if (header.empty()) return std::nullopt;
  const auto bytes = base64_decode(header);
  if (!bytes) return std::nullopt;
  ByteReader r(*bytes);
  DeadLetter letter;
  letter.offset = r.u64();
  letter.index = static_cast<std::uint32_t>(r.u64());
  letter.arrived_at = r.time();
  letter.tenant = r.string();
  letter.source = r.string();
  letter.rejected.reason = r.string();
  letter.rejected.place = r.string();
  letter.rejected.excerpt = r.string();
  letter.attempts = static_cast<std::uint32_t>(r.u64());
  if (!r.ok()) return std::nullopt;
  return letter;
}

}  // namespace quell
