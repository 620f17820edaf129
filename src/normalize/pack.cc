#include "normalize/pack.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/time.h"
#include "model/event.h"
#include "model/severity.h"

namespace quell {
namespace {

// What model/entity.h lists.
constexpr std::string_view kEntityKinds[] = {"service",   "workload", "pod",     "node",  "host",
                                             "database",  "cache",    "queue",   "topic", "team",
                                             "namespace", "cluster",  "instance"};
constexpr std::string_view kEventKinds[] = {"alert", "change", "note"};
constexpr std::string_view kStatuses[] = {"firing", "acknowledged", "resolved"};
constexpr std::string_view kSeverities[] = {"critical", "error", "warning", "info"};
constexpr std::string_view kPackKeys[] = {"name",     "title",      "signature", "form_field",
                                          "lines",    "parse_json", "absent",    "ignore_when",
                                          "defaults", "events"};
constexpr std::string_view kEventKeys[] = {
    "title",          "name",      "when",        "each",    "ignore_when",
    "resolved_when",  "kind",      "type",        "id",      "source",
    "subject",        "time",      "starts_at",   "ends_at", "lease",
    "lease_until",    "status",    "severity",    "entity",  "labels",
    "correlation_id", "dedup_key", "annotations", "links",   "data"};
constexpr std::string_view kSchemeKeys[] = {"scheme",      "header",    "prefix",
                                            "separator",   "encoding",  "timestamp_header",
                                            "signed_text", "tolerance", "parameter"};
constexpr std::string_view kSchemes[] = {
    "hmac-sha256", "hmac-sha1", "standard-webhooks", "token", "bearer", "basic", "query"};

std::unexpected<Error> unknown_word(const YamlNode& node, std::string_view what,
                                    std::string_view word,
                                    std::span<const std::string_view> known) {
  const auto near = nearest_word(word, known);
  return node.error(fmt::format("'{}' is no {}{}; there are: {}", word, what,
                                near ? fmt::format(", did you mean '{}'?", *near) : "",
                                fmt::join(known, ", ")));
}

Status check_word(const YamlNode& node, std::string_view what, std::string_view word,
                  std::span<const std::string_view> known) {
  if (word.empty() || std::ranges::find(known, word) != known.end()) return {};
  return unknown_word(node, what, word, known);
}

// The words that a field can become must be known ones, as far as the pack itself says them.
Status check_words(const YamlNode& node, const Expression& expression,
                   std::span<const std::string_view> known) {
  if (const auto constant = expression.constant()) {
    TRY_STATUS(check_word(node, expression.what, *constant, known));
  }
  for (const auto& [key, value] : expression.map) {
    TRY_STATUS(check_word(node, expression.what, value, known));
  }
  if (expression.fallback && expression.fallback->is_literal()) {
    for (const Template::Piece& piece : expression.fallback->pieces) {
      TRY_STATUS(check_word(node, expression.what, piece.literal, known));
    }
  }
  return {};
}

// Reads one entry of `events`; what it does not say comes from `defaults`.
class MappingReader {
 public:
  MappingReader(const YamlNode& node, const YamlNode* defaults, const ExpressionContext& context)
      : node_(node), defaults_(defaults), body_(context), item_(context) {
    item_.item_is_body = find("each") == nullptr;
  }

  Result<EventMapping> read() {
    TRY_STATUS(node_.check_keys(kEventKeys, "events"));
    const YamlNode* name = node_.find("name");
    if (name == nullptr) return node_.error("an entry of 'events' needs a 'name'");
    TRY(mapping_.name, name->text("name"));
    TRY_STATUS(read_conditions());
    TRY_STATUS(read_each());
    TRY_STATUS(read_expressions());
    TRY_STATUS(read_times());
    TRY_STATUS(read_entity());
    TRY_STATUS(read_pairs("labels", mapping_.labels));
    TRY_STATUS(read_pairs("annotations", mapping_.annotations));
    TRY_STATUS(read_links());
    if (const YamlNode* data = find("data")) {
      TRY(const std::string_view text, data->text("data"));
      TRY(mapping_.data, parse_pointer(*data, text, item_));
    }
    return std::move(mapping_);
  }

 private:
  const YamlNode* find(std::string_view key) const {
    const YamlNode* own = node_.find(key);
    if (own != nullptr || defaults_ == nullptr) return own;
    return defaults_->find(key);
  }

  Status read_conditions() {
    if (const YamlNode* when = find("when")) {
      TRY(mapping_.when, parse_condition(*when, "when", body_));
    }
    if (const YamlNode* when = find("ignore_when")) {
      TRY(mapping_.ignore_when, parse_condition(*when, "ignore_when", item_));
    }
    if (const YamlNode* when = find("resolved_when")) {
      TRY(mapping_.resolved_when, parse_condition(*when, "resolved_when", item_));
    }
    return {};
  }

