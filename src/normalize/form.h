// Form: the fields of a request body that a browser, curl or an old webhook sends.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quell {

using FormFields = std::vector<std::pair<std::string, std::string>>;

// `a=1&b=x+y%21`. A '%' without two hex digits behind it stays as it is.
FormFields parse_form(std::string_view text);

// The parts of a multipart/form-data body that have a name; files are fields as well. Parts that
// do not end are left out. `content_type` names the boundary.
FormFields parse_multipart(std::string_view content_type, std::string_view body);

// By content type: either of the above; empty result: the body is not a form.
std::optional<FormFields> parse_form_body(std::string_view content_type, std::string_view body);

// The first field of that name.
std::optional<std::string_view> find_field(const FormFields& fields, std::string_view name);

}  // namespace quell
