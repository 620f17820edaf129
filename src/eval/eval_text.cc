#include "eval/eval_text.h"

#include <fmt/format.h>

namespace quell {

std::string quantile_line(std::span<const double> sorted) {
  if (sorted.empty()) return "  nothing was found\n";
  std::string out = " ";
  for (const std::size_t percent : {10u, 25u, 50u, 75u, 90u}) {
    const std::size_t at = (sorted.size() - 1) * percent / 100;
    out += fmt::format(" {} % {:.2f}  ", percent, sorted[at]);
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + '\n';
}

}  // namespace quell
