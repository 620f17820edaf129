#include "base/bounded_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

namespace quell {
namespace {

TEST(BoundedQueue, HandsOutEverythingInOrder) {
  BoundedQueue<int> queue(3);
  EXPECT_TRUE(queue.try_push(1));
  EXPECT_TRUE(queue.try_push(2));
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.pop_all(), (std::vector<int>{1, 2}));
  EXPECT_TRUE(queue.try_pop_all().empty());
}

TEST(BoundedQueue, FullRefusesAndLeavesTheValueAlone) {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  EXPECT_TRUE(queue.try_push(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  EXPECT_FALSE(queue.try_push(std::move(second)));
  ASSERT_TRUE(second);
  EXPECT_EQ(queue.pop_all().size(), 1u);
  EXPECT_TRUE(queue.try_push(std::move(second)));
  EXPECT_EQ(*queue.pop_all().at(0), 2);
}

void check_weights(const std::vector<std::size_t>& weights, const std::vector<bool>& want) {
  BoundedQueue<int> queue(10);
  std::vector<bool> got;
  for (const std::size_t weight : weights) got.push_back(queue.try_push(0, weight));
  EXPECT_EQ(got, want);
}

TEST(BoundedQueue, WeightsLimitTheSum) {
  check_weights({4, 6, 1}, {true, true, false});
  check_weights({4, 7, 6}, {true, false, true});
  check_weights({99, 1}, {true, false});  // Too heavy for any queue: taken when alone.
  check_weights({10, 0}, {true, true});
}

TEST(BoundedQueue, WeightIsFreedByTaking) {
  BoundedQueue<int> queue(10);
  EXPECT_TRUE(queue.try_push(1, 10));
  EXPECT_EQ(queue.weight(), 10u);
  EXPECT_EQ(queue.try_pop_all().size(), 1u);
  EXPECT_EQ(queue.weight(), 0u);
  EXPECT_TRUE(queue.try_push(2, 10));
}

TEST(BoundedQueue, CloseKeepsWhatWasAcceptedAndRefusesTheRest) {
  BoundedQueue<int> queue(3);
  EXPECT_TRUE(queue.try_push(1));
  queue.close();
  EXPECT_FALSE(queue.try_push(2));
  EXPECT_FALSE(queue.push(3));
  EXPECT_EQ(queue.pop_all(), std::vector<int>{1});
  EXPECT_TRUE(queue.pop_all().empty());
}

TEST(BoundedQueue, CloseWakesASleepingReceiver) {
  BoundedQueue<int> queue(1);
  std::thread receiver([&] { EXPECT_TRUE(queue.pop_all().empty()); });
  queue.close();
  receiver.join();
}

TEST(BoundedQueue, CloseWakesASenderThatWaitsForRoom) {
  BoundedQueue<int> queue(1);
  EXPECT_TRUE(queue.try_push(1));
  std::thread sender([&] { EXPECT_FALSE(queue.push(2)); });
  queue.close();
  sender.join();
}

// Senders that wait for room, and one receiver: each value arrives once, in its sender's order.
TEST(BoundedQueue, ManySendersOneReceiver) {
  constexpr int kSenders = 4;
  constexpr int kEach = 5'000;
  BoundedQueue<std::pair<int, int>> queue(7);
  std::vector<std::thread> senders;
  for (int sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&queue, sender] {
      for (int i = 0; i < kEach; ++i) EXPECT_TRUE(queue.push({sender, i}));
    });
  }
  std::vector<int> next(kSenders, 0);
  for (int total = 0; total < kSenders * kEach;) {
    for (const auto& [sender, i] : queue.pop_all()) {
      EXPECT_EQ(i, next[static_cast<std::size_t>(sender)]++);
      ++total;
    }
  }
  for (auto& thread : senders) thread.join();
  EXPECT_TRUE(queue.try_pop_all().empty());
}

}  // namespace
}  // namespace quell
