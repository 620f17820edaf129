#include "app/listen_address.h"

#include <fmt/format.h>

#include <charconv>

namespace quell {
namespace {

Result<ListenAddress> parse_listen(std::string_view option, const std::string& text) {
  const auto colon = text.rfind(':');
  ListenAddress address;
  std::uint32_t port = 0;
  const char* first = text.data() + (colon == text.npos ? 0 : colon + 1);
  const auto [end, error] = std::from_chars(first, text.data() + text.size(), port);
  if (colon == text.npos || error != std::errc{} || end != text.data() + text.size() ||
      port > 65535) {
    return fail(Errc::InvalidArgument,
                fmt::format("{}: '{}' is not ADDRESS:PORT such as 127.0.0.1:8420", option, text));
  }
  address.host = text.substr(0, colon);
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  if (address.host.empty()) address.host = "0.0.0.0";
  address.port = static_cast<std::uint16_t>(port);
  return address;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Result<ListenAddress> checked(const Settings& settings, std::string_view option,
                              const std::string& text) {
  TRY(ListenAddress listen, parse_listen(option, text));
  if (settings.tokens.empty() && !is_loopback(listen.host)) {
    return fail(Errc::InvalidArgument,
                fmt::format("{} can be reached from other machines, and no token is configured: "
                            "add server.tokens, or listen on 127.0.0.1",
                            text));
  }
  return listen;
}

}  // namespace

Result<ListenAddress> listen_address(const Settings& settings) {
  return checked(settings, "server.listen", settings.listen);
}

Result<ListenAddress> grpc_address(const Settings& settings) {
  return checked(settings, "server.grpc_listen", settings.grpc_listen);
}

}  // namespace quell
