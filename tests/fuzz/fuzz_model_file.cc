// Files of models: any bytes, and sections whose checksums fit. What is taken can be written again.
#include "base/bytes.h"
#include "base/hash.h"
#include "detect/model_file.h"
#include "fuzz.h"

namespace quell {
namespace {

void check_file(std::string_view bytes) {
  const auto file = decode_model_file(bytes);
  if (!file) return;
  QUELL_ASSERT(split_model_file(bytes).has_value(), "a file that is taken has pages");
  const auto again = decode_model_file(encode_model_file(*file));
  QUELL_ASSERT(again && again->models.size() == file->models.size() &&
                   again->detectors.size() == file->detectors.size(),
               "what was taken is written");
}

void append_section(std::string& out, char kind, std::string_view body) {
  out.push_back(kind);
  ByteWriter w(out);
  w.fixed64(body.size());
  out += body;
  w.fixed64(crc32c(body));
}

}  // namespace

void fuzz_one(std::string_view input) {
  check_file(input);
  for (const char kind : {1, 2}) {
    std::string bytes = "QUELLMOD\x01";
    append_section(bytes, kind, input);
    append_section(bytes, 0, input.substr(0, 3));
    check_file(bytes);
  }
}

}  // namespace quell
