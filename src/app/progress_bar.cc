#include "app/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/text.h"

namespace quell {
namespace {

constexpr std::size_t kWidth = 30;
constexpr std::size_t kSteps = 1000;  // That are told apart.
constexpr std::size_t kPartBytes = 40;

}  // namespace

ProgressBar::ProgressBar() : is_terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() {
  clear();
}

void ProgressBar::show(std::string_view part, std::size_t done, std::size_t all) {
  if (!is_terminal_ || all == 0) return;
  const std::size_t step = kSteps * std::min(done, all) / all;
  if (is_shown_ && step == step_ && part == part_) return;
  part_ = part;
  step_ = step;
  const std::size_t filled = kWidth * step / kSteps;
  draw(fmt::format("[{:#<{}}{:.<{}}] {}/{} {}", "", filled, "", kWidth - filled, done, all,
                   printable(utf8_prefix(part, kPartBytes))));
}

void ProgressBar::count(std::size_t done, std::string_view what) {
  if (is_terminal_) draw(fmt::format("{} {}", done, what));
}

void ProgressBar::clear() {
  if (!std::exchange(is_shown_, false)) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

void ProgressBar::draw(const std::string& line) {
  is_shown_ = true;
  fmt::print(stderr, "\r\x1b[K{}", line);
  std::fflush(stderr);
}

}  // namespace quell
