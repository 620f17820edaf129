// QueryRoom: how many queries may be on their way at once, and how many bytes they may hold.
#pragma once

#include <cstddef>
#include <memory>

#include "base/guarded.h"

namespace quell {

// Thread: any. May be gone before its places are.
class QueryRoom {
 public:
  QueryRoom(std::size_t queries_max, std::size_t bytes_max)
      : state_(std::make_shared<State>(queries_max, bytes_max)) {}

 private:
  struct Held {
    std::size_t queries = 0;
    std::size_t bytes = 0;
  };
  struct State {
    State(std::size_t queries, std::size_t bytes) : queries_max(queries), bytes_max(bytes) {}
    const std::size_t queries_max;
    const std::size_t bytes_max;
    Guarded<Held> held{};
  };

 public:
  // One query's share, given back at its end.
  class Place {
   public:
    explicit Place(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      state_->held.with([&](Held& held) {
        --held.queries;
        held.bytes -= bytes_;
      });
    }

    // Returns false when all would hold too much; a single query may hold more.
    [[nodiscard]] bool hold(std::size_t more) {
      return state_->held.with([&](Held& held) {
        if (held.bytes > bytes_ && held.bytes + more > state_->bytes_max) return false;
        held.bytes += more;
        bytes_ += more;
        return true;
      });
    }

   private:
    const std::shared_ptr<State> state_;
    std::size_t bytes_ = 0;
  };

  // Null when too many are on their way, or hold too much.
  std::unique_ptr<Place> enter(std::size_t bytes) {
    const bool has_room = state_->held.with([&](Held& held) {
      if (held.queries == state_->queries_max) return false;
      ++held.queries;
      return true;
    });
    if (!has_room) return nullptr;
    auto place = std::make_unique<Place>(state_);
    return place->hold(bytes) ? std::move(place) : nullptr;
  }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace quell
