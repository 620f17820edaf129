// The sections `scrape` and `poll` of the configuration.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/yaml.h"
#include "collect/settings.h"

namespace quell {

// Reads a secret: a text, {file: …}, or {env: …}.
using SecretReader =
    std::function<Result<std::string>(const YamlNode& node, std::string_view what)>;

// Errors: InvalidArgument with the place in the file.
Result<std::vector<ScrapeSetting>> read_scrapes(const YamlNode& node, const SecretReader& secret);
Result<std::vector<PollSetting>> read_polls(const YamlNode& node, const SecretReader& secret);

}  // namespace quell
