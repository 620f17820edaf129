#include "base/packing.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace quell {
namespace {

constexpr int kGzipBits = 15 + 16;  // zlib: window of 2^15, and 16 to ask for gzip framing.
constexpr int kZlibBits = 15;
constexpr int kRawBits = -15;  // Some clients send `deflate` without its zlib framing.

class ZlibUnpacker final : public Unpacker {
 public:
  explicit ZlibUnpacker(bool gzip) : gzip_(gzip) {}
  ZlibUnpacker(const ZlibUnpacker&) = delete;
  ZlibUnpacker& operator=(const ZlibUnpacker&) = delete;
  ~ZlibUnpacker() override {
    if (open_) inflateEnd(&stream_);
  }

  Status append(std::string_view packed, std::uint64_t limit, std::string& out) override {
    if (packed.empty()) return {};
    if (!open_) open(packed[0]);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream_.avail_in = static_cast<uInt>(packed.size());
    std::array<char, 16 * 1024> chunk;
    do {
      if (ended_) TRY_STATUS(begin_next_member());
      stream_.next_out = reinterpret_cast<Bytef*>(chunk.data());
      stream_.avail_out = static_cast<uInt>(chunk.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return not_packed();
      const std::size_t size = chunk.size() - stream_.avail_out;
      if (out.size() + size > limit) {
        return fail(Errc::TooLarge,
                    fmt::format("the unpacked body is larger than the limit of {} bytes", limit));
      }
      out.append(chunk.data(), size);
      ended_ = result == Z_STREAM_END;
    } while (stream_.avail_in > 0 || (stream_.avail_out == 0 && !ended_));
    return {};
  }

  Status finish() override {
    if (ended_ || !open_) return {};  // An empty body is an empty body.
    return fail(Errc::InvalidArgument, "the packed body ends too early");
  }

 private:
  void open(char first) {
    // Zlib framing begins with the method, 8, in its low four bits.
    const int bits = gzip_ ? kGzipBits : (first & 15) == 8 ? kZlibBits : kRawBits;
    QUELL_ASSERT(inflateInit2(&stream_, bits) == Z_OK, "zlib has memory");
    open_ = true;
  }
  // RFC 1952 allows one gzip file after the other.
  Status begin_next_member() {
    if (!gzip_) return fail(Errc::InvalidArgument, "the packed body goes on after its end");
    inflateReset(&stream_);
    ended_ = false;
    return {};
  }
  Status not_packed() const {
    return fail(Errc::InvalidArgument,
                fmt::format("the body is not what its Content-Encoding says ({}): {}",
                            gzip_ ? "gzip" : "deflate",
                            stream_.msg != nullptr ? stream_.msg : "damaged data"));
  }

  z_stream stream_{};
  bool gzip_ = true;
  bool open_ = false;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Unpacker> Unpacker::make(std::string_view encoding) {
  const std::string_view name = trim(encoding);
  if (equals_ignore_case(name, "gzip") || equals_ignore_case(name, "x-gzip")) {
    return std::make_unique<ZlibUnpacker>(true);
  }
  if (equals_ignore_case(name, "deflate")) return std::make_unique<ZlibUnpacker>(false);
  return nullptr;
}

std::string gzip_pack(std::string_view text) {
  z_stream stream{};
  QUELL_ASSERT(
      deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipBits, 8, Z_DEFAULT_STRATEGY) == Z_OK,
      "zlib has memory");
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  QUELL_ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflateBound is enough");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace quell
