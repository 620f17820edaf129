#include "model/sample.h"

#include "base/bytes.h"

namespace quell {

Hash128 series_id(std::string_view tenant, std::string_view host, std::string_view metric,
                  const LabelSet& tags) {
  std::string bytes;
  bytes.reserve(tenant.size() + host.size() + metric.size() + tags.bytes().size() + 8);
  ByteWriter w(bytes);
  w.text(tenant);
  w.text(host);
  w.text(metric);
  w.text(tags.bytes());
  return hash128(bytes);
}

}  // namespace quell
