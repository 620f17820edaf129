#include "eval/data_files.h"

#include <fmt/format.h>
#include <lzma.h>

#include <algorithm>
#include <memory>

#include "base/hash.h"

namespace quell {
namespace {

constexpr std::size_t kUnpackedMax = 1u << 30;
constexpr std::uint64_t kMemoryMax = 256u << 20;
constexpr std::string_view kXz = ".xz";

}  // namespace

Result<std::string> unpack_xz(std::string_view packed, std::size_t bytes_max) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMemoryMax, LZMA_CONCATENATED) != LZMA_OK) {
    return fail(Errc::Exhausted, "cannot unpack: no memory");
  }
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> guard(&stream, lzma_end);
  std::string out;
  std::vector<std::uint8_t> buffer(1u << 16);
  stream.next_in = reinterpret_cast<const std::uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  for (lzma_ret code = LZMA_OK; code != LZMA_STREAM_END;) {
    stream.next_out = buffer.data();
    stream.avail_out = buffer.size();
    code = lzma_code(&stream, LZMA_FINISH);
    if (code != LZMA_OK && code != LZMA_STREAM_END) {
      return fail(Errc::Corrupt, "not a complete .xz file",
                  fmt::format("byte {}", stream.total_in));
    }
    out.append(reinterpret_cast<const char*>(buffer.data()), buffer.size() - stream.avail_out);
    if (out.size() > bytes_max) {
      return fail(Errc::TooLarge, fmt::format("more than {} bytes when unpacked", bytes_max));
    }
  }
  return out;
}

Result<std::string> DataReader::read(const std::string& path) {
  auto content = files_.read(path);
  if (!content && content.error().code == Errc::NotFound) {
    const std::string packed_path = path + std::string(kXz);
    const auto packed = files_.read(packed_path);
    if (!packed && packed.error().code == Errc::NotFound) return content;
    if (!packed) return std::unexpected(packed.error());
    content = unpack_xz(*packed, kUnpackedMax);
    if (!content) {
      return fail(content.error().code, content.error().to_string(), packed_path);
    }
  }
  if (!content) return content;
  hash_ = hash64(*content, hash_);
  return content;
}

Result<std::vector<std::string>> DataReader::list(const std::string& directory,
                                                  std::string_view suffix) const {
  TRY(std::vector<std::string> names, files_.list(directory));
  for (std::string& name : names) {
    if (name.ends_with(kXz)) name.resize(name.size() - kXz.size());
  }
  std::erase_if(names, [&](const std::string& name) { return !name.ends_with(suffix); });
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

}  // namespace quell
