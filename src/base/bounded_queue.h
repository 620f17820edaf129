// BoundedQueue<T>: hands values from many threads to one, with a limit that pushes back.
//
// The receiver takes all that has gathered in one swap, so that the cost of a wake-up is shared by
// everything that arrived in the meantime (natural batching; there are no timeouts).
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "base/result.h"

namespace quell {

// Invariant: values come out in the order in which their pushes returned true, each exactly once;
// what was accepted before close() is still handed out.
//
// Memory: values of up to `capacity` weight wait here, and the receiver may hold as many again
// that it has taken. A value heavier than the capacity is taken when the queue is empty.
template <class T>
class BoundedQueue {
 public:
  // `capacity` is in the unit of the weights: values when they are all 1, else bytes or what not.
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {
    QUELL_ASSERT(capacity > 0, "a queue must have room for something");
  }
  BoundedQueue(const BoundedQueue&) = delete;
  BoundedQueue& operator=(const BoundedQueue&) = delete;

  // Returns false, and leaves `value` as it is, when the queue is full or closed. Thread: any.
  [[nodiscard]] bool try_push(T&& value, std::size_t weight = 1) {
    {
      std::scoped_lock lock(mutex_);
      if (closed_ || !has_room(weight)) return false;
      add(std::move(value), weight);
    }
    not_empty_.notify_one();
    return true;
  }

  // Waits until there is room. Returns false when the queue is, or gets, closed. Thread: any.
  [[nodiscard]] bool push(T value, std::size_t weight = 1) {
    {
      std::unique_lock lock(mutex_);
      not_full_.wait(lock, [&] { return closed_ || has_room(weight); });
      if (closed_) return false;
      add(std::move(value), weight);
    }
    not_empty_.notify_one();
    return true;
  }

  // Waits until there is something and takes all of it, in order. Empty: closed and drained.
  // Thread: one receiver.
  std::vector<T> pop_all() {
    std::vector<T> taken;
    {
      std::unique_lock lock(mutex_);
      not_empty_.wait(lock, [&] { return closed_ || !values_.empty(); });
      take(taken);
    }
    not_full_.notify_all();
    return taken;
  }

  // Like pop_all(), but never waits. Empty: nothing is there now.
  std::vector<T> try_pop_all() {
    std::vector<T> taken;
    {
      std::scoped_lock lock(mutex_);
      take(taken);
    }
    not_full_.notify_all();
    return taken;
  }

  // Wakes everybody; every later push returns false. Thread: any; may be called twice.
  void close() {
    {
      std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    not_empty_.notify_all();
    not_full_.notify_all();
  }

  // Both are out of date when they return: for metrics only.
  std::size_t size() const {
    std::scoped_lock lock(mutex_);
    return values_.size();
  }
  std::size_t weight() const {
    std::scoped_lock lock(mutex_);
    return weight_;
  }

 private:
  bool has_room(std::size_t weight) const {
    return values_.empty() || (weight_ <= capacity_ && weight <= capacity_ - weight_);
  }
  void add(T&& value, std::size_t weight) {
    values_.push_back(std::move(value));
    weight_ += weight;
  }
  void take(std::vector<T>& taken) {
    taken.swap(values_);
    weight_ = 0;
  }

  const std::size_t capacity_;

  mutable std::mutex mutex_;
  std::condition_variable not_empty_;
  std::condition_variable not_full_;
  // Guarded by mutex_.
  std::vector<T> values_;
  std::size_t weight_ = 0;
  bool closed_ = false;
};

}  // namespace quell
