// Standing: a value that stays far outside of what is usual.
//
// A score ranks a sample among the past of its series, so a step in a series of a few hundred
// samples is rare for some samples only, and noise with heavy tails is as rare for a moment. What
// noise hardly does is stay there. So the samples of an episode are compared with the band that
// held 99 % of the samples before it: how many in a row are beyond it, by how much, and how large a
// share of the value that is.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/clock.h"
#include "model/finding.h"

namespace quell {

class Standing {
 public:
  // `band`: so many scales around `expected` held 99 % of the samples before the episode.
  explicit Standing(double band = 1) : band_(band) {}

  void observe(const FindingPoint& point);
  bool is_far() const { return is_far_; }  // The last sample.
  // Far for five samples and five seconds, but for single ones in between.
  bool stands() const;
  // Up, of the samples that are far.
  bool is_up() const { return is_up_; }
  // The chance of it for a usual series at any time, the least so far while it stands; 1 when it
  // does not. Never below 3e-6,
  // which is not rare among some hundred series: a constant that changes for good does so in one.
  double p() const { return stands() ? p_ : 1; }

  void write(ByteWriter& w) const;
  // `had_share`: as written before a sample's octaves were limited by its own share.
  static Standing read(ByteReader& r, bool had_share = false);

 private:
  double octaves() const;  // Of the mean far sample.

  double band_ = 1;
  double reach_ = 0;  // Sum over the far samples, of octaves.
  double p_ = 1;
  std::uint32_t samples_ = 0;
  std::uint32_t missed_ = 0;  // In a row.
  bool is_far_ = false;
  bool is_up_ = false;
  Timestamp since_{};
  Timestamp last_{};
};

}  // namespace quell
