// Result<T>: a value, or an Error that says what went wrong, where, and for whom.
//
// Every function that can fail in normal operation returns Result. Callers cannot drop one by
// accident: the class is [[nodiscard]] (std::expected in libstdc++ 12 is not).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace quell {

enum class Errc : std::uint8_t {
  InvalidArgument,   // The caller's input is wrong. Retrying cannot help.        HTTP 400
  Unauthenticated,   // No, or a wrong, token or signature.                       HTTP 401
  PermissionDenied,  // Known caller, but not allowed.                            HTTP 403
  NotFound,          //                                                           HTTP 404
  Conflict,          // Already exists, or its state does not allow this.         HTTP 409
  Outdated,          // Changed underneath: not the version that was expected.    HTTP 412
  TooLarge,          // A stated size limit was exceeded.                         HTTP 413
  Unsupported,       // A media type or encoding that we do not take.             HTTP 415
  Exhausted,         // A stated limit was reached. Shed load or retry later.     HTTP 429
  Corrupt,           // Stored bytes fail their checksum or their schema.         HTTP 500
  Unavailable,       // A peer or device did not answer. Retry with back-off.     HTTP 503
  Timeout,           // The deadline passed first.                                HTTP 504
};

struct Error {
  Errc code = Errc::InvalidArgument;
  std::string message{};  // One sentence fragment, no final period, names the offending value.
  std::string place{};    // `file:line:column`, a JSON pointer, or `byte 17`; empty if none.

  // Returns this error prefixed with what the caller was doing.
  Error context(std::string_view doing) && {
    message.insert(0, std::string(doing) + ": ");
    return std::move(*this);
  }

  // The message with its place, as a person reads it: `config.yaml:3:1: unknown key 'x'`.
  std::string to_string() const { return place.empty() ? message : place + ": " + message; }
};

// The stable, machine-readable name of a code, e.g. "invalid_argument".
std::string_view errc_name(Errc code);
int http_status(Errc code);

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

using Status = Result<void>;

inline std::unexpected<Error> fail(Errc code, std::string message, std::string place = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(place)});
}

// Ends the process with a message. For what cannot happen; always on (see QUELL_ASSERT).
[[noreturn]] void assertion_failed(const char* condition, const char* what, const char* file,
                                   int line);

}  // namespace quell

// TRY(auto x, expr): evaluates expr; on error returns it from the enclosing function.
#define QUELL_TRY_CAT_(a, b) a##b
#define QUELL_TRY_CAT(a, b) QUELL_TRY_CAT_(a, b)
#define QUELL_TRY_IMPL_(tmp, lhs, expr)                     \
  auto tmp = (expr);                                        \
  if (!tmp) return std::unexpected(std::move(tmp).error()); \
  lhs = *std::move(tmp)
#define TRY(lhs, expr) QUELL_TRY_IMPL_(QUELL_TRY_CAT(try_, __LINE__), lhs, expr)

// TRY_STATUS(expr): the same for an expression without a value.
#define TRY_STATUS(expr)                                                                     \
  do {                                                                                       \
    if (auto status_ = (expr); !status_) return std::unexpected(std::move(status_).error()); \
  } while (false)

// QUELL_ASSERT(cond, "what must hold"): stays on in every build.
#define QUELL_ASSERT(cond, what)                                             \
  do {                                                                       \
    if (!(cond)) ::quell::assertion_failed(#cond, what, __FILE__, __LINE__); \
  } while (false)
