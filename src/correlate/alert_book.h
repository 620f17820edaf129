// AlertBook: the live alerts, with counts by status and severity.
#pragma once

#include <array>
#include <cstdint>

#include "model/alert.h"
#include "model/book.h"

namespace quell {

struct AlertCounts {
  std::array<std::uint64_t, 3> by_status{};           // Index: AlertStatus.
  std::array<std::uint64_t, 4> firing_by_severity{};  // Index: Severity.

  std::uint64_t of(AlertStatus s) const { return by_status[static_cast<std::size_t>(s)]; }
  void add(const Alert& alert, std::int64_t n) {
    by_status[static_cast<std::size_t>(alert.status)] += static_cast<std::uint64_t>(n);
    if (alert.firing()) {
      firing_by_severity[static_cast<std::size_t>(alert.severity)] += static_cast<std::uint64_t>(n);
    }
  }
};

// Invariant: counts() agrees with the alerts. Change alerts through edit() only.
class AlertBook : public Book<AlertKey, Alert, AlertKeyHash> {
 public:
  const AlertCounts& counts() const { return counts_; }

  Alert& add(Alert alert) {
    counts_.add(alert, 1);
    const AlertKey key = alert.key;
    return insert(key, std::move(alert));
  }

  // Runs f(Alert&), keeping the counts right. The alert becomes the newest.
  template <class F>
  const Alert& edit(const AlertKey& key, F&& f) {
    Alert& alert = change(key);
    counts_.add(alert, -1);
    f(alert);
    counts_.add(alert, 1);
    return alert;
  }

  void remove(const AlertKey& key) {
    if (const Alert* alert = find(key)) counts_.add(*alert, -1);
    erase(key);
  }

  void put_back(Alert alert) {
    counts_.add(alert, 1);
    const AlertKey key = alert.key;
    restore(key, std::move(alert));
  }

 private:
  AlertCounts counts_;
};

}  // namespace quell
