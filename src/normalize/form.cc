#include "normalize/form.h"

#include "base/text.h"

namespace quell {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decode_component(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      const bool byte = high >= 0 && low >= 0;
      out += byte ? static_cast<char>(high * 16 + low) : '%';
      if (byte) i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// `form-data; name="data"; filename="x"` -> the value of `name`.
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
  for (const std::string_view part : split(header, ';')) {
    const auto equals = part.find('=');
    if (equals == part.npos || !equals_ignore_case(trim(part.substr(0, equals)), name)) continue;
    std::string_view value = trim(part.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    return std::string(value);
  }
  return std::nullopt;
}

std::optional<std::string> part_name(std::string_view head) {
  for (const std::string_view line : split(head, '\n')) {
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    if (!equals_ignore_case(trim(line.substr(0, colon)), "content-disposition")) continue;
    return parameter(trim(line.substr(colon + 1)), "name");
  }
  return std::nullopt;
}

}  // namespace

FormFields parse_form(std::string_view text) {
  FormFields fields;
  for (const std::string_view pair : split(trim(text), '&')) {
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    fields.emplace_back(decode_component(pair.substr(0, equals)),
                        equals == pair.npos ? "" : decode_component(pair.substr(equals + 1)));
  }
  return fields;
}

FormFields parse_multipart(std::string_view content_type, std::string_view body) {
  FormFields fields;
  const auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty()) return fields;
  const std::string line = "--" + *boundary;
  if (!body.starts_with(line)) {
    const auto first = body.find("\r\n" + line);
    if (first == body.npos) return fields;
    body.remove_prefix(first + 2);
  }
  const std::string end = "\r\n" + line;
  for (body.remove_prefix(line.size()); body.starts_with("\r\n");) {
    body.remove_prefix(2);
    const auto head_end = body.find("\r\n\r\n");
    if (head_end == body.npos) break;
    const auto value_end = body.find(end, head_end + 2);
    if (value_end == body.npos) break;
    const auto value_begin = head_end + 4;
    if (const auto name = part_name(body.substr(0, head_end)); name && value_end >= value_begin) {
      fields.emplace_back(*name, body.substr(value_begin, value_end - value_begin));
    }
    body.remove_prefix(value_end + end.size());
  }
  return fields;
}

std::optional<FormFields> parse_form_body(std::string_view content_type, std::string_view body) {
  const auto media = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  // curl -d says so whatever it sends: what begins as JSON does is no form.
  const std::string_view text = trim(body);
  const bool is_json = text.starts_with('{') || text.starts_with('[');
  if (media == "application/x-www-form-urlencoded" && !is_json) return parse_form(body);
  if (media == "multipart/form-data") return parse_multipart(content_type, body);
  return std::nullopt;
}

std::optional<std::string_view> find_field(const FormFields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return std::nullopt;
}

}  // namespace quell
