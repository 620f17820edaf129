#include "api/auth.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/crypto.h"
#include "base/text.h"

namespace quell {
namespace {

struct Presented {
  std::string secret{};
  bool in_header = false;  // A page of another origin cannot have sent it.
};

std::optional<std::string> from_authorization(std::string_view value) {
  const auto space = value.find(' ');
  if (space == value.npos) return std::nullopt;
  const std::string_view scheme = value.substr(0, space);
  const std::string_view rest = trim(value.substr(space + 1));
  if (equals_ignore_case(scheme, "bearer")) return std::string(rest);
  if (!equals_ignore_case(scheme, "basic")) return std::nullopt;
  const auto pair = base64_decode(rest);
  if (!pair || pair->find(':') == pair->npos) return std::nullopt;
  return pair->substr(pair->find(':') + 1);
}

std::optional<std::string> from_cookie(std::string_view header) {
  for (const std::string_view part : split(header, ';')) {
    const std::string_view pair = trim(part);
    constexpr std::string_view kName = "quell_token=";
    if (pair.starts_with(kName)) return std::string(pair.substr(kName.size()));
  }
  return std::nullopt;
}

bool may_use_query(const http::Request& request, Role needed) {
  return needed == Role::Ingest || request.path == "/api/v1/stream" || request.path == "/api/v1/ws";
}

std::optional<Presented> presented_token(const http::Request& request, Role needed) {
  if (auto secret = from_authorization(request.header("authorization"))) {
    return Presented{std::move(*secret), true};
  }
  if (may_use_query(request, needed)) {
    if (auto secret = request.parameter("token"); !secret.empty()) {
      return Presented{std::move(secret), true};
    }
  }
  if (auto secret = from_cookie(request.header("cookie"))) return Presented{std::move(*secret)};
  return std::nullopt;
}

bool is_loopback_origin(std::string_view authority) {
  const std::string_view host = authority.substr(0, authority.rfind(':'));
  for (const std::string_view name : {"localhost", "127.0.0.1", "[::1]"}) {
    if (authority == name || host == name) return true;
  }
  return false;
}

// Whether a page of another origin made the browser send this.
bool is_cross_origin(const AuthConfig& config, const http::Request& request) {
  const std::string_view origin = request.header("origin");
  if (origin.empty()) return false;
  if (std::ranges::find(config.allowed_origins, origin) != config.allowed_origins.end()) {
    return false;
  }
  const auto scheme_end = origin.find("://");
  if (scheme_end == origin.npos) return true;  // "null": a sandboxed page or a file.
  const std::string_view authority = origin.substr(scheme_end + 3);
  if (equals_ignore_case(authority, request.header("host"))) return false;
  // A development server of the same machine.
  return !(request.remote_is_loopback && is_loopback_origin(authority));
}

const SourceAuth* find_source(const AuthConfig& config, std::string_view source) {
  const auto found = std::ranges::find(config.sources, source, &SourceAuth::source);
  return found == config.sources.end() ? nullptr : &*found;
}

// All are compared, so that the time tells nothing about which one matched.
const Token* find_token(const AuthConfig& config, std::string_view secret) {
  const Token* match = nullptr;
  for (const Token& token : config.tokens) {
    if (constant_time_equal(token.secret, secret)) match = &token;
  }
  return match;
}

bool opens_source(const SourceAuth& source, std::string_view secret) {
  bool match = false;
  for (const std::string& one : source.secrets) match |= constant_time_equal(one, secret);
  return match;
}

std::string_view role_name(Role role) {
  switch (role) {
    case Role::None: return "none";
    case Role::Read: return "read";
    case Role::Write: return "write";
    case Role::Ingest: return "ingest";
  }
  return "read";
}

Result<Identity> check_token(const AuthConfig& config, const Presented& token, Role needed,
                             const SourceAuth* source) {
  if (source != nullptr && opens_source(*source, token.secret)) {
    return Identity{.name = source->source, .roles = Role::Ingest};
  }
  const Token* match = find_token(config, token.secret);
  if (match == nullptr) return fail(Errc::Unauthenticated, "this token is not known");
  const Role roles = allows(match->roles, Role::Write) ? match->roles | Role::Read : match->roles;
  if (!allows(roles, needed)) {
    return fail(Errc::PermissionDenied, fmt::format("the token '{}' does not have the role '{}'",
                                                    match->name, role_name(needed)));
  }
  return Identity{.name = match->name, .roles = roles};
}

}  // namespace

Result<Identity> authorize(const AuthConfig& config, const http::Request& request, Role needed,
                           std::string_view source_name) {
  if (needed == Role::None) return Identity{};
  const SourceAuth* source = needed == Role::Ingest ? find_source(config, source_name) : nullptr;
  const auto token = presented_token(request, needed);
  if (!(token && token->in_header) && is_cross_origin(config, request)) {
    return fail(Errc::PermissionDenied,
                fmt::format("a page of {} may not ask this server: only its own pages may",
                            utf8_prefix(request.header("origin"), 200)));
  }
  if (source != nullptr && source->is_signed) {
    return Identity{.name = source->source, .roles = Role::Ingest};
  }
  const bool source_needs_secret = source != nullptr && !source->secrets.empty();
  if (is_open(config) && !source_needs_secret) {
    if (!request.remote_is_loopback) {
      return fail(Errc::Unauthenticated,
                  "no tokens are configured (server.tokens): only this machine may ask");
    }
    return Identity{.roles = kEveryRole};
  }
  if (!token) {
    return fail(Errc::Unauthenticated, "a token is needed: Authorization: Bearer <token>");
  }
  return check_token(config, *token, needed, source);
}

}  // namespace quell
