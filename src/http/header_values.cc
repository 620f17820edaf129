#include "http/header_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace quell::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that `%41` at `at` stands for, or -1.
int escaped_byte(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size()) return -1;
  const int high = hex_digit(text[at + 1]);
  const int low = hex_digit(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// `a;q=0.5` -> `a`, and whether its q is above zero.
std::pair<std::string_view, bool> weighed(std::string_view item) {
  const auto parts = split(item, ';');
  bool wanted = true;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::string_view parameter = trim(parts[i]);
    if (!parameter.starts_with("q=") && !parameter.starts_with("Q=")) continue;
    wanted = parameter.substr(2).find_first_of("123456789") != std::string_view::npos;
  }
  return {trim(parts[0]), wanted};
}

// 3: the same; 2: `type/*`; 1: everything; 0: something else.
int closeness(std::string_view range, std::string_view what) {
  if (equals_ignore_case(range, what)) return 3;
  if (range == "*" || range == "*/*") return 1;
  if (!range.ends_with("/*")) return 0;
  range.remove_suffix(1);
  return what.size() > range.size() && equals_ignore_case(what.substr(0, range.size()), range) ? 2
                                                                                               : 0;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int byte = escaped_byte(text, i);
    if (byte < 0) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

std::string query_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int byte = text[i] == '%' ? escaped_byte(text, i) : -1;
    if (byte >= 0) i += 2;
    out += byte >= 0 ? static_cast<char>(byte) : text[i] == '+' ? ' ' : text[i];
  }
  return out;
}

Result<Target> parse_target(std::string_view target) {
  Target out;
  if (target == "*") {
    out.path = "*";
    return out;
  }
  const std::string_view whole = target;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() <= scheme.size() ||
        !equals_ignore_case(target.substr(0, scheme.size()), scheme)) {
      continue;
    }
    target.remove_prefix(scheme.size());
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    out.authority = target.substr(0, end);
    target.remove_prefix(end);
    if (target.empty() || target[0] == '?') out.path = "/";
  }
  if (out.path.empty() && !target.starts_with('/')) {
    return fail(Errc::InvalidArgument,
                fmt::format("the request target '{}' is not a path", utf8_prefix(whole, 100)));
  }
  target = target.substr(0, target.find('#'));
  const std::size_t question = target.find('?');
  if (question != std::string_view::npos) out.query = target.substr(question + 1);
  const std::string_view encoded = target.substr(0, question);
  auto path = percent_decode(encoded);
  if (!path) {
    return fail(Errc::InvalidArgument,
                "the path has a '%' that is not followed by two hexadecimal digits");
  }
  if (path->find('\0') != std::string::npos) {
    return fail(Errc::InvalidArgument, "the path has a NUL byte (%00)");
  }
  if (const auto at = invalid_utf8_at(*path)) {
    return fail(Errc::InvalidArgument, fmt::format("the path is not UTF-8 at byte {}", *at));
  }
  if (!path->empty()) out.path = *std::move(path);
  return out;
}

std::string_view host_without_port(std::string_view host) {
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    return end == std::string_view::npos ? host : host.substr(0, end + 1);
  }
  return host.substr(0, host.find(':'));
}

bool is_local_host(std::string_view host, std::span<const std::string> allowed_hosts) {
  const std::string_view name = host_without_port(host);
  for (const std::string_view local : {"localhost", "127.0.0.1", "[::1]"}) {
    if (equals_ignore_case(name, local)) return true;
  }
  return std::any_of(allowed_hosts.begin(), allowed_hosts.end(),
                     [&](const std::string& allowed) { return equals_ignore_case(name, allowed); });
}

bool is_same_origin(std::string_view origin, std::string_view host) {
  const std::size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && equals_ignore_case(origin.substr(scheme + 3), host);
}

bool accepts(std::string_view list, std::string_view what) {
  int best = 0;
  bool taken = false;
  for (const std::string_view item : split(list, ',')) {
    const auto [range, wanted] = weighed(item);
    const int close = closeness(range, what);
    if (close <= best) continue;
    best = close;
    taken = wanted;
  }
  return taken;
}

bool has_token(std::string_view list, std::string_view token) {
  for (const std::string_view item : split(list, ',')) {
    if (equals_ignore_case(trim(item), token)) return true;
  }
  return false;
}

}  // namespace quell::http
