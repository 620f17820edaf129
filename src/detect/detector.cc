#include "detect/detector.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <numeric>

#include "base/bytes.h"
#include "base/hash.h"
#include "detect/calibration.h"

namespace quell {
namespace {

constexpr std::uint8_t kStateVersion = 2;  // 1 had no gain, which is last.
constexpr std::int64_t kSecond = 1'000'000'000;
// Up to so many lanes the scalar kernel is faster.
constexpr int kFewLanes = 3;

std::int64_t positive_mod(std::int64_t a, std::int64_t b) {
  const std::int64_t r = a % b;
  return r < 0 ? r + b : r;
}

KernelLimits make_limits(const DetectSettings& settings) {
  const auto open = static_cast<float>(p_to_score(std::clamp(settings.finding_p, 1e-12, 0.5)));
  return {.open_score = open,
          .close_score = open / 2,
          .warmup_samples = static_cast<float>(std::clamp(settings.warmup_samples, 30u, 4'000u))};
}

bool is_within(float v, float low, float high) {
  return v >= low && v <= high;  // Not so for NaN.
}

// What the kernel relies on: numbers are in their ranges, counts count, the cycle is one.
bool is_sound(const SeriesBlock& b, std::size_t lane) {
  constexpr float kLarge = 16 * kValueMax;
  bool is_good = b.cycle[lane] < kCycles;
  const auto need = [&](const auto& rows, float low, float high) {
    for (const auto& row : rows) is_good = is_good && is_within(row[lane], low, high);
  };
  const auto need_one = [&](const Row<float>& row, float low, float high) {
    is_good = is_good && is_within(row[lane], low, high);
  };
  need(b.usual, -kLarge, kLarge);
  for (const auto* rows : {&b.noise, &b.usual_activity}) {
    for (const auto& row : *rows) {
      is_good =
          is_good && is_within(std::bit_cast<float>(std::uint32_t{row[lane]} << 16), 0, kLarge);
    }
  }
  for (const auto* row : {&b.base, &b.last, &b.level, &b.mean, &b.drift, &b.shift}) {
    need_one(*row, -kLarge, kLarge);
  }
  for (const auto* row : {&b.magnitude, &b.level_scale, &b.change_scale, &b.season_scale,
                          &b.activity, &b.ar_scale, &b.mean_scale, &b.envelope, &b.interval}) {
    need_one(*row, 0, kLarge);
  }
  need(b.ar_weight, -1'000, 1'000);
  need(b.ar_input, -8, 8);
  need_one(b.cusum_up, 0, 60);
  need_one(b.cusum_down, 0, 60);
  need(b.extreme, -kUnset, kUnset);
  need(b.recent_extreme, -kUnset, kUnset);
  need_one(b.samples, 0, kHistogramSamplesMax);
  need_one(b.record_samples, 0, kRecordSamplesMax);
  is_good = is_good && std::abs(b.gain[lane]) <= kGainMax;
  for (const auto& bins : b.histogram) {
    for (const auto& row : bins) {
      is_good = is_good && is_within(static_cast<float>(row[lane]), 0, b.samples[lane]);
    }
  }
  return is_good;
}

void copy_lane(const SeriesBlock& from, SeriesBlock& to, std::size_t lane) {
  std::vector<const void*> cells;
  for_each_row(from, [&](const auto& row) { cells.push_back(&row[lane]); });
  std::size_t i = 0;
  for_each_row(to, [&](auto& row) { std::memcpy(&row[lane], cells[i++], sizeof row[lane]); });
}

}  // namespace

void Observations::resize(std::size_t n) {
  score.resize(n);
  expected.resize(n);
  scale.resize(n);
  fired.resize(n);
  flags.resize(n);
}

void Detector::FreeChunk::operator()(SeriesBlock* blocks) const {
  std::free(blocks);
}

Detector::Detector(const DetectSettings& settings, KernelKind kernel)
    : settings_(settings),
      limits_(make_limits(settings)),
      kernel_(kernel_function(kernel) != nullptr ? kernel : KernelKind::Scalar),
      run_(kernel_function(kernel_)),
      run_few_(kernel_function(KernelKind::Scalar)) {}

void Detector::set_settings(const DetectSettings& settings) {
  settings_ = settings;
  limits_ = make_limits(settings);
}

void Detector::make_room(SeriesSlot slot) {
  QUELL_ASSERT(slot != kNoSlot, "a sample of a series that has a slot");
  while (slot_count() <= slot) {
    constexpr std::size_t kBytes = 2u << 20;
    static_assert(kBlocksPerChunk * sizeof(SeriesBlock) <= kBytes);
    void* memory = std::aligned_alloc(kBytes, kBytes);
    QUELL_ASSERT(memory != nullptr, "memory for 3,584 series");
    madvise(memory, kBytes, MADV_HUGEPAGE);  // A hint: fewer page walks with a million series.
    auto* blocks = static_cast<SeriesBlock*>(memory);
    for (std::size_t i = 0; i < kBlocksPerChunk; ++i) {
      new (blocks + i) SeriesBlock{};
      for (std::size_t lane = 0; lane < kLanes; ++lane) reset_lane(blocks[i], lane);
    }
    chunks_.push_back(Chunk(blocks));
  }
}

const SeriesBlock* Detector::find(SeriesSlot slot) const {
  if (slot >= slot_count()) return nullptr;
  const std::size_t index = slot / kLanes;
  return &chunks_[index / kBlocksPerChunk][index % kBlocksPerChunk];
}

// Brings the rows of a block together, in their order; most batches have them so already.
void Detector::sort_rows(std::span<const SeriesSlot> slots) {
  order_.clear();
  if (slots.empty()) return;
  SeriesSlot greatest = slots[0];
  bool is_sorted = true;
  for (std::size_t i = 1; i < slots.size(); ++i) {
    greatest = std::max(greatest, slots[i]);
    is_sorted = is_sorted && slots[i - 1] / kLanes <= slots[i] / kLanes;
  }
  make_room(greatest);
  if (is_sorted) return;
  order_.resize(slots.size());
  std::iota(order_.begin(), order_.end(), 0u);
  std::ranges::stable_sort(order_, {}, [&](std::uint32_t row) { return slots[row] / kLanes; });
}

void Detector::find_bins(std::int64_t ns, const Calendar& calendar) {
  if (ns == bins_.at_ns) return;
  bins_.at_ns = ns;
  const std::int64_t utc = (ns - positive_mod(ns, kSecond)) / kSecond;
  if (utc < stretch_.from || utc >= stretch_.until) stretch_ = calendar.stretch_at(utc);
  const std::int64_t local = utc + stretch_.offset;
  // Weeks begin on Monday: 1970-01-01 was a Thursday.
  for (std::size_t c = 0; c < kCycles; ++c) {
    const std::int64_t shift = c == static_cast<std::size_t>(Cycle::Week) ? 3 * 86'400 : 0;
    const std::int64_t second = positive_mod(local + shift, kCycleSeconds[c]);
    const std::int64_t bin_seconds = kCycleSeconds[c] / static_cast<std::int64_t>(kProfileBins);
    bins_.bin[c] = static_cast<std::uint8_t>(second / bin_seconds);
  }
  bins_.is_holiday = calendar.is_holiday(local);
}

// One sample for each of `lanes` (bits), which the step holds already but for the profile.
void Detector::run_step(SeriesBlock& block, std::uint32_t lanes, const Calendar& calendar) {
  std::array<std::uint8_t, kLanes> bins{};
  std::uint32_t frozen = 0;
  bool is_same = true;
  const auto first = static_cast<std::size_t>(std::countr_zero(lanes));
  for (std::uint32_t left = lanes; left != 0; left &= left - 1) {
    const auto lane = static_cast<std::size_t>(std::countr_zero(left));
    find_bins(step_.ns[lane], calendar);
    bins[lane] = bins_.bin[block.cycle[lane]];
    frozen |= static_cast<std::uint32_t>(bins_.is_holiday) << lane;
    is_same = is_same && bins[lane] == bins[first];
  }
  const KernelFunction run = std::popcount(lanes) <= kFewLanes ? run_few_ : run_;
  if (is_same && frozen == 0) {
    step_.usual = block.usual[bins[first]].data();
    step_.noise = block.noise[bins[first]].data();
    step_.usual_activity = block.usual_activity[bins[first]].data();
    run(block, step_, limits_);
    return;
  }
  alignas(64) Row<float> usual{};
  Row<std::uint16_t> noise{};
  Row<std::uint16_t> usual_activity{};
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    usual[lane] = block.usual[bins[lane]][lane];
    noise[lane] = block.noise[bins[lane]][lane];
    usual_activity[lane] = block.usual_activity[bins[lane]][lane];
  }
  step_.usual = usual.data();
  step_.noise = noise.data();
  step_.usual_activity = usual_activity.data();
  run(block, step_, limits_);
  for (std::uint32_t left = lanes & ~frozen; left != 0; left &= left - 1) {
    const auto lane = static_cast<std::size_t>(std::countr_zero(left));
    block.usual[bins[lane]][lane] = usual[lane];
    block.noise[bins[lane]][lane] = noise[lane];
    block.usual_activity[bins[lane]][lane] = usual_activity[lane];
  }
}

void Detector::put(std::size_t lane, std::size_t row, Observations& out) const {
  out.score[row] = step_.score[lane];
  out.expected[row] = step_.expected[lane];
  out.scale[row] = step_.scale[lane];
  out.fired[row] = step_.fired[lane];
  out.flags[row] = step_.flags[lane];
}

// Sixteen rows, one for each series of the block in order: what a scrape brings.
void Detector::run_whole_block(SeriesBlock& block, std::size_t from, const Columns& columns,
                               const Calendar& calendar, Observations& out) {
  step_.active.fill(-1);
  std::copy_n(columns.values.begin() + static_cast<std::ptrdiff_t>(from), kLanes,
              step_.value.begin());
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    step_.ns[lane] = columns.times[from + lane].time_since_epoch().count();
  }
  // The kernel jumps about in its block; meanwhile the next one comes as near as the second cache.
  const auto* next = reinterpret_cast<const char*>(&block + 1);
  for (std::size_t i = 0; i < sizeof(SeriesBlock); i += 64) __builtin_prefetch(next + i, 0, 2);
  run_step(block, (1u << kLanes) - 1, calendar);
  std::ranges::copy(step_.score, out.score.data() + from);
  std::ranges::copy(step_.expected, out.expected.data() + from);
  std::ranges::copy(step_.scale, out.scale.data() + from);
  std::ranges::copy(step_.fired, out.fired.data() + from);
  std::ranges::copy(step_.flags, out.flags.data() + from);
}

// Rows of one block, several of a series in their order: step n has the n-th of each.
void Detector::run_group(std::span<const SeriesSlot> slots, std::size_t from, std::size_t to,
                         const Columns& columns, const Calendar& calendar, Observations& out) {
  SeriesBlock& b = block(slots[row(from)] / kLanes);
  std::array<std::uint32_t, kLanes> count{};
  for (std::size_t i = from; i < to; ++i) ++count[slots[row(i)] % kLanes];
  std::array<std::uint32_t, kLanes> first{};
  std::exclusive_scan(count.begin(), count.end(), first.begin(), 0u);
  std::array<std::uint32_t, kLanes> at = first;
  lane_rows_.resize(to - from);
  for (std::size_t i = from; i < to; ++i) lane_rows_[at[slots[row(i)] % kLanes]++] = row(i);
  const std::uint32_t steps = *std::ranges::max_element(count);
  for (std::uint32_t step = 0; step < steps; ++step) {
    std::uint32_t lanes = 0;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const bool is_active = step < count[lane];
      step_.active[lane] = is_active ? -1 : 0;
      if (!is_active) continue;
      const std::uint32_t row = lane_rows_[first[lane] + step];
      step_.value[lane] = columns.values[row];
      step_.ns[lane] = columns.times[row].time_since_epoch().count();
      lanes |= 1u << lane;
    }
    run_step(b, lanes, calendar);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      if (step < count[lane]) put(lane, lane_rows_[first[lane] + step], out);
    }
    for (; step_.due != 0; step_.due &= step_.due - 1) {
      maintain_lane(b, static_cast<std::size_t>(std::countr_zero(step_.due)), settings_.finding_p);
    }
  }
}

