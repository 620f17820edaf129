// A bar on the terminal, a redrawn line; nothing where stderr is none.
#pragma once

#include <cstddef>
#include <string_view>

namespace quell {

// Thread: one. The line goes when it does.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Nothing while `all` is 0.
  void show(std::string_view part, std::size_t done, std::size_t all);

 private:
  const bool is_terminal_;
};

}  // namespace quell
