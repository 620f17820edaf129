// Book: live values of one kind, found by key and listed newest change first.
//
// A reader gets immutable snapshots (shared_ptr<const T>) that stay as they were; the next change
// of a value that was handed out works on a copy. So lists of any size can be written out on
// another thread while the owner goes on.
//
// Thread: the owner's only; the snapshots may go anywhere.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"

namespace quell {

template <class Key, class T, class Hash>
class Book {
 public:
  using Snapshot = std::shared_ptr<const T>;

  std::size_t size() const { return entries_.size(); }

  // Null when absent. The pointer is good until the next call that changes the book.
  const T* find(const Key& key) const {
    const auto it = entries_.find(key);
    return it == entries_.end() ? nullptr : it->second.value.get();
  }

  Snapshot snapshot(const Key& key) {
    const auto it = entries_.find(key);
    return it == entries_.end() ? nullptr : share(it->second);
  }

  // Requires: absent. The value counts as changed.
  T& insert(const Key& key, T value) {
    const auto [it, fresh] = entries_.try_emplace(key);
    QUELL_ASSERT(fresh, "a book holds a key once");
    it->second.value = std::make_shared<T>(std::move(value));
    touch(it->first, it->second);
    return *it->second.value;
  }

  // The value, to be changed; it becomes the newest. Requires: present.
  T& change(const Key& key) {
    const auto it = entries_.find(key);
    QUELL_ASSERT(it != entries_.end(), "only what is in the book can change");
    touch(it->first, it->second);
    return unshared(it->second);
  }

  // The value, to be changed without becoming the newest (a counter, say). Requires: present.
  T& update_quietly(const Key& key) {
    const auto it = entries_.find(key);
    QUELL_ASSERT(it != entries_.end(), "only what is in the book can change");
    mark_dirty(it->first, it->second);
    return unshared(it->second);
  }

  void erase(const Key& key) {
    const auto it = entries_.find(key);
    if (it == entries_.end()) return;
    by_change_.erase(it->second.sequence);
    entries_.erase(it);
    removed_.push_back(key);
  }

  // Puts a stored value back: not changed, in the order of the calls (oldest change first).
  void restore(const Key& key, T value) {
    Entry& entry = entries_[key];
    entry.value = std::make_shared<T>(std::move(value));
    entry.sequence = ++sequence_;
    by_change_.emplace(entry.sequence, key);
  }

  // Calls visit(sequence, const T&) newest change first, for sequences below `before`, until it
  // returns false. Cost: O(log n) to begin, O(1) a step.
  template <class Visit>
  void newest_first(std::uint64_t before, Visit&& visit) const {
    for (auto it = by_change_.lower_bound(before); it != by_change_.begin();) {
      --it;
      if (!visit(it->first, *entries_.find(it->second)->second.value)) return;
    }
  }

  // Snapshots of all values for which keep(const T&) holds, newest change first.
  template <class Keep>
  std::vector<Snapshot> snapshots(Keep&& keep) {
    std::vector<Snapshot> result;
    for (auto it = by_change_.rbegin(); it != by_change_.rend(); ++it) {
      Entry& entry = entries_.find(it->second)->second;
      if (keep(std::as_const(*entry.value))) result.push_back(share(entry));
    }
    return result;
  }

  // Grows with every change that newest_first() shows.
  std::uint64_t last_sequence() const { return sequence_; }

  // Snapshots of what changed after `sequence`, oldest change first; only the newest `limit`.
  std::vector<Snapshot> changed_since(std::uint64_t sequence, std::size_t limit) {
    std::vector<Snapshot> result;
    for (auto it = by_change_.rbegin(); it != by_change_.rend() && result.size() < limit; ++it) {
      if (it->first <= sequence) break;
      result.push_back(share(entries_.find(it->second)->second));
    }
    std::ranges::reverse(result);
    return result;
  }

  // What changed since the last call, each once, in order of its first change.
  std::vector<Snapshot> take_dirty() {
    std::vector<Snapshot> result;
    result.reserve(dirty_.size());
    for (const Key& key : dirty_) {
      const auto it = entries_.find(key);
      if (it == entries_.end() || !it->second.dirty) continue;
      it->second.dirty = false;
      result.push_back(share(it->second));
    }
    dirty_.clear();
    return result;
  }
  std::vector<Key> take_removed() { return std::exchange(removed_, {}); }
  bool has_dirty() const { return !dirty_.empty() || !removed_.empty(); }
  std::size_t dirty_count() const { return dirty_.size(); }

 private:
  struct Entry {
    std::shared_ptr<T> value{};
    std::uint64_t sequence = 0;
    bool shared = false;  // A snapshot was handed out since the last copy.
    bool dirty = false;
  };

  Snapshot share(Entry& entry) {
    entry.shared = true;
    return entry.value;
  }

  T& unshared(Entry& entry) {
    if (entry.shared) {
      entry.value = std::make_shared<T>(std::as_const(*entry.value));
      entry.shared = false;
    }
    return *entry.value;
  }

  void mark_dirty(const Key& key, Entry& entry) {
    if (entry.dirty) return;
    entry.dirty = true;
    dirty_.push_back(key);
  }

  // The newest value gets a new sequence too: who asked with changed_since() has the old one.
  void touch(const Key& key, Entry& entry) {
    if (entry.sequence != 0) by_change_.erase(entry.sequence);
    entry.sequence = ++sequence_;
    by_change_.emplace_hint(by_change_.end(), entry.sequence, key);
    mark_dirty(key, entry);
  }

  std::unordered_map<Key, Entry, Hash> entries_;
  std::map<std::uint64_t, Key> by_change_;
  std::vector<Key> dirty_;
  std::vector<Key> removed_;
  std::uint64_t sequence_ = 0;
};

}  // namespace quell
