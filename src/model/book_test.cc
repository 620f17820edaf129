#include "model/book.h"

#include <gtest/gtest.h>

#include <string>

namespace quell {
namespace {

using Names = Book<int, std::string, std::hash<int>>;

std::string changed(Names& book, std::uint64_t since) {
  std::string out;
  for (const auto& name : book.changed_since(since, 100)) out += *name + " ";
  return out;
}

TEST(Book, ChangedSinceTellsTheNewestValueAgain) {
  Names book;
  book.insert(1, "one");
  book.insert(2, "two");
  const std::uint64_t seen = book.last_sequence();
  EXPECT_EQ(changed(book, seen), "");
  book.change(2) = "two, again";
  EXPECT_EQ(changed(book, seen), "two, again ");
  const std::uint64_t later = book.last_sequence();
  book.change(2) = "two, once more";
  EXPECT_EQ(changed(book, later), "two, once more ");
}

TEST(Book, ChangedSinceIsOldestChangeFirst) {
  Names book;
  for (int i = 1; i <= 3; ++i) book.insert(i, std::to_string(i));
  book.change(1);
  EXPECT_EQ(changed(book, 0), "2 3 1 ");
  EXPECT_EQ(book.changed_since(0, 2).size(), 2u);
}

TEST(Book, QuietUpdatesAreNoNews) {
  Names book;
  book.insert(1, "one");
  const std::uint64_t seen = book.last_sequence();
  book.update_quietly(1) = "uno";
  EXPECT_EQ(changed(book, seen), "");
  EXPECT_EQ(book.take_dirty().size(), 1u);
}

TEST(Book, SnapshotsStayAsTheyWere) {
  Names book;
  book.insert(1, "one");
  const auto before = book.snapshot(1);
  book.change(1) = "uno";
  EXPECT_EQ(*before, "one");
  EXPECT_EQ(*book.find(1), "uno");
}

TEST(Book, WhatWasErasedIsRemovedAndNotDirty) {
  Names book;
  for (int i = 1; i <= 3; ++i) book.insert(i, std::to_string(i));
  book.erase(2);
  EXPECT_EQ(book.find(2), nullptr);
  EXPECT_EQ(book.size(), 2u);
  EXPECT_EQ(changed(book, 0), "1 3 ");
  EXPECT_EQ(book.take_dirty().size(), 2u);
  EXPECT_EQ(book.take_removed(), std::vector{2});
}

TEST(Book, WhatIsErasedAndPutInAgainIsNotRemoved) {
  Names book;
  book.insert(1, "one");
  book.erase(1);
  book.insert(1, "one, again");
  EXPECT_TRUE(book.take_removed().empty());
  const auto dirty = book.take_dirty();
  ASSERT_EQ(dirty.size(), 1u);
  EXPECT_EQ(*dirty.front(), "one, again");
}

}  // namespace
}  // namespace quell
