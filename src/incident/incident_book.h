// IncidentBook: the live incidents (active, and the recently resolved or closed ones).
#pragma once

#include <array>
#include <cstdint>

#include "base/hash.h"
#include "model/book.h"
#include "model/incident.h"

namespace quell {

struct IncidentIdHash {
  std::size_t operator()(IncidentId id) const { return id * 0x9e3779b97f4a7c15ull; }
};

// Invariant: counts agree with the incidents; every change goes through append() (lifecycle.h).
class IncidentBook : public Book<IncidentId, Incident, IncidentIdHash> {
 public:
  std::uint64_t count(IncidentStatus status) const {
    return by_status_[static_cast<std::size_t>(status)];
  }
  IncidentId last_id() const { return last_id_; }

  // A new incident with the next id; its `opened` event is still to be appended.
  Incident& add(Incident incident) {
    incident.id = ++last_id_;
    ++by_status_[static_cast<std::size_t>(incident.status)];
    const IncidentId id = incident.id;
    return insert(id, std::move(incident));
  }

  template <class F>
  const Incident& edit(IncidentId id, F&& f) {
    Incident& incident = change(id);
    --by_status_[static_cast<std::size_t>(incident.status)];
    f(incident);
    ++by_status_[static_cast<std::size_t>(incident.status)];
    return incident;
  }

  void remove(IncidentId id) {
    if (const Incident* incident = find(id)) {
      --by_status_[static_cast<std::size_t>(incident->status)];
    }
    erase(id);
  }

  void put_back(Incident incident) {
    ++by_status_[static_cast<std::size_t>(incident.status)];
    const IncidentId id = incident.id;
    restore(id, std::move(incident));
  }
  void set_last_id(IncidentId id) { last_id_ = id; }

 private:
  std::array<std::uint64_t, 6> by_status_{};
  IncidentId last_id_ = 0;
};

}  // namespace quell