void Detector::observe(std::span<const SeriesSlot> slots, std::span<const Timestamp> times,
                       std::span<const double> values, const Calendar& calendar,
                       Observations& out) {
  QUELL_ASSERT(slots.size() == times.size() && times.size() == values.size(),
               "columns of one length");
  out.resize(slots.size());
  sort_rows(slots);
  bins_.at_ns = INT64_MIN;  // The calendar may be another one.
  stretch_ = {};
  const Columns columns{times, values};
  for (std::size_t from = 0; from < slots.size();) {
    const SeriesSlot index = slots[row(from)] / kLanes;
    std::size_t to = from + 1;
    bool is_in_order = slots[row(from)] % kLanes == 0;
    for (; to < slots.size() && slots[row(to)] / kLanes == index; ++to) {
      is_in_order = is_in_order && slots[row(to)] % kLanes == to - from;
    }
    if (is_in_order && to - from == kLanes && order_.empty()) {
      SeriesBlock& b = block(index);
      run_whole_block(b, from, columns, calendar, out);
      for (; step_.due != 0; step_.due &= step_.due - 1) {
        maintain_lane(b, static_cast<std::size_t>(std::countr_zero(step_.due)),
                      settings_.finding_p);
      }
    } else {
      run_group(slots, from, to, columns, calendar, out);
    }
    from = to;
  }
}

