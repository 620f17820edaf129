#include "base/shared_text.h"

#include <array>

#include "base/hash.h"

namespace quell {

SharedText SharedText::common(std::string_view text) {
  constexpr std::size_t kRemembered = 512;
  constexpr std::size_t kLongest = 256;  // Longer ones are seldom said twice.
  if (text.empty() || text.size() > kLongest) return SharedText(text);
  thread_local std::array<SharedText, kRemembered> lately;
  SharedText& slot = lately[hash64(text) % kRemembered];
  if (slot.view() != text) slot = SharedText(text);
  return slot;
}

}  // namespace quell
