#include "base/flat_index.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "base/prng.h"

namespace quell {
namespace {

struct Thing {
  std::uint64_t key = 0;
};

// Few hashes, so that most things collide and wrap around the end of the table.
std::uint64_t bad_hash(std::uint64_t key) {
  return (key % 7) << 61 | 0x1fffffffffffffff;
}

void check_like_a_map(std::uint64_t (*hash)(std::uint64_t), std::uint64_t keys) {
  FlatIndex<Thing> index;
  std::map<std::uint64_t, std::unique_ptr<Thing>> model;
  const auto find = [&](std::uint64_t key) {
    return index.find(hash(key), [&](const Thing& thing) { return thing.key == key; });
  };
  Prng random(7);
  for (int step = 0; step < 20'000; ++step) {
    const std::uint64_t key = random.next() % keys;
    if (const auto known = model.find(key); known == model.end()) {
      ASSERT_EQ(find(key), nullptr);
      auto& thing = model[key] = std::make_unique<Thing>(Thing{key});
      index.insert(hash(key), thing.get());
    } else if (random.next() % 2 == 0) {
      index.erase(hash(key), known->second.get());
      model.erase(known);
    }
    ASSERT_EQ(index.size(), model.size());
    const std::uint64_t other = random.next() % keys;
    const auto wanted = model.find(other);
    ASSERT_EQ(find(other), wanted == model.end() ? nullptr : wanted->second.get());
  }
}

TEST(FlatIndex, FindsWhatAMapFinds) {
  check_like_a_map([](std::uint64_t key) { return key; }, 3000);
}

TEST(FlatIndex, FindsWhatAMapFindsWhenHashesCollide) {
  check_like_a_map(bad_hash, 50);
}

TEST(FlatIndex, EraseOfWhatIsAbsentChangesNothing) {
  FlatIndex<Thing> index;
  Thing here{1};
  const Thing absent{2};
  index.erase(5, &here);
  index.insert(5, &here);
  index.erase(5, &absent);
  EXPECT_EQ(index.size(), 1u);
}

}  // namespace
}  // namespace quell
