// Auth: who asks, and whether they may. A pure function of the configuration and the request.
//
// Without tokens everybody on this machine may do everything (the server then listens on loopback
// only); with tokens everybody needs one, and its roles say for what.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/server.h"

namespace quell {

enum class Role : std::uint8_t {
  None = 0,  // Open to everybody: health, documents, the page itself.
  Read = 1,
  Write = 2,   // Change incidents, reload, retry. Includes Read.
  Ingest = 4,  // Send to sources.
};
constexpr Role operator|(Role a, Role b) {
  return static_cast<Role>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr bool allows(Role granted, Role needed) {
  return (static_cast<std::uint8_t>(granted) & static_cast<std::uint8_t>(needed)) ==
         static_cast<std::uint8_t>(needed);
}
inline constexpr Role kEveryRole = Role::Read | Role::Write | Role::Ingest;

struct Token {
  std::string name{};  // Who it belongs to: the actor of changes made with it.
  std::string secret{};
  Role roles = Role::Read;
};

// How one source is protected beside the tokens of the server.
struct SourceAuth {
  std::string source{};                // "alertmanager", "github", …
  std::vector<std::string> secrets{};  // Any of these opens this source, and nothing else.
  bool is_signed = false;  // Its decoder checks a signature over the body: no token is needed.
};

struct AuthConfig {
  std::vector<Token> tokens{};
  std::vector<SourceAuth> sources{};
  std::vector<std::string> allowed_origins{};  // "https://quell.example": other pages may ask too.
};

struct Identity {
  std::string name{};  // Of the token; empty when none was needed.
  Role roles = Role::None;
};

// The token is taken from `Authorization: Bearer …` (or the password of `Basic …`), from the
// cookie `quell_token`, and for streams and sources also from the query parameter `token`.
//
// A browser's request from another page (its Origin is not our Host) is refused unless it brings a
// token in its header: a cookie, or being on this machine, proves nothing about the page.
//
// `source` names the source when `needed` is Ingest. Errors: Unauthenticated, PermissionDenied.
// Cost: a comparison that takes constant time per token.
Result<Identity> authorize(const AuthConfig& config, const http::Request& request, Role needed,
                           std::string_view source = {});

// Whether anybody who can reach the server is let in: then it must listen on loopback only.
inline bool is_open(const AuthConfig& config) {
  return config.tokens.empty();
}

}  // namespace quell
