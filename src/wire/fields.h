// Reading of JSON fields with places, limits and reasons; what the decoders of wire/ share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "model/event.h"
#include "model/frame.h"
#include "model/limits.h"
#include "wire/scratch.h"

namespace quell::wire {

using Json = simdjson::dom::element;
using JsonObject = simdjson::dom::object;

// "a string", "a number", "null", …
std::string_view json_kind(const Json& value);
// `must be a string, got a number`, at `place`.
std::unexpected<Error> wrong_kind(std::string_view want, const Json& got, std::string place);

// One step of a JSON pointer: `/` and the name, with `~` and `/` escaped (RFC 6901).
std::string pointer_step(std::string_view name);
// At most 256 bytes of the value as JSON.
std::string excerpt_of(const Json& value);

// The text of a field that may be missing: null is empty. Errors: InvalidArgument at /name.
Result<std::string_view> text_or_null(const Json& value, std::string_view name);

// A name that is empty or longer than its limit. Errors: InvalidArgument.
Status check_label_name(std::string_view name, const WireLimits& limits);
// A value that is longer than its limit. Errors: InvalidArgument.
Status check_label_value(std::string_view name, std::string_view value, const WireLimits& limits);

// Reads label sets and annotations of one frame.
class LabelReader {
 public:
  // `body` is the JSON text that the objects come from.
  LabelReader(std::string_view body, const WireLimits& limits, LabelSet::Builder& builder);

  // Reads {name: text, …}: null and empty values vanish, as in Alertmanager.
  // Errors: InvalidArgument with a place relative to the object (`/app`): a value that is not a
  // string, an empty name, NUL, or more or longer than the limits allow.
  Result<LabelSet> labels(const Json& object);

  // Adds the pairs of {name: text, …} to builder(), up to limits.annotations_bytes_max in all;
  // what does not fit is cut and an annotation `quell.truncated` says so. Names that begin with
  // `quell.` are Quell's own and are left out. Errors: as labels().
  Status add_annotations(const Json& object);

  LabelSet::Builder& builder() { return builder_; }

 private:
  // Whether check() has nothing to say; asked first, because most pairs are fine.
  bool is_fine(std::string_view name, std::string_view value) const {
    return !name.empty() && name.size() <= limits_.label_name_bytes_max &&
           (!may_hold_nul_ || (name.find('\0') == name.npos && value.find('\0') == value.npos));
  }
  Status check(std::string_view name, std::string_view value) const;

  const WireLimits& limits_;
  LabelSet::Builder& builder_;
  bool may_hold_nul_;  // In JSON only \u0000 can be NUL: one look at the body spares many.
};

// Whether `text` holds a byte below 0x20, or 0x7f.
bool has_control_character(std::string_view text);

// Whether `text` may be shown as a link: http or https, with a host, no blanks or control
// characters.
bool is_web_link(std::string_view text);
// Adds the link unless it is not a web link, is there already, or passes the limits.
void add_link(Event& event, std::string_view text, std::string_view href, const WireLimits& limits);

// The annotation that keeps a time that was not believed.
inline constexpr std::string_view kTimeAdjusted = "quell.time_adjusted";
inline constexpr std::string_view kTruncated = "quell.truncated";

// Whether `time` is too far after the arrival of its frame to be believed.
inline bool is_far_future(Timestamp time, Timestamp arrived_at, const WireLimits& limits) {
  return time > arrived_at && time - arrived_at > limits.future_max;
}
// Sets event.time (and starts_at, if that is later) to the arrival when it is too far in the
// future, and says so in an annotation.
void believe_time(Event& event, Timestamp arrived_at, const WireLimits& limits);

// `application/json; charset=utf-8` -> `application/json`, in lower case.
std::string media_type(std::string_view content_type);

// Collects what was refused, at most limits.rejected_max one by one.
class Rejects {
 public:
  Rejects(std::vector<Rejected>& out, const WireLimits& limits)
      : out_(out), max_(limits.rejected_max) {}

  // `error.place` is put behind `prefix`.
  void add(Error error, std::string_view prefix, const Json& value);
  void add(Error error, std::string_view prefix, std::string_view excerpt);
  // To be called once at the end: counts the ones that were not listed.
  void finish();

 private:
  std::vector<Rejected>& out_;
  std::size_t max_;
  std::size_t unlisted_ = 0;
};

}  // namespace quell::wire
