#include "app/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"

namespace quell {

ProgressBar::ProgressBar() : is_terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() {
  if (is_terminal_) fmt::print(stderr, "\r\x1b[K");
}

void ProgressBar::show(std::string_view part, std::size_t done, std::size_t all) {
  if (!is_terminal_ || all == 0) return;
  constexpr std::size_t kWidth = 30;
  const std::size_t filled = std::min(kWidth, kWidth * done / all);
  fmt::print(stderr, "\r\x1b[K[{:#<{}}{:.<{}}] {}/{} {}", "", filled, "", kWidth - filled, done,
             all, printable(utf8_prefix(part, 40)));
  std::fflush(stderr);
}

}  // namespace quell
