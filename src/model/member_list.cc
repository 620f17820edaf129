#include "model/member_list.h"

#include <algorithm>
#include <bit>

namespace quell {
namespace {

constexpr std::size_t kFew = 32;

std::size_t first_place(Fingerprint fingerprint, std::size_t places) {
  const std::uint64_t mixed = fingerprint * 0x9e3779b97f4a7c15;
  return static_cast<std::size_t>(mixed >> 32) & (places - 1);
}

}  // namespace

const Member* MemberList::find(Fingerprint fingerprint) const {
  if (places_.empty()) {
    const auto found = std::ranges::find(members_, fingerprint, &Member::fingerprint);
    return found == members_.end() ? nullptr : &*found;
  }
  std::size_t at = first_place(fingerprint, places_.size());
  for (; places_[at] != 0; at = (at + 1) & (places_.size() - 1)) {
    const Member& member = members_[places_[at] - 1];
    if (member.fingerprint == fingerprint) return &member;
  }
  return nullptr;
}

void MemberList::push_back(Member member) {
  members_.push_back(std::move(member));
  if (members_.size() <= kFew) return;
  if (2 * members_.size() > places_.size()) return place_all();
  place(static_cast<std::uint32_t>(members_.size() - 1));
}

void MemberList::remove(Fingerprint fingerprint) {
  const auto is_it = [&](const Member& m) { return m.fingerprint == fingerprint; };
  if (std::erase_if(members_, is_it) > 0) place_all();
}

void MemberList::place(std::uint32_t number) {
  std::size_t at = first_place(members_[number].fingerprint, places_.size());
  while (places_[at] != 0) at = (at + 1) & (places_.size() - 1);
  places_[at] = number + 1;
}

void MemberList::place_all() {
  places_.clear();
  if (members_.size() <= kFew) return;
  places_.resize(std::bit_ceil(4 * members_.size()));
  for (std::uint32_t number = 0; number < members_.size(); ++number) place(number);
}

}  // namespace quell