void Detector::forget(SeriesSlot slot) {
  if (slot < slot_count()) reset_lane(block(slot / kLanes), slot % kLanes);
}

void Detector::turn(SeriesSlot slot, std::int64_t seconds) {
  if (slot < slot_count()) turn_lane(block(slot / kLanes), slot % kLanes, seconds);
}

SeriesModel Detector::model(SeriesSlot slot) const {
  SeriesModel model;
  const SeriesBlock* b = find(slot);
  if (b == nullptr) return model;
  const std::size_t lane = slot % kLanes;
  model.samples = static_cast<std::uint32_t>(b->samples[lane]);
  model.is_learning = b->samples[lane] < limits_.warmup_samples;
  model.is_unusual = b->calm[lane] != kClosed;
  model.cycle = static_cast<Cycle>(b->cycle[lane]);
  if (b->mean_scale[lane] > 0) {
    model.cycle_explains = std::clamp(1.0 - b->season_scale[lane] / b->mean_scale[lane], 0.0, 1.0);
  }
  model.interval_seconds = b->interval[lane];
  model.expected = static_cast<double>(b->base[lane]) + static_cast<double>(b->level[lane]);
  model.gain = 1 + static_cast<double>(b->gain[lane]) / kGainUnit;
  for (std::size_t k = 0; k < kHistogramComponents; ++k) {
    model.debt[k] = b->debt[k][lane];
  }
  return model;
}

