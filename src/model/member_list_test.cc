#include "model/member_list.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"

namespace quell {
namespace {

TEST(MemberList, FindsWhatAPlainListFinds) {
  Prng prng(7);
  MemberList list;
  std::vector<Fingerprint> plain;
  for (int step = 0; step < 5'000; ++step) {
    // Fingerprints that differ in their high or in their low half alone.
    const Fingerprint fingerprint = prng.below(400) << (prng.chance(50) ? 32 : 0);
    const auto known = std::ranges::find(plain, fingerprint);
    const Member* found = list.find(fingerprint);
    ASSERT_EQ(found != nullptr, known != plain.end());
    if (known == plain.end()) {
      list.push_back({.fingerprint = fingerprint});
      plain.push_back(fingerprint);
    } else {
      ASSERT_EQ(found->fingerprint, fingerprint);
      if (prng.chance(40)) {
        list.remove(fingerprint);
        plain.erase(known);
      }
    }
    ASSERT_TRUE(std::ranges::equal(list, plain, {}, &Member::fingerprint));
  }
  EXPECT_GT(plain.size(), 100u);
}

TEST(MemberList, ACopyIsItsOwn) {
  MemberList list;
  for (Fingerprint f = 0; f < 100; ++f) list.push_back({.fingerprint = f});
  MemberList copy = list;
  copy.find(42)->firing = false;
  copy.remove(7);
  EXPECT_TRUE(list.find(42)->firing);
  EXPECT_NE(list.find(7), nullptr);
  EXPECT_EQ(copy.find(7), nullptr);
  EXPECT_FALSE(copy.find(99) == nullptr);
}

}  // namespace
}  // namespace quell
