#include "app/service.h"

namespace quell {

std::string_view version() {
  return QUELL_VERSION;
}
std::string_view revision() {
  return QUELL_REVISION;
}

}  // namespace quell
