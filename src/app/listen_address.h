// ListenAddress: where the server listens, and whether it may.
#pragma once

#include <cstdint>
#include <string>

#include "app/settings.h"
#include "base/result.h"

namespace quell {

struct ListenAddress {
  std::string host{};
  std::uint16_t port = 0;
};

// Reads server.listen. Errors: InvalidArgument when it is no address, and when other machines could
// reach it although no token is configured.
Result<ListenAddress> listen_address(const Settings& settings);
// The same for server.grpc_listen. Requires: it is not empty.
Result<ListenAddress> grpc_address(const Settings& settings);

}  // namespace quell