double Detector::band(SeriesSlot slot, double coverage) const {
  const SeriesBlock* b = find(slot);
  if (b == nullptr) return 0;
  const auto& rows = b->histogram[static_cast<std::size_t>(Component::Season)];
  const double total = b->samples[slot % kLanes];
  const auto below_bin = [&](std::size_t q) -> double {
    if (q == 0) return 0;
    return q < kHistogramBins ? rows[histogram_row(q)][slot % kLanes] : total;
  };
  for (std::size_t q = 0; q < kHistogramBins; ++q) {
    const double below = below_bin(q);
    const double count = below_bin(q + 1) - below;
    // Bins are half octaves from 1/2: [0.5, 0.75), [0.75, 1), [1, 1.5), …; the first holds zeros.
    const double octave = std::ldexp(0.5, q == 0 ? 0 : static_cast<int>((q - 1) / 2));
    const double low = q <= 1 ? 0 : octave * (q % 2 == 1 ? 1 : 1.5);
    const double high = q == 0 ? 0 : octave * (q % 2 == 1 ? 1.5 : 2);
    if (below + count >= coverage * total && count > 0) {
      return low + (high - low) * (coverage * total - below) / count;
    }
  }
  return 0;
}

std::string Detector::save(SeriesSlot slot) const {
  std::string bytes;
  const SeriesBlock* b = find(slot);
  if (b == nullptr) return bytes;
  bytes.push_back(static_cast<char>(kStateVersion));
  for_each_row(*b, [&](const auto& row) {
    const auto value = row[slot % kLanes];
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  });
  const std::uint32_t sum = crc32c(bytes);
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return bytes;
}

