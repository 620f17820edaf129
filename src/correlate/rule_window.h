// RuleWindows: correlation rules from the configuration, and which alerts each has seen lately.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/matcher.h"
#include "correlate/group_index.h"
#include "model/alert.h"

namespace quell {

// Alerts that match, and agree in the `group_by` labels, are one incident once `threshold` of them
// began within `window`.
struct CorrelationRule {
  std::string name{};
  std::vector<Matcher> matchers{};
  // Label names; also `entity`, `severity`, `tenant`, `source`.
  std::vector<std::string> group_by{};
  Duration window = std::chrono::minutes(5);
  std::uint32_t threshold = 1;
  std::string title{};  // Empty: made from the rule's name and the labels.
};

// A rule that an alert matches, with the key of the alerts that it would be grouped with.
struct RuleMatch {
  const CorrelationRule* rule = nullptr;
  std::string key{};    // `rule:<name>{cluster="eu"}`
  std::string group{};  // `{cluster="eu"}`
};

// An alert counts for those that began while it fired, so that it does not matter whether word of
// its end has come already. Memory: one entry per firing and matching rule, until the window has
// passed.
class RuleWindows {
 public:
  void set_rules(std::vector<CorrelationRule> rules);
  const std::vector<CorrelationRule>& rules() const { return rules_; }

  std::vector<RuleMatch> match(const Alert& alert) const;

  // Takes the alert's present firing in, or brings its entry up to date.
  void add(const RuleMatch& match, const Alert& alert, bool settled);

  void remove(const RuleMatch& match, const Alert& alert);

  // `before` has ended and fires again. Its former firing counts until forget_former().
  void make_former(const RuleMatch& match, const Alert& before);
  // Of former firings, those that ended before `t`.
  void forget_former(Timestamp t);
  // Former firings: what else there is comes from the alerts.
  void snapshot(ByteWriter& out) const;
  void restore(ByteReader& in);

  // The alerts of the key that began within the window of `at` and had not ended by then, earliest
  // first.
  std::vector<AlertKey> near(const RuleMatch& match, std::string_view tenant, Timestamp at,
                             View view) const;

  // What began before `t` minus its rule's window counts no more. Its memory is freed now and then.
  void forget_before(Timestamp t);
  void clear() {
    seen_.clear();
    former_.clear();
  }

 private:
  struct Seen {
    Timestamp starts_at{};
    AlertKey alert{};
    auto operator<=>(const Seen&) const = default;
  };
  struct Firing {
    bool settled = false;
    bool former = false;
    Timestamp ends_at = Timestamp::max();
  };
  struct Window {
    Duration length{};
    std::map<Seen, Firing> alerts{};
  };

  struct Former {
    Timestamp ends_at{};
    std::string window{};
    Seen seen{};
    auto operator<=>(const Former&) const = default;
  };

  const Firing* find(const Former& former) const;

  std::vector<CorrelationRule> rules_;
  Timestamp counts_from_{};  // The last forget_before().
  Timestamp sweep_at_ = Timestamp::min();
  std::map<std::string, Window, std::less<>> seen_;  // By tenant and key.
  std::set<Former> former_;                          // Some may have become present ones again.
};

}  // namespace quell
