// FlatIndex: finds nodes by hash in one open table: usually one cache line for a look-up.
//
// Method: open addressing with linear probing and backward shift on erase, at most three quarters
// full. The table holds hashes and pointers only; the nodes stay where they are.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace quell {

// Does not own its nodes. Thread: the owner's only. Memory: at most 43 bytes a node.
template <class Node>
class FlatIndex {
 public:
  // Null when absent. `is_it(const Node&)` says whether a node of that hash is the one.
  template <class IsIt>
  Node* find(std::uint64_t hash, IsIt&& is_it) const {
    if (slots_.empty()) return nullptr;
    for (std::size_t i = home(hash); slots_[i].node != nullptr; i = next(i)) {
      if (slots_[i].hash == hash && is_it(std::as_const(*slots_[i].node))) return slots_[i].node;
    }
    return nullptr;
  }

  // Requires: absent.
  void insert(std::uint64_t hash, Node* node) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    place({hash, node});
    ++size_;
  }

  void erase(std::uint64_t hash, const Node* node) {
    if (slots_.empty()) return;
    std::size_t hole = home(hash);
    while (slots_[hole].node != nullptr && slots_[hole].node != node) hole = next(hole);
    if (slots_[hole].node == nullptr) return;
    // What probed past the hole moves back into it, so that no look-up ends too early.
    for (std::size_t i = next(hole); slots_[i].node != nullptr; i = next(i)) {
      const std::size_t wanted = home(slots_[i].hash);
      const std::size_t mask = slots_.size() - 1;
      if (((i - wanted) & mask) < ((i - hole) & mask)) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = {};
    --size_;
  }

  std::size_t size() const { return size_; }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    Node* node = nullptr;
  };

  // Multiplied (Fibonacci hashing), so that even numbers in a row make a good hash.
  std::size_t home(std::uint64_t hash) const {
    const std::uint64_t mixed = hash * 0x9e3779b97f4a7c15ull;
    return static_cast<std::size_t>(mixed >> (64 - std::bit_width(slots_.size() - 1)));
  }
  std::size_t next(std::size_t i) const { return (i + 1) & (slots_.size() - 1); }

  void place(const Slot& slot) {
    std::size_t i = home(slot.hash);
    while (slots_[i].node != nullptr) i = next(i);
    slots_[i] = slot;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.node != nullptr) place(slot);
    }
  }

  std::vector<Slot> slots_;  // A power of two.
  std::size_t size_ = 0;
};

}  // namespace quell