Status Detector::load(SeriesSlot slot, std::string_view bytes) {
  SeriesBlock loaded{};  // Of which one lane is filled and read.
  const auto version = bytes.empty() ? kStateVersion : static_cast<std::uint8_t>(bytes[0]);
  if (version < 1 || version > kStateVersion) {
    return fail(Errc::Corrupt, fmt::format("model of a series: unknown version {}", version));
  }
  std::size_t size = 1 + sizeof(std::uint32_t);
  for_each_row(loaded, [&](auto& row) { size += sizeof row[0]; });
  if (version == 1) size -= sizeof loaded.gain[0] + sizeof loaded.opened[0];
  if (bytes.size() != size) {
    return fail(Errc::Corrupt,
                fmt::format("model of a series: {} bytes, expected {}", bytes.size(), size));
  }
  std::uint32_t sum = 0;
  std::memcpy(&sum, bytes.data() + size - sizeof sum, sizeof sum);
  if (sum != crc32c(bytes.substr(0, size - sizeof sum))) {
    return fail(Errc::Corrupt, "model of a series: the checksum does not fit");
  }
  std::string_view rest = bytes.substr(1, size - 1 - sizeof sum);
  const std::size_t lane = slot % kLanes;
  for_each_row(loaded, [&](auto& row) {
    if (rest.empty()) return;  // Of version 1.
    std::memcpy(&row[lane], rest.data(), sizeof row[0]);
    rest.remove_prefix(sizeof row[0]);
  });
  if (!is_sound(loaded, lane)) return fail(Errc::Corrupt, "model of a series: impossible numbers");
  make_room(slot);
  copy_lane(loaded, block(slot / kLanes), lane);
  return {};
}

void Detector::save_block(std::size_t block, std::string& out) const {
  const SeriesBlock* b = find(static_cast<SeriesSlot>(block * kLanes));
  QUELL_ASSERT(b != nullptr, "a block below slot_count()");
  out.append(reinterpret_cast<const char*>(b), sizeof *b);
}

Status Detector::load_block(std::size_t number, std::string_view bytes, std::uint32_t lanes) {
  if (bytes.size() != kBlockBytes && bytes.size() != kBlockBytesBeforeGain) {
    return fail(Errc::Corrupt, fmt::format("models of sixteen series: {} bytes, expected {}",
                                           bytes.size(), kBlockBytes));
  }
  SeriesBlock loaded{};
  std::memcpy(&loaded, bytes.data(), bytes.size());
  for (std::uint32_t left = lanes; left != 0; left &= left - 1) {
    const auto lane = static_cast<std::size_t>(std::countr_zero(left));
    if (!is_sound(loaded, lane)) {
      return fail(Errc::Corrupt, "models of sixteen series: impossible numbers");
    }
  }
  make_room(static_cast<SeriesSlot>(number * kLanes));
  SeriesBlock& b = block(number);
  if (lanes == (1u << kLanes) - 1) {
    b = loaded;
    return {};
  }
  for (std::uint32_t left = lanes; left != 0; left &= left - 1) {
    copy_lane(loaded, b, static_cast<std::size_t>(std::countr_zero(left)));
  }
  return {};
}

}  // namespace quell