  Status read_each() {
    const YamlNode* each = find("each");
    if (each == nullptr) return {};
    const auto add = [&](const YamlNode& item) -> Status {
      TRY(const std::string_view text, item.text("each"));
      TRY(Pointer pointer, parse_pointer(item, text, body_));
      mapping_.each.push_back(std::move(pointer));
      return {};
    };
    if (!each->is_list()) return add(*each);
    for (const YamlNode& item : each->items()) TRY_STATUS(add(item));
    return {};
  }

  Status read_expression(std::string_view key, Expression& expression) {
    const YamlNode* node = find(key);
    if (node == nullptr) return {};
    TRY(expression, parse_expression(*node, key, item_));
    return {};
  }

  Status read_word(std::string_view key, Expression& expression,
                   std::span<const std::string_view> known) {
    TRY_STATUS(read_expression(key, expression));
    return expression.empty() ? Status{} : check_words(*find(key), expression, known);
  }

  Status read_expressions() {
    TRY_STATUS(read_word("kind", mapping_.kind, kEventKinds));
    TRY_STATUS(read_word("status", mapping_.status, kStatuses));
    TRY_STATUS(read_word("severity", mapping_.severity, kSeverities));
    TRY_STATUS(read_expression("type", mapping_.type));
    TRY_STATUS(read_expression("id", mapping_.id));
    TRY_STATUS(read_expression("subject", mapping_.subject));
    TRY_STATUS(read_expression("title", mapping_.title));
    TRY_STATUS(read_expression("correlation_id", mapping_.correlation_id));
    TRY_STATUS(read_expression("dedup_key", mapping_.dedup_key));
    // A source is a URI reference, and those begin with a slash: never a bare pointer.
    if (const YamlNode* source = find("source")) {
      TRY(mapping_.source, parse_text_expression(*source, "source", item_));
    }
    return {};
  }

  Status read_time(std::string_view key, TimeField& field) {
    const YamlNode* node = find(key);
    if (node == nullptr) return {};
    if (!node->is_map()) return read_expression(key, field.value);
    TRY_STATUS(node->check_keys({"from", "format", "zone"}, key));
    const YamlNode* from = node->find("from");
    if (from == nullptr) return node->error(fmt::format("'{}' needs 'from'", key));
    TRY(field.value, parse_expression(*from, key, item_));
    if (const YamlNode* format = node->find("format")) {
      static constexpr std::string_view kFormats[] = {"auto",     "text",     "epoch_s",
                                                      "epoch_ms", "epoch_us", "epoch_ns"};
      TRY(const std::string_view word, format->text("format"));
      const auto known = parse_time_format(word);
      if (!known) return unknown_word(*format, "time format", word, kFormats);
      field.style.format = *known;
    }
    if (const YamlNode* zone = node->find("zone")) {
      TRY(const std::string_view text, zone->text("zone"));
      const auto offset = parse_zone(text);
      if (!offset) return zone->error(offset.error().message);
      field.style.zone = *offset;
    }
    return {};
  }

  Status read_times() {
    TRY_STATUS(read_time("time", mapping_.time));
    TRY_STATUS(read_time("starts_at", mapping_.starts_at));
    TRY_STATUS(read_time("ends_at", mapping_.ends_at));
    if (const YamlNode* lease = find("lease")) {
      TRY(const std::string_view text, lease->text("lease"));
      const auto duration = parse_duration(text);
      if (!duration) return lease->error(duration.error().message);
      mapping_.lease = *duration;
    }
    return read_time("lease_until", mapping_.lease_until);
  }

  Status read_entity() {
    const YamlNode* entity = find("entity");
    if (entity == nullptr) return {};
    const auto add = [&](const YamlNode& node) -> Status {
      TRY_STATUS(node.check_keys({"kind", "name"}, "entity"));
      const YamlNode* kind = node.find("kind");
      const YamlNode* name = node.find("name");
      if (kind == nullptr || name == nullptr) return node.error("'entity' needs 'kind' and 'name'");
      EntityField field;
      TRY(field.kind, parse_expression(*kind, "entity.kind", item_));
      TRY_STATUS(check_words(*kind, field.kind, kEntityKinds));
      TRY(field.name, parse_expression(*name, "entity.name", item_));
      mapping_.entity.push_back(std::move(field));
      return {};
    };
    if (!entity->is_list()) return add(*entity);
    for (const YamlNode& item : entity->items()) TRY_STATUS(add(item));
    return {};
  }

