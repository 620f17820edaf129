// CloudEvents 1.0 over HTTP: structured, batched and binary mode, and the webhook handshake.
//
// Method: cloudevents/spec: spec.md, bindings/http-protocol-binding.md, formats/json-format.md,
// http-webhook.md. docs/sources/cloudevents.md says which attribute goes where, and what makes an
// event an alert or a change.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/event.h"
#include "model/frame.h"
#include "model/limits.h"
#include "wire/scratch.h"

namespace quell {

// Decodes one request. The mode follows from frame.content_type, then from the `ce-` headers; a
// JSON body with a `specversion` and neither of both is taken as structured (or batched).
Decoded decode_cloudevents(const Frame& frame, const WireLimits& limits, WireScratch& scratch);

// A `ce-` header as the sender meant it: double quotes are taken off, then one round of percent
// decoding. Raw UTF-8 and a `%` that is not followed by two hex digits stay as they are, because
// the JavaScript SDK sends values without encoding them.
// Errors: InvalidArgument when the outcome is not UTF-8.
Result<std::string> decode_cloudevents_header(std::string_view value);

// False for event formats other than JSON, such as application/cloudevents+avro; the HTTP binding
// wants these to be answered 415.
bool has_known_event_format(std::string_view content_type);

// The answer to `OPTIONS` with WebHook-Request-Origin: the headers that allow the sender to post.
// Returns: empty when the origin is missing or not fit to be repeated in a header.
using HeaderList = std::vector<std::pair<std::string, std::string>>;
std::optional<HeaderList> cloudevents_handshake(std::string_view request_origin,
                                                std::string_view request_rate);

}  // namespace quell
