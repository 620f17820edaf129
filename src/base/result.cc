#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace quell {

std::string_view errc_name(Errc code) {
  switch (code) {
    case Errc::InvalidArgument: return "invalid_argument";
    case Errc::Unauthenticated: return "unauthenticated";
    case Errc::PermissionDenied: return "permission_denied";
    case Errc::NotFound: return "not_found";
    case Errc::Conflict: return "conflict";
    case Errc::Outdated: return "outdated";
    case Errc::TooLarge: return "too_large";
    case Errc::Unsupported: return "unsupported";
    case Errc::Exhausted: return "exhausted";
    case Errc::Corrupt: return "corrupt";
    case Errc::Unavailable: return "unavailable";
    case Errc::Timeout: return "timeout";
  }
  return "unknown";
}

int http_status(Errc code) {
  switch (code) {
    case Errc::InvalidArgument: return 400;
    case Errc::Unauthenticated: return 401;
    case Errc::PermissionDenied: return 403;
    case Errc::NotFound: return 404;
    case Errc::Conflict: return 409;
    case Errc::Outdated: return 412;
    case Errc::TooLarge: return 413;
    case Errc::Unsupported: return 415;
    case Errc::Exhausted: return 429;
    case Errc::Corrupt: return 500;
    case Errc::Unavailable: return 503;
    case Errc::Timeout: return 504;
  }
  return 500;
}

void assertion_failed(const char* condition, const char* what, const char* file, int line) {
  std::fprintf(stderr, "quell: %s:%d: %s (%s)\n", file, line, what, condition);
  std::abort();
}

}  // namespace quell
