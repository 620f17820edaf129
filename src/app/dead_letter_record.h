// The record of a frame that a dead letter is about, cut out of the frame, so that another attempt
// at it does not work off again what was good.
//
// Method: the other records are overwritten with spaces. What is left stands where it stood, so
// that lines and bytes in places stay right.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/frame.h"
#include "store/store.h"

namespace quell {

struct LetterRecord {
  // The frame as it arrived, with nothing but the record in its body.
  Frame frame{};
  // Names the record within its frame; empty: the whole frame. Letters of equal name are about the
  // same record (an event that lacks two fields).
  std::string name{};
  // Set: the record is this event of all that the frame decodes to.
  std::optional<std::uint32_t> event{};

  // Where a place in `frame` is in the original one.
  std::string place_in_original(const std::string& place, const DeadLetter& letter) const;

  // How places of the record begin in `frame`, and in the original.
  std::string cut_prefix{};
  std::string original_prefix{};
};

// `frame` is the letter's frame, as read from the journal. Nothing: the letter stands for more than
// one record ("12 more were refused"), or for one that cannot be told apart from the others.
std::optional<LetterRecord> record_of(const Frame& frame, const DeadLetter& letter);

}  // namespace quell
