#include "http/request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/error.hpp>

#include "base/text.h"
#include "http/header_values.h"
#include "http/message.h"

namespace quell::http {
namespace {

using HttpError = boost::beast::http::error;

// Memory that a Content-Length alone may claim, before any of the body has arrived.
constexpr std::uint64_t kReserveMax = 1 << 20;

// What remains of a chunked body at the beginning of a chunk is never less: `0`, and two line ends.
constexpr std::size_t kLastChunkBytes = 5;

}  // namespace

RequestParser::RequestParser(const ServerContext& context) : context_(context) {
  eager(true);
  header_limit(context.options.header_bytes_max);
  body_limit(boost::none);  // Ours depends on the path, and counts unpacked bytes.
}

std::size_t RequestParser::read(std::string_view bytes) {
  // Beast 1.81 asserts that it has that much when it looks at the last chunk for a second time.
  const bool at_chunk_header = has_headers_ && chunked() && chunk_left_ == 0;
  if (at_chunk_header && !is_done() && bytes.size() < kLastChunkBytes) return 0;
  ErrorCode error;
  const std::size_t used = put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  if (error && error != HttpError::need_more && !refusal_) explain(error, bytes);
  return used;
}

void RequestParser::on_request_impl(verb, string_view method, string_view target, int version,
                                    ErrorCode& error) {
  request_.method = method;
  http_1_0_ = version == 10;
  header_bytes_ = target.size();
  auto parsed = quell::http::parse_target(target);
  if (parsed) {
    request_.path = std::move(parsed->path);
    request_.query = std::move(parsed->query);
    authority_ = std::move(parsed->authority);
    return;
  }
  refuse(400, "invalid_argument", parsed.error().message);
  error = HttpError::bad_target;
}

void RequestParser::on_field_impl(field, string_view name, string_view value, ErrorCode& error) {
  header_bytes_ += name.size() + value.size() + 4;
  if (header_bytes_ > context_.options.header_bytes_max) {
    error = HttpError::header_limit;
    return;
  }
  if (has_headers_) return;  // A trailer: counted, and not a header.
  request_.headers.emplace_back(to_lower(name), value);
}

void RequestParser::on_header_impl(ErrorCode& error) {
  has_headers_ = true;
  if (!check_host() || !check_transfer() || !check_body()) error = HttpError::bad_field;
}

bool RequestParser::check_host() {
  const auto& headers = request_.headers;
  const auto hosts = std::count_if(headers.begin(), headers.end(),
                                   [](const auto& header) { return header.first == "host"; });
  if (hosts > 1) return refuse(400, "invalid_argument", "the request has more than one Host");
  if (hosts == 0) {
    // Only a program speaks HTTP/1.0 without a Host; no browser can be tricked into it.
    if (http_1_0_) return true;
    return refuse(400, "invalid_argument", "the request has no Host header, which HTTP/1.1 needs");
  }
  const std::string_view host = authority_.empty() ? request_.header("host") : authority_;
  if (!context_.loopback_only || is_local_host(host, context_.options.allowed_hosts)) return true;
  return refuse(421, "misdirected",
                fmt::format("this server listens on a loopback address and does not answer for "
                            "the host '{}'; allow the name in its configuration if it is meant",
                            utf8_prefix(host, 100)));
}

bool RequestParser::check_transfer() {
  const std::string_view transfer = request_.header("transfer-encoding");
  if (!transfer.empty()) {
    if (http_1_0_) {
      return refuse(400, "invalid_argument", "HTTP/1.0 has no Transfer-Encoding");
    }
    if (!equals_ignore_case(trim(transfer), "chunked")) {
      return refuse(501, "unsupported",
                    fmt::format("Transfer-Encoding '{}' is not supported, only chunked is",
                                utf8_prefix(transfer, 100)));
    }
  }
  const std::string_view expect = request_.header("expect");
  if (expect.empty() || http_1_0_) return true;
  wants_continue_ = equals_ignore_case(trim(expect), "100-continue");
  if (wants_continue_) return true;
  return refuse(
      417, "unsupported",
      fmt::format("Expect '{}' is not supported, only 100-continue is", utf8_prefix(expect, 100)));
}

bool RequestParser::check_body() {
  limit_ = context_.handler->body_limit(request_.method, request_.path);
  if (content_length() && *content_length() > limit_) {
    return refuse(413, "too_large", too_large_text());
  }
  const std::string_view encoding = request_.header("content-encoding");
  if (encoding.empty() || !context_.handler->unpacks(request_.path)) return true;
  unpacker_ = Unpacker::make(encoding);
  if (unpacker_) {
    std::erase_if(request_.headers,
                  [](const auto& header) { return header.first == "content-encoding"; });
  }
  return true;
}

void RequestParser::on_body_init_impl(const boost::optional<std::uint64_t>& length, ErrorCode&) {
  if (length && !unpacker_) request_.body.reserve(std::min(*length, kReserveMax));
}

std::size_t RequestParser::on_body_impl(string_view bytes, ErrorCode& error) {
  body_bytes_ += bytes.size();
  if (!unpacker_) {
    if (body_bytes_ > limit_) {
      refuse(413, "too_large", too_large_text());
      error = HttpError::body_limit;
      return 0;
    }
    request_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  if (auto status = unpacker_->append(bytes, limit_, request_.body); !status) {
    refusal_ = problem_response(status.error());
    error = HttpError::body_limit;
    return 0;
  }
  return bytes.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, string_view bytes, ErrorCode& error) {
  const std::size_t used = on_body_impl(bytes, error);
  chunk_left_ -= used;
  return used;
}

void RequestParser::on_finish_impl(ErrorCode& error) {
  if (!unpacker_) return;
  if (auto status = unpacker_->finish(); !status) {
    refusal_ = problem_response(status.error());
    error = HttpError::partial_message;
  }
}

bool RequestParser::refuse(int status, std::string_view code, std::string_view detail) {
  refusal_ = problem_response(status, code, detail);
  return false;
}

void RequestParser::explain(const ErrorCode& error, std::string_view bytes) {
  const auto is = [&](HttpError code) { return error == code; };
  if (is(HttpError::header_limit)) {
    refuse(431, "too_large",
           fmt::format("the request's target and headers are larger than the limit of {} bytes",
                       context_.options.header_bytes_max));
  } else if (is(HttpError::bad_version)) {
    refuse(505, "unsupported", "this server speaks HTTP/1.1 and HTTP/1.0");
  } else if (bytes.starts_with('\x16')) {  // The first byte of a TLS record of a handshake.
    refuse(400, "invalid_argument", "this looks like TLS; this server speaks plain HTTP here");
  } else {
    refuse(400, "invalid_argument",
           fmt::format("the request is not HTTP/1.1: {}", error.message()));
  }
}

std::string RequestParser::too_large_text() const {
  return fmt::format("the body is larger than the limit of {} bytes for {}", limit_,
                     utf8_prefix(request_.path, 100));
}

}  // namespace quell::http
