// MemberList: the listed members of an incident, in order of joining, and found by fingerprint.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "model/entity.h"
#include "model/labels.h"

namespace quell {

struct Member {
  Fingerprint fingerprint = 0;
  Entity entity{};
  Timestamp starts_at{};
  bool firing = true;
  // Not part of the fold: what correlate/ keeps about the member.
  std::uint64_t text_template = 0;  // Hash of the title with its numbers and names masked.
  bool operator==(const Member&) const = default;
};

// Cost: find() and push_back() O(1), whatever the number of members, which a storm makes thousands;
// remove() O(n). Memory: 8 to 32 bytes for each member beside itself, once they are many.
class MemberList {
 public:
  auto begin() { return members_.begin(); }  // Fingerprints stay as they are.
  auto end() { return members_.end(); }
  auto begin() const { return members_.begin(); }
  auto end() const { return members_.end(); }
  auto rbegin() const { return members_.rbegin(); }
  auto rend() const { return members_.rend(); }
  std::size_t size() const { return members_.size(); }
  bool empty() const { return members_.empty(); }
  const Member& operator[](std::size_t i) const { return members_[i]; }

  // Null: there is none.
  const Member* find(Fingerprint fingerprint) const;
  Member* find(Fingerprint fingerprint) {
    return const_cast<Member*>(std::as_const(*this).find(fingerprint));
  }
  // Requires: none has its fingerprint.
  void push_back(Member member);
  void remove(Fingerprint fingerprint);

 private:
  void place(std::uint32_t number);
  void place_all();

  std::vector<Member> members_;
  // Open addressing: 1 + number of a member, or 0. Empty while there are few. Numbers and not
  // pointers, as FlatIndex has: incidents are copied for each commit that they change in.
  std::vector<std::uint32_t> places_;
};

}  // namespace quell