  Result<PairField> read_pair(std::string_view what, const YamlNode& key, const YamlNode& value) {
    const std::string name = fmt::format("{}.{}", what, key.raw_text());
    PairField field;
    if (key.raw_text() != "*") {
      field.name = key.raw_text();
      TRY(field.value, parse_expression(value, name, item_));
      return field;
    }
    const std::span<const YamlNode> items = value.is_list() ? value.items() : std::span(&value, 1);
    for (const YamlNode& item : items) {
      TRY(const std::string_view text, item.text(name));
      TRY(Pointer pointer, parse_pointer(item, text, item_));
      field.copies.push_back(std::move(pointer));
    }
    return field;
  }

  // Own pairs first, then the defaults' that have another name. `*` comes last: what is named wins.
  Status read_pairs(std::string_view key, std::vector<PairField>& out) {
    const YamlNode* own = node_.find(key);
    const YamlNode* more = defaults_ != nullptr ? defaults_->find(key) : nullptr;
    for (const YamlNode* pairs : {own, more}) {
      if (pairs == nullptr) continue;
      TRY_STATUS(pairs->must_be_map(key));
      for (const auto& [name, value] : pairs->entries()) {
        if (pairs == more && own != nullptr && own->find(name.raw_text()) != nullptr) continue;
        TRY(PairField field, read_pair(key, name, value));
        out.push_back(std::move(field));
      }
    }
    std::ranges::stable_partition(out, [](const PairField& f) { return !f.name.empty(); });
    return {};
  }

  Status read_links() {
    for (const YamlNode* from :
         {node_.find("links"), defaults_ != nullptr ? defaults_->find("links") : nullptr}) {
      if (from == nullptr) continue;
      TRY(const auto items, from->list("links"));
      for (const YamlNode& item : items) {
        TRY_STATUS(item.check_keys({"text", "href"}, "links"));
        const YamlNode* text = item.find("text");
        const YamlNode* href = item.find("href");
        if (text == nullptr || href == nullptr) return item.error("a link needs 'text' and 'href'");
        LinkField link;
        TRY(link.text, parse_expression(*text, "links.text", item_));
        TRY(link.href, parse_expression(*href, "links.href", item_));
        mapping_.links.push_back(std::move(link));
      }
    }
    return {};
  }

