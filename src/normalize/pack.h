// Pack: a provider pack as it is used: a YAML file, compiled (docs/provider-packs.md).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "normalize/expression.h"
#include "normalize/signature.h"
#include "normalize/time_text.h"

namespace quell {

struct TimeField {
  Expression value{};
  TimeStyle style{};
};

struct EntityField {
  Expression kind{};
  Expression name{};
};

struct LinkField {
  Expression text{};
  Expression href{};
};

// One label or annotation, or (with an empty name) all pairs of what the pointers find.
struct PairField {
  std::string name{};
  Expression value{};
  std::vector<Pointer> copies{};
};

// One entry of `events`: which requests it is for, and what they become.
struct EventMapping {
  std::string name{};
  Condition when{};  // Empty: always.
  std::vector<Pointer> each{};
  Condition ignore_when{};
  Condition resolved_when{};

  Expression kind{};
  Expression type{};
  Expression id{};
  Expression source{};
  Expression subject{};
  Expression status{};
  Expression severity{};
  Expression title{};
  Expression correlation_id{};
  Expression dedup_key{};
  TimeField time{};
  TimeField starts_at{};
  TimeField ends_at{};
  TimeField lease_until{};
  std::optional<Duration> lease{};    // How long a firing alert without lease_until lasts.
  std::vector<EntityField> entity{};  // The first that has a name.
  std::vector<PairField> labels{};
  std::vector<PairField> annotations{};
  std::vector<LinkField> links{};
  std::optional<Pointer> data{};
};

// Thread: any; constant after loading.
struct Pack {
  std::string name{};   // "github"; the last part of the path that it is reached by.
  std::string title{};  // "GitHub"; for people.
  std::vector<SignatureScheme> signature{};  // Empty: default_signature_schemes().
  std::string form_field{};                  // Of a form: the field that holds the JSON.
  bool lines = false;                        // The body may be one JSON text per line.
  std::vector<Pointer> parse_json{};         // Texts that hold JSON themselves.
  std::shared_ptr<const re2::RE2> absent{};  // Texts that stand for nothing: `$HOSTNAME`.
  Condition ignore_when{};
  std::vector<EventMapping> events{};  // The first whose `when` holds is used.
  // The request headers that the mappings read, in lower case: a frame needs no others. The ones
  // of `signature` are not among them, because secrets do not belong into the journal.
  std::vector<std::string> headers{};
};

// `file` is used in places only. Errors: InvalidArgument with the place; an unknown key comes with
// the nearest known one.
Result<Pack> parse_pack(std::string_view yaml, std::string_view file);

}  // namespace quell
