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
#include <utility>
#include <vector>

#include "base/flat_index.h"
#include "base/result.h"

namespace quell {

template <class Key, class T, class Hash>
class Book {
 public:
  using Snapshot = std::shared_ptr<const T>;

  Book() = default;
  Book(const Book&) = delete;
  Book& operator=(const Book&) = delete;

  std::size_t size() const { return index_.size(); }

  // Null when absent. The pointer is good until the next call that changes the book.
  const T* find(const Key& key) const {
    const Entry* entry = entry_of(key);
    return entry == nullptr ? nullptr : entry->value.get();
  }

  Snapshot snapshot(const Key& key) {
    Entry* entry = entry_of(key);
    return entry == nullptr ? nullptr : share(*entry);
  }

  // Requires: absent. The value counts as changed.
  T& insert(const Key& key, T value) {
    Entry& entry = add(key, std::move(value));
    mark_dirty(entry);
    return *entry.value;
  }

  // The value, to be changed; it becomes the newest. Requires: present.
  T& change(const Key& key) {
    Entry* entry = entry_of(key);
    QUELL_ASSERT(entry != nullptr, "only what is in the book can change");
    touch(*entry);
    return unshared(*entry);
  }

  // The value, to be changed without becoming the newest (a counter, say). Requires: present.
  T& update_quietly(const Key& key) {
    Entry* entry = entry_of(key);
    QUELL_ASSERT(entry != nullptr, "only what is in the book can change");
    mark_dirty(*entry);
    return unshared(*entry);
  }

  void erase(const Key& key) {
    Entry* entry = entry_of(key);
    if (entry == nullptr) return;
    if (entry->dirty_at != kClean) dirty_[entry->dirty_at] = nullptr;
    removed_.push_back(entry->key);
    index_.erase(Hash()(entry->key), entry);
    by_change_.erase(entry->sequence);  // Ends the entry.
  }

  // Puts a stored value back: not changed, in the order of the calls (oldest change first).
  // Requires: absent.
  void restore(const Key& key, T value) { add(key, std::move(value)); }

  // Calls visit(sequence, const T&) newest change first, for sequences below `before`, until it
  // returns false. Cost: O(log n) to begin, O(1) a step.
  template <class Visit>
  void newest_first(std::uint64_t before, Visit&& visit) const {
    for (auto it = by_change_.lower_bound(before); it != by_change_.begin();) {
      --it;
      if (!visit(it->first, std::as_const(*it->second->value))) return;
    }
  }

  // Calls visit(T&), oldest change first, to set what is not stored and no reader looks at: nothing
  // counts as changed.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (auto& [sequence, entry] : by_change_) visit(unshared(*entry));
  }

  // Snapshots of all values for which keep(const T&) holds, newest change first.
  template <class Keep>
  std::vector<Snapshot> snapshots(Keep&& keep) {
    std::vector<Snapshot> result;
    for (auto it = by_change_.rbegin(); it != by_change_.rend(); ++it) {
      Entry& entry = *it->second;
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
      result.push_back(share(*it->second));
    }
    std::ranges::reverse(result);
    return result;
  }

  // What changed since the last call, each once, in order of its first change.
  std::vector<Snapshot> take_dirty() {
    std::vector<Snapshot> result;
    result.reserve(dirty_.size());
    for (Entry* entry : dirty_) {
      if (entry == nullptr) continue;  // Erased since.
      entry->dirty_at = kClean;
      result.push_back(share(*entry));
    }
    dirty_.clear();
    return result;
  }
  // What was erased since the last call and has not come back.
  std::vector<Key> take_removed() {
    std::erase_if(removed_, [&](const Key& key) { return entry_of(key) != nullptr; });
    return std::exchange(removed_, {});
  }
  bool has_dirty() const { return !dirty_.empty() || !removed_.empty(); }
  std::size_t dirty_count() const { return dirty_.size(); }

 private:
  static constexpr std::size_t kClean = SIZE_MAX;

  struct Entry {
    Key key{};
    std::shared_ptr<T> value{};
    std::uint64_t sequence = 0;
    std::size_t dirty_at = kClean;  // Its place in dirty_.
    bool shared = false;            // A snapshot was handed out since the last copy.
  };

  Entry* entry_of(const Key& key) const {
    return index_.find(Hash()(key), [&](const Entry& entry) { return entry.key == key; });
  }

  Entry& add(const Key& key, T value) {
    QUELL_ASSERT(entry_of(key) == nullptr, "a book holds a key once");
    auto owned = std::make_unique<Entry>();
    Entry& entry = *owned;
    entry.key = key;
    entry.value = std::make_shared<T>(std::move(value));
    entry.sequence = ++sequence_;
    index_.insert(Hash()(key), &entry);
    by_change_.emplace_hint(by_change_.end(), entry.sequence, std::move(owned));
    return entry;
  }

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

  void mark_dirty(Entry& entry) {
    if (entry.dirty_at != kClean) return;
    entry.dirty_at = dirty_.size();
    dirty_.push_back(&entry);
  }

  // The newest value gets a new sequence too: who asked with changed_since() has the old one.
  void touch(Entry& entry) {
    auto node = by_change_.extract(entry.sequence);
    entry.sequence = node.key() = ++sequence_;
    by_change_.insert(by_change_.end(), std::move(node));
    mark_dirty(entry);
  }

  FlatIndex<Entry> index_;
  std::map<std::uint64_t, std::unique_ptr<Entry>> by_change_;  // Owns the entries.
  std::vector<Entry*> dirty_;                                  // Null: erased since.
  std::vector<Key> removed_;
  std::uint64_t sequence_ = 0;
};

}  // namespace quell