  const YamlNode& node_;
  const YamlNode* defaults_;
  ExpressionContext body_;
  ExpressionContext item_;
  EventMapping mapping_{};
};

Status read_scheme_kind(const YamlNode& node, SignatureScheme& scheme) {
  const YamlNode* kind = node.find("scheme");
  if (kind == nullptr) return node.error("'signature' needs 'scheme'");
  TRY(const std::string_view word, kind->text("scheme"));
  using Kind = SignatureScheme::Kind;
  if (word == "hmac-sha256")
    scheme.kind = Kind::HmacSha256;
  else if (word == "hmac-sha1")
    scheme.kind = Kind::HmacSha1;
  else if (word == "standard-webhooks")
    scheme.kind = Kind::StandardWebhooks;
  else if (word == "token")
    scheme.kind = Kind::Token;
  else if (word == "basic")
    scheme.kind = Kind::Basic;
  else if (word == "query")
    scheme.kind = Kind::Query;
  else if (word == "bearer") {
    scheme.kind = Kind::Token;
    scheme.header = "authorization";
    scheme.prefix = "Bearer ";
  } else {
    return unknown_word(*kind, "signature scheme", word, kSchemes);
  }
  return {};
}

Result<SignatureScheme> read_scheme(const YamlNode& node) {
  TRY_STATUS(node.check_keys(kSchemeKeys, "signature"));
  SignatureScheme scheme;
  TRY_STATUS(read_scheme_kind(node, scheme));
  const auto read = [&](std::string_view key, std::string& out) -> Status {
    if (const YamlNode* value = node.find(key)) {
      TRY(out, value->text(key));
    }
    return {};
  };
  TRY_STATUS(read("header", scheme.header));
  TRY_STATUS(read("prefix", scheme.prefix));
  TRY_STATUS(read("separator", scheme.separator));
  TRY_STATUS(read("timestamp_header", scheme.timestamp_header));
  TRY_STATUS(read("signed_text", scheme.signed_text));
  TRY_STATUS(read("parameter", scheme.parameter));
  scheme.header = to_lower(scheme.header);
  scheme.timestamp_header = to_lower(scheme.timestamp_header);
  if (const YamlNode* encoding = node.find("encoding")) {
    static constexpr std::string_view kEncodings[] = {"hex", "base64"};
    TRY(const std::string_view word, encoding->text("encoding"));
    if (word.empty() || !check_word(*encoding, "encoding", word, kEncodings)) {
      return unknown_word(*encoding, "encoding", word, kEncodings);
    }
    if (word == "base64") scheme.encoding = SignatureScheme::Encoding::Base64;
  }
  if (const YamlNode* tolerance = node.find("tolerance")) {
    TRY(const std::string_view text, tolerance->text("tolerance"));
    const auto duration = parse_duration(text);
    if (!duration) return tolerance->error(duration.error().message);
    scheme.tolerance = *duration;
  }
  using Kind = SignatureScheme::Kind;
  const bool needs_header = scheme.kind == Kind::HmacSha256 || scheme.kind == Kind::HmacSha1 ||
                            scheme.kind == Kind::Token;
  if (needs_header && scheme.header.empty()) {
    return node.error("this signature scheme needs 'header'");
  }
  if (scheme.separator.size() > 1) return node.error("'separator' must be one character");
  if (!scheme.signed_text.contains("{body}")) {
    return node.error("'signed_text' must contain {body}");
  }
  return scheme;
}

Status read_signature(const YamlNode& node, Pack& pack) {
  const std::span<const YamlNode> items = node.is_list() ? node.items() : std::span(&node, 1);
  for (const YamlNode& item : items) {
    TRY(SignatureScheme scheme, read_scheme(item));
    pack.signature.push_back(std::move(scheme));
  }
  return {};
}

Status read_name(const YamlNode& root, Pack& pack) {
  const YamlNode* name = root.find("name");
  if (name == nullptr) return root.error("a pack needs a 'name'");
  TRY(pack.name, name->text("name"));
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  if (pack.name.empty() || pack.name.find_first_not_of(kAllowed) != pack.name.npos) {
    return name->error(fmt::format("'{}' is no pack name: use a-z, 0-9 and '-'", pack.name));
  }
  pack.title = pack.name;
  if (const YamlNode* title = root.find("title")) {
    TRY(pack.title, title->text("title"));
  }
  return {};
}

Status read_body(const YamlNode& root, Pack& pack) {
  const ExpressionContext context;
  if (const YamlNode* field = root.find("form_field")) {
    TRY(pack.form_field, field->text("form_field"));
  }
  if (const YamlNode* lines = root.find("lines")) {
    TRY(pack.lines, lines->boolean("lines"));
  }
  if (const YamlNode* absent = root.find("absent")) {
    TRY(const std::string_view pattern, absent->text("absent"));
    TRY(pack.absent, compile_regex(*absent, pattern));
  }
  if (const YamlNode* texts = root.find("parse_json")) {
    const auto items = texts->is_list() ? texts->items() : std::span<const YamlNode>(texts, 1);
    for (const YamlNode& item : items) {
      TRY(const std::string_view text, item.text("parse_json"));
      TRY(Pointer pointer, parse_pointer(item, text, context));
      if (pointer.root != Pointer::Root::Item || pointer.steps.empty()) {
        return item.error(
            fmt::format("'parse_json' needs a pointer such as /Message, got '{}'", text));
      }
      pack.parse_json.push_back(std::move(pointer));
    }
    if (pack.parse_json.size() > kInnerTextsMax) {
      return texts->error(fmt::format("'parse_json' has {} pointers, the limit is {}",
                                      pack.parse_json.size(), kInnerTextsMax));
    }
  }
  return {};
}

}  // namespace

Result<Pack> parse_pack(std::string_view yaml, std::string_view file) {
  TRY(const YamlNode root, parse_yaml(yaml, file));
  TRY_STATUS(root.check_keys(kPackKeys, "pack"));
  Pack pack;
  TRY_STATUS(read_name(root, pack));
  if (const YamlNode* signature = root.find("signature")) {
    TRY_STATUS(read_signature(*signature, pack));
  }
  TRY_STATUS(read_body(root, pack));
  const ExpressionContext context{.inner = &pack.parse_json, .headers = &pack.headers};
  if (const YamlNode* when = root.find("ignore_when")) {
    TRY(pack.ignore_when, parse_condition(*when, "ignore_when", context));
  }
  const YamlNode* defaults = root.find("defaults");
  if (defaults != nullptr) TRY_STATUS(defaults->check_keys(kEventKeys, "defaults"));
  const YamlNode* events = root.find("events");
  if (events == nullptr) return root.error("a pack needs 'events'");
  TRY(const auto items, events->list("events"));
  for (const YamlNode& item : items) {
    TRY(EventMapping mapping, MappingReader(item, defaults, context).read());
    pack.events.push_back(std::move(mapping));
  }
  if (pack.events.empty()) return events->error("'events' is empty");
  return pack;
}

}  // namespace quell
