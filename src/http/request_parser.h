// Reads one HTTP/1.1 request from bytes as they arrive, into a Request.
//
// Method: Boost.Beast's basic_parser for the grammar (RFC 9112); the limits and the meaning of the
// headers are ours.
#pragma once

// Beast 1.81's verb.hpp uses std::ostream without including it.
#include <ostream>

#include <boost/beast/http/basic_parser.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/packing.h"
#include "http/worker.h"

namespace quell::http {

class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  explicit RequestParser(const ServerContext& context);

  // Takes what it can of `bytes` and returns how much that was. Call again with the rest and more
  // while not is_done() and no refusal().
  std::size_t read(std::string_view bytes);

  // What to answer when the request cannot be served; the connection must end after it.
  std::optional<Response>& refusal() { return refusal_; }
  bool has_headers() const { return has_headers_; }
  bool wants_continue() const { return wants_continue_; }
  std::uint64_t body_bytes() const { return body_bytes_; }  // As they arrived, packed.
  bool is_http_1_0() const { return http_1_0_; }
  // When is_done().
  Request& request() { return request_; }

 private:
  using string_view = boost::beast::string_view;
  using verb = boost::beast::http::verb;
  using field = boost::beast::http::field;

  void on_request_impl(verb, string_view method, string_view target, int version,
                       ErrorCode& error) override;
  void on_response_impl(int, string_view, int, ErrorCode&) override {}
  void on_field_impl(field, string_view name, string_view value, ErrorCode& error) override;
  void on_header_impl(ErrorCode& error) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, ErrorCode&) override;
  std::size_t on_body_impl(string_view bytes, ErrorCode& error) override;
  void on_chunk_header_impl(std::uint64_t size, string_view, ErrorCode&) override {
    chunk_left_ = size;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, ErrorCode& error) override;
  void on_finish_impl(ErrorCode& error) override;

  // Each returns whether the request may go on.
  bool check_host();
  bool check_transfer();
  bool check_body();
  bool refuse(int status, std::string_view code, std::string_view detail);
  void explain(const ErrorCode& error, std::string_view bytes);
  std::string too_large_text() const;

  const ServerContext& context_;
  Request request_{};
  std::optional<Response> refusal_{};
  std::string authority_{};  // Of an absolute target; it overrides Host.
  std::unique_ptr<Unpacker> unpacker_{};
  std::uint64_t header_bytes_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t chunk_left_ = 0;  // Of the chunk that is being read; 0: a header comes next.
  std::uint64_t limit_ = 0;
  bool has_headers_ = false;
  bool wants_continue_ = false;
  bool http_1_0_ = false;
};

}  // namespace quell::http
