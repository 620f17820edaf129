// Provider packs. The first byte chooses one of the program's packs, or the pack's own YAML: then
// the input up to a line `---` is the pack and the rest the body.
#include <algorithm>

#include "check_decoded.h"
#include "fuzz.h"
#include "model/event_json.h"
#include "normalize/pack_decoder.h"
#include "normalize/pack_library.h"

namespace quell {
namespace {

constexpr std::string_view kSeparator = "\n---\n";

const std::vector<std::shared_ptr<const Pack>>& packs() {
  static const auto kPacks = [] {
    std::vector<std::shared_ptr<const Pack>> all;
    const PackLibrary library = PackLibrary::built_in();
    for (const std::string_view name : library.names()) all.push_back(library.shared(name));
    return all;
  }();
  return kPacks;
}

// Whatever the bytes are: within the limits, and the same again with other buffers.
void decode_twice(const Pack& pack, const Frame& frame) {
  static PackScratch scratch;
  const Decoded decoded = decode_with_pack(pack, frame, scratch);
  check_decoded(decoded, WireLimits{});
  for (const Event& event : decoded.events) {
    QUELL_ASSERT(!event.source.empty() && !event.type.empty(), "an event has source and type");
    QUELL_ASSERT(event.kind != EventKind::Alert || event.status != EventStatus::None,
                 "an alert has a status");
    QUELL_ASSERT(
        event.kind != EventKind::Alert || !event.labels.empty() || !event.dedup_key.empty(),
        "an alert has an identity");
  }
  PackScratch fresh;
  QUELL_ASSERT(
      render_decoded_json(decode_with_pack(pack, frame, fresh)) == render_decoded_json(decoded),
      "a scratch leaves no trace");
}

}  // namespace

void fuzz_one(std::string_view input) {
  if (input.empty()) return;
  const auto choice = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  if (choice == '#') {
    const auto split = std::min(input.find(kSeparator), input.size());
    const auto pack = parse_pack(input.substr(0, split), "p.yaml");
    if (!pack) {
      QUELL_ASSERT(pack.error().place.starts_with("p.yaml:"), "an error has its place");
      return;
    }
    input.remove_prefix(std::min(input.size(), split + kSeparator.size()));
    return decode_twice(*pack, fuzz_frame("pack", input));
  }
  Frame frame = fuzz_frame("pack", input);
  frame.headers = {{"x-github-event", "push"}, {"x-github-delivery", "1"}};
  if (choice >= 128) frame.content_type = "application/x-www-form-urlencoded";
  decode_twice(*packs()[choice % packs().size()], frame);
}

}  // namespace quell
