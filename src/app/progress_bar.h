// A bar, or a count, on the terminal: a redrawn line; nothing where stderr is none.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace quell {

// Thread: one. The line goes when it does.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Nothing while `all` is 0. Cost: none for calls that would hardly change what is seen.
  void show(std::string_view part, std::size_t done, std::size_t all);
  // Where nobody knows how much there will be: `1234 events read`.
  void count(std::size_t done, std::string_view what);
  // The line is free for something else.
  void clear();

 private:
  void draw(const std::string& line);

  const bool is_terminal_;
  std::string part_{};    // That a bar shows,
  std::size_t step_ = 0;  // and how far it is.
  bool is_shown_ = false;
};

}  // namespace quell
