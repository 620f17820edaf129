// SchemaCheck: whether a JSON text has the shape that openapi.json gives a name. For tests: it
// knows the words of JSON Schema that openapi.json uses, and no others.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace quell {

class SchemaCheck {
 public:
  explicit SchemaCheck(std::string_view openapi) : text_(openapi) {
    root_ = parse_json(parser_, text_).value();
  }

  // The first thing that does not fit, as `/path: why`; empty when all does.
  std::string operator()(std::string_view json, std::string_view schema_name) {
    simdjson::dom::parser parser;
    const auto value = parse_json(parser, json);
    if (!value) return value.error().to_string();
    return check(*value, schema(schema_name), "");
  }

 private:
  using Element = simdjson::dom::element;

  Element schema(std::string_view name) { return root_["components"]["schemas"][name].value(); }

  Element resolve(Element s) {
    std::string_view reference;
    while (s["$ref"].get(reference) == simdjson::SUCCESS) {
      s = schema(reference.substr(reference.rfind('/') + 1));
    }
    return s;
  }

  static bool is_type(const Element& value, std::string_view type) {
    if (type == "string") return value.is_string();
    if (type == "integer") return value.is_int64() || value.is_uint64();
    if (type == "number") return value.is_number();
    if (type == "boolean") return value.is_bool();
    if (type == "null") return value.is_null();
    if (type == "array") return value.is_array();
    return type == "object" && value.is_object();
  }

  std::string check(const Element& value, Element s, const std::string& path) {
    s = resolve(s);
    simdjson::dom::array parts;
    if (s["allOf"].get(parts) == simdjson::SUCCESS) {
      for (const Element part : parts) {
        if (auto why = check(value, part, path); !why.empty()) return why;
      }
    }
    if (s["oneOf"].get(parts) == simdjson::SUCCESS) {
      std::string why;
      for (const Element part : parts) {
        why = check(value, part, path);
        if (why.empty()) return {};
      }
      return why;
    }
    if (auto why = check_type(value, s, path); !why.empty()) return why;
    if (auto why = check_enum(value, s, path); !why.empty()) return why;
    if (value.is_object()) return check_object(value, s, path);
    if (value.is_array()) return check_array(value, s, path);
    return {};
  }

  std::string check_type(const Element& value, const Element& s, const std::string& path) {
    Element type;
    if (s["type"].get(type) != simdjson::SUCCESS) return {};
    if (type.is_string() && is_type(value, std::string_view(type))) return {};
    if (type.is_array()) {
      for (const Element one : simdjson::dom::array(type)) {
        if (is_type(value, std::string_view(one))) return {};
      }
    }
    return path + ": not of type " + simdjson::minify(type);
  }

  std::string check_enum(const Element& value, const Element& s, const std::string& path) {
    simdjson::dom::array choices;
    if (s["enum"].get(choices) != simdjson::SUCCESS) return {};
    for (const Element choice : choices) {
      if (simdjson::minify(choice) == simdjson::minify(value)) return {};
    }
    return path + ": not one of " + simdjson::minify(choices);
  }

  std::string check_object(const Element& value, const Element& s, const std::string& path) {
    simdjson::dom::array required;
    if (s["required"].get(required) == simdjson::SUCCESS) {
      for (const Element name : required) {
        if (value[std::string_view(name)].error()) {
          return path + ": no " + std::string(std::string_view(name));
        }
      }
    }
    for (const auto [key, item] : simdjson::dom::object(value)) {
      const std::string at = path + "/" + std::string(key);
      Element other;
      bool allowed = true;
      Element wanted;
      std::string why;
      if (s["properties"][key].get(wanted) == simdjson::SUCCESS) {
        why = check(item, wanted, at);
      } else if (s["additionalProperties"].get(other) == simdjson::SUCCESS) {
        if (other.get(allowed) != simdjson::SUCCESS) why = check(item, other, at);
        if (!allowed) why = at + ": not documented";
      }
      if (!why.empty()) return why;
    }
    return {};
  }

  std::string check_array(const Element& value, const Element& s, const std::string& path) {
    Element items;
    if (s["items"].get(items) != simdjson::SUCCESS || !items.is_object()) return {};
    std::size_t i = 0;
    for (const Element item : simdjson::dom::array(value)) {
      if (auto why = check(item, items, path + "/" + std::to_string(i++)); !why.empty()) return why;
    }
    return {};
  }

  simdjson::dom::parser parser_;
  std::string text_;
  Element root_;
};

}  // namespace quell
