// SharedText: text that never changes, so that copies share one block of memory.
#pragma once

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace quell {

// Eight bytes; empty text has no block. Copies may go to other threads.
// Cost: one allocation to make, an atomic addition to copy. Limit: 4 GiB.
class SharedText {
 public:
  SharedText() = default;
  SharedText(std::string_view text) {  // NOLINT(google-explicit-constructor): it is a text.
    *this = make(text.size(), [&](char* out) { std::memcpy(out, text.data(), text.size()); });
  }
  SharedText(const std::string& text) : SharedText(std::string_view(text)) {}  // NOLINT
  SharedText(const char* text) : SharedText(std::string_view(text)) {}         // NOLINT

  SharedText(const SharedText& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  SharedText(SharedText&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedText& operator=(SharedText other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~SharedText() {
    if (block_ == nullptr || block_->owners.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    block_->~Block();
    ::operator delete(block_);
  }

  // Text of `size` bytes that fill(char*) writes.
  template <class Fill>
  static SharedText make(std::size_t size, Fill&& fill) {
    SharedText text;
    if (size == 0) return text;
    QUELL_ASSERT(size <= UINT32_MAX, "a text is shorter than 4 GiB");
    void* memory = ::operator new(sizeof(Block) + size);
    text.block_ = new (memory) Block{.size = static_cast<std::uint32_t>(size)};
    fill(text.block_->bytes());
    return text;
  }

  // For sentences that are said of very many things: shares the block of an equal text that this
  // thread made with it lately. Cost: a hash and a comparison; some hundred texts stay in memory.
  static SharedText common(std::string_view text);

  std::string_view view() const {
    return block_ == nullptr ? std::string_view() : std::string_view(block_->bytes(), block_->size);
  }
  operator std::string_view() const { return view(); }  // NOLINT(google-explicit-constructor)
  std::string str() const { return std::string(view()); }
  const char* data() const { return view().data(); }
  std::size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  bool empty() const { return block_ == nullptr; }

  friend bool operator==(const SharedText& a, const SharedText& b) {
    return a.block_ == b.block_ || a.view() == b.view();
  }
  friend bool operator==(const SharedText& a, std::string_view b) { return a.view() == b; }
  friend bool operator==(const SharedText& a, const std::string& b) { return a.view() == b; }
  friend bool operator==(const SharedText& a, const char* b) { return a.view() == b; }
  friend auto operator<=>(const SharedText& a, const SharedText& b) {
    return a.view() <=> b.view();
  }

 private:
  struct Block {
    std::atomic<std::uint32_t> owners{1};
    std::uint32_t size = 0;
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
  };

  Block* block_ = nullptr;
};

}  // namespace quell
