// How findings begin, grow and end.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <tuple>

#include "base/time.h"
#include "detect/calibration.h"
#include "detect/finding_title.h"
#include "detect/finding_tracker.h"
#include "detect/sample_order.h"

namespace quell {
namespace {

// So large a share of an entity's series is in an episode at any time (of ten samples or more that
// begin once in 1 / series_p samples).
constexpr double kUsualShare = 0.04;
// Series of one entity move together: so many count as one.
constexpr double kSeriesPerCause = 2;
constexpr std::uint32_t kBroadSeries = 4;
constexpr std::uint32_t kBroadMetrics = 3;
// An error, which opens an incident, must have lasted: so long, or so many samples.
constexpr Duration kErrorAfter = std::chrono::seconds(60);
constexpr std::uint32_t kErrorSamples = 60;
// Or so many metrics stand far away since the same minute, known well or not: what wanders there
// does not begin at once.
constexpr Duration kAtOnce = std::chrono::seconds(60);
constexpr std::uint32_t kStandingMetrics = 5;
// So many of the most unusual metrics are looked at together, each number of them with a chance of
// its own.
constexpr std::size_t kTogetherMax = 16;
constexpr double kTogetherTries = 4;
// Golden signals have a chance of their own beside all others, half as large.
constexpr double kFamilies = 2;
// A metric's series, of processors and their modes, move together: more count as this many.
constexpr std::uint32_t kGoldenOfMetric = 8;
// So many are told first, of different metrics or entities.
constexpr std::size_t kGoldenFirst = 16;

// The chance that `count` of `of` are in an episode, or more (Chernoff's bound).
double breadth_p(std::uint32_t count, std::uint32_t of) {
  const double share = std::min(1.0, static_cast<double>(count) / static_cast<double>(of));
  if (share <= kUsualShare) return 1;
  double distance = share * std::log(share / kUsualShare);
  if (share < 1) distance += (1 - share) * std::log((1 - share) / (1 - kUsualShare));
  return std::exp(-static_cast<double>(of) / kSeriesPerCause * distance);
}

using MetricScore = std::pair<std::uint64_t, double>;

// Keeps the highest score of each metric, the highest first.
void keep_highest(std::vector<MetricScore>& metrics) {
  std::ranges::sort(metrics, [](const MetricScore& a, const MetricScore& b) {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  });
  const auto rest = std::ranges::unique(metrics, {}, &MetricScore::first);
  metrics.erase(rest.begin(), rest.end());
  std::ranges::sort(metrics, std::ranges::greater(), &MetricScore::second);
}

// The most metrics that begin within kAtOnce.
std::uint32_t count_at_once(std::vector<std::pair<Timestamp, std::uint64_t>>& onsets) {
  std::ranges::sort(onsets);
  std::unordered_map<std::uint64_t, std::uint32_t> within;
  std::size_t most = 0;
  for (std::size_t from = 0, to = 0; to < onsets.size(); ++to) {
    ++within[onsets[to].second];
    for (; onsets[to].first - onsets[from].first > kAtOnce; ++from) {
      const auto out = within.find(onsets[from].second);
      if (--out->second == 0) within.erase(out);
    }
    most = std::max(most, within.size());
  }
  return static_cast<std::uint32_t>(most);
}

// The chance that so many metrics are as unusual at once as the least of them, of so many series:
// a Poisson tail, of half as many because what is one entity's moves together.
double together_p(double p, std::size_t count, std::uint32_t of) {
  const double mean = p * of;
  if (mean >= 1) return 1;
  const double independent = (static_cast<double>(count) + 1) / 2;
  int sign = 0;  // std::lgamma() keeps it in a global variable.
  return kTogetherTries * std::exp(independent * std::log(mean) - lgamma_r(independent + 1, &sign));
}

// The least of it for the first two, three, … metrics, and how many those are; 1 and none.
std::pair<double, std::uint32_t> together_p(std::span<const MetricScore> metrics,
                                            std::uint32_t of) {
  std::pair<double, std::uint32_t> least{1, 0};
  for (std::size_t i = 1; i < std::min(metrics.size(), kTogetherMax); ++i) {
    const double p = together_p(score_to_p(metrics[i].second), i + 1, of);
    if (p < least.first) least = {p, static_cast<std::uint32_t>(i + 1)};
  }
  return least;
}

std::uint32_t count_different(std::vector<std::uint64_t>& values) {
  std::ranges::sort(values);
  const auto rest = std::ranges::unique(values);
  return static_cast<std::uint32_t>(rest.begin() - values.begin());
}

bool is_more_telling(const FindingSignal& a, const FindingSignal& b) {
  if (a.is_named() != b.is_named()) return a.is_named();  // Somebody asked for it.
  if (a.score != b.score) return a.score > b.score;
  if (a.series->id != b.series->id) return a.series->id < b.series->id;
  return a.onset < b.onset;
}

// Behind what rules found, the best golden signal of each metric of an entity, then the rest.
// Requires: the most telling first.
void put_golden_first(std::vector<FindingSignal>& signals) {
  std::vector<FindingSignal> ordered;
  std::vector<FindingSignal> rest;
  std::set<std::string> led;
  for (FindingSignal& signal : signals) {
    const Series& series = *signal.series;
    const auto leads = [&] {
      return signal.is_golden && led.size() < kGoldenFirst &&
             led.insert(entity_key(series, entity_of(series)) + std::string(series.metric()))
                 .second;
    };
    (signal.is_named() || leads() ? ordered : rest).push_back(std::move(signal));
  }
  std::ranges::move(rest, std::back_inserter(ordered));
  signals = std::move(ordered);
}

// The most telling signal of each series, at most `limit`.
void keep_best(std::vector<FindingSignal>& signals, std::size_t limit) {
  std::ranges::sort(signals, is_more_telling);
  std::vector<FindingSignal> best;
  std::unordered_map<std::uint64_t, std::size_t> places;  // By series.
  for (FindingSignal& signal : signals) {
    const auto [place, is_new] = places.try_emplace(signal.series->id.low, best.size());
    if (is_new) {
      best.push_back(std::move(signal));
    } else {
      best[place->second].is_golden |= signal.is_golden;
    }
  }
  put_golden_first(best);
  best.resize(std::min(best.size(), limit));
  signals = std::move(best);
}

// As keep_best() of `signals`, which are the best ones, and one more.
void keep_if_best(std::vector<FindingSignal>& signals, const FindingSignal& one,
                  std::size_t limit) {
  const auto same = std::ranges::find_if(
      signals, [&](const FindingSignal& s) { return s.series->id == one.series->id; });
  if (same != signals.end()) {
    const bool is_golden = same->is_golden || one.is_golden;
    if (is_more_telling(one, *same)) *same = one;
    same->is_golden = is_golden;
  } else {
    const bool is_last =
        !one.is_golden && !signals.empty() && !is_more_telling(one, signals.back());
    if (signals.size() == limit && is_last) return;
    signals.push_back(one);
  }
  std::ranges::sort(signals, is_more_telling);
  put_golden_first(signals);
  if (signals.size() > limit) signals.pop_back();
}

}  // namespace

// ---------------------------------------------------------------------------------------------
// Evidence.

FindingTracker::Evidence FindingTracker::weigh(const EntityState& entity,
                                               const SeriesTable& table) {
  Evidence evidence{.of = std::max(entity.series, 1u)};
  Timestamp latest = Timestamp::min();
  for (std::uint32_t n = entity.first; n != kNone; n = episodes_[n].next) {
    const bool is_auto = episodes_[n].kind == NamedDetectorKind::Auto;
    if (episodes_[n].counts && is_auto) latest = std::max(latest, episodes_[n].signal.onset);
  }
  metrics_.clear();
  golden_.clear();
  onsets_.clear();
  std::vector<std::uint64_t>& mature = mature_metrics_;
  mature.clear();
  double best = 0;
  Timestamp onset = Timestamp::max();
  Timestamp last = Timestamp::min();
  for (std::uint32_t n = entity.first; n != kNone; n = episodes_[n].next) {
    const Episode& episode = episodes_[n];
    ++weighed_;
    if (!episode.counts) continue;
    if (episode.kind != NamedDetectorKind::Auto) {
      weigh_by_rule(episode, evidence);
      continue;
    }
    if (latest - episode.signal.onset > kTogether) continue;
    ++evidence.series;
    const bool stands = episode.standing.stands();
    metrics_.emplace_back(episode.metric, stands ? p_to_score(episode.standing.p()) : 0);
    if (stands) onsets_.emplace_back(episode.signal.onset, episode.metric);
    if (stands && golden_of_[episode.slot] != 0) golden_.push_back(metrics_.back());
    if (episode.is_mature) mature.push_back(episode.metric);
    evidence.samples = std::max(evidence.samples, episode.signal.samples);
    best = std::max(best, episode.signal.score);
    onset = std::min(onset, episode.signal.onset);
    last = std::max(last, episode.signal.last_time);
    const DetectionRule& rule = rule_of(episode.slot, table);
    if (rule.severity) evidence.demanded = std::max(evidence.demanded, rule.severity);
  }
  if (evidence.series == 0) return evidence;
  evidence.lasted = last - onset;
  keep_highest(metrics_);
  evidence.metrics = static_cast<std::uint32_t>(metrics_.size());
  evidence.standing = count_at_once(onsets_);
  evidence.mature_metrics = count_different(mature);
  evidence.best_p = std::min(1.0, score_to_p(best) * evidence.of);
  if (evidence.series >= kBroadSeries && evidence.metrics >= kBroadMetrics) {
    evidence.breadth_p = breadth_p(evidence.series, evidence.of);
  }
  const auto [together, count] = together_p(metrics_, evidence.of);
  evidence.together_p = together;
  evidence.together = count;
  if (!golden_.empty()) {
    keep_highest(golden_);
    std::uint32_t of = 0;
    for (const auto& [signal, series] : entity.golden) of += std::min(series, kGoldenOfMetric);
    const double best_golden = score_to_p(golden_.front().second) * of;
    evidence.golden_p =
        std::min(1.0, kFamilies * std::min(best_golden, together_p(golden_, of).first));
    evidence.golden = static_cast<std::uint32_t>(golden_.size());
  }
  evidence.p = std::max(1e-30, std::min(evidence.among_all_p(), evidence.golden_p));
  return evidence;
}

void FindingTracker::weigh_by_rule(const Episode& episode, Evidence& evidence) {
  ++evidence.by_rules;
  const auto rank = [](const Episode& e) {
    return std::tuple(e.severity.value_or(Severity::Warning), e.signal.score, ~e.slot);
  };
  const auto telling = [](const Episode& e) { return std::pair(e.signal.score, ~e.slot); };
  if (evidence.severest == nullptr || rank(episode) > rank(*evidence.severest)) {
    evidence.severest = &episode;
  }
  if (evidence.told == nullptr || telling(episode) > telling(*evidence.told)) {
    evidence.told = &episode;
  }
  evidence.demanded = std::max(evidence.demanded, std::optional(std::get<0>(rank(episode))));
}

bool FindingTracker::is_finding(const Evidence& evidence) const {
  if (evidence.by_rules > 0) return true;
  if (evidence.series == 0) return false;
  // A series that a rule names need not be rare among all others.
  const double alone = evidence.best_p / evidence.of;
  return evidence.p <= options_.finding_p || (evidence.demanded && alone <= options_.finding_p);
}

bool FindingTracker::is_known_error(const Evidence& evidence) const {
  return evidence.mature_metrics >= kBroadMetrics &&
         std::min(evidence.best_p, evidence.breadth_p) <= options_.incident_p;
}

Severity FindingTracker::severity_of(const Evidence& evidence) const {
  const bool has_lasted = evidence.lasted >= kErrorAfter || evidence.samples >= kErrorSamples;
  // Known for long and rarer than that; or, known or not, far away in many ways and staying there.
  const bool is_broad =
      evidence.standing >= kStandingMetrics && evidence.among_all_p() <= options_.finding_p;
  const bool is_error = has_lasted && (is_known_error(evidence) || is_broad);
  const Severity severity = is_error ? Severity::Error : Severity::Warning;
  if (evidence.series == 0 && evidence.demanded) return *evidence.demanded;
  return evidence.demanded ? std::max(severity, *evidence.demanded) : severity;
}

// False only where severity_of(weigh()) is not above what the finding has.
bool FindingTracker::may_become_worse(const EntityState& entity, const Finding& finding) const {
  if (finding.severity < std::max(demanded_max_, Severity::Warning)) return true;
  if (finding.severity >= Severity::Error) return false;
  const bool may_have_lasted =
      entity.samples >= kErrorSamples ||
      ns_between(entity.earliest, entity.latest) >= static_cast<double>(kErrorAfter.count());
  return may_have_lasted && open_.at(finding.id).metrics.size() >= kBroadMetrics;
}

// ---------------------------------------------------------------------------------------------
// Beginning and growing.

void FindingTracker::settle(const SeriesTable& table, Timestamp now,
                            std::vector<FindingNews>& news) {
  const auto first = static_cast<std::ptrdiff_t>(news.size());
  const auto is_told = [&](FindingId id) {  // A storm has news of many entities at once.
    return std::any_of(news.begin() + first, news.end(),
                       [&](const FindingNews& one) { return one.id == id; });
  };
  for (const std::uint32_t number : touched_) {
    EntityState& entity = entities_[number];
    entity.touched = false;
    Evidence evidence;
    const bool is_new = entity.finding == 0;
    if (is_new) {
      evidence = weigh(entity, table);
      if (!is_finding(evidence)) {
        release(number);
        continue;
      }
      const FindingId storm = find_storm(entity, now);
      entity.finding = storm != 0 ? storm : begin(entity, now);
      open_[entity.finding].entities.insert(entity.key);
    }
    take_in(entity, entity.finding, table);
    OpenFinding& open = open_[entity.finding];
    open.last_news = now;
    const Finding& finding = *findings_.find(entity.finding);
    // What grows fast, as a storm does, is shown so at once.
    const bool has_grown = open.series.size() >= 2 * std::size_t{finding.series_count};
    const bool is_due = has_grown || now - open.refreshed_at >= kRefreshEvery;
    const bool begins = finding.signals.empty();
    const bool has_word = std::ranges::any_of(
        taken_, [&](std::uint32_t n) { return episodes_[n].signal.is_named(); });
    const bool has_news = begins || is_due || has_word;
    if (!has_news && !may_become_worse(entity, finding)) {
      note_rules(entity.finding, table, now);
      continue;
    }
    if (!is_new) evidence = weigh(entity, table);
    const Severity severity = std::max(finding.severity, severity_of(evidence));
    if (has_news || severity > finding.severity) {
      const bool has_members = open.series.size() > finding.series_count;
      const bool is_other = begins || has_word || has_members || severity > finding.severity;
      refresh(entity.finding, table, now);
      tell(entity.finding, evidence, severity, now);
      if (must_tell(open, is_other, now) && !is_told(entity.finding)) {
        news.push_back({.id = entity.finding});
      }
    }
    note_rules(entity.finding, table, now);
  }
  touched_.clear();
}

bool FindingTracker::must_tell(OpenFinding& open, bool is_new, Timestamp now) {
  if (!is_new && now - open.told_at < open.tell_after) return false;
  open.tell_after = is_new ? kRefreshEvery : std::min(2 * open.tell_after, kTellMost);
  open.told_at = now;
  return true;
}

FindingId FindingTracker::begin(const EntityState& entity, Timestamp now) {
  Finding finding;
  finding.id = ++last_id_;
  finding.tenant = entity.tenant;
  finding.entity = entity.entity;
  finding.onset = Timestamp::max();
  finding.last_time = Timestamp::min();
  finding.detected_at = now;
  finding.severity = Severity::Info;
  begun_[entity.tenant].push_back(now);
  open_[finding.id] = {.refreshed_at = now};
  const FindingId id = finding.id;
  findings_.insert(id, std::move(finding));
  return id;
}

// After kStormFindings within kStormWindow, one more takes in all others that come while it lasts.
FindingId FindingTracker::find_storm(const EntityState& entity, Timestamp now) {
  for (const auto& [id, open] : open_) {
    if (open.is_storm && findings_.find(id)->tenant == entity.tenant) return id;
  }
  std::deque<Timestamp>& begun = begun_[entity.tenant];
  while (!begun.empty() && now - begun.front() > kStormWindow) begun.pop_front();
  if (begun.size() < kStormFindings) return 0;
  const FindingId id = begin({.tenant = entity.tenant}, now);
  open_[id].is_storm = true;
  findings_.edit(id, [](Finding& f) { f.is_storm = true; });
  return id;
}

// Episodes of the entity that count, and are in no finding yet.
void FindingTracker::take_in(EntityState& entity, FindingId id, const SeriesTable& table) {
  OpenFinding& open = open_[id];
  taken_.clear();
  for (const std::uint32_t n : entity.fresh) {
    Episode& episode = episodes_[n];
    episode.is_fresh = false;
    episode.finding = id;
    ++open.lasting;
    open.series.insert(table.series(episode.slot)->id.low);
    ++open.metrics[episode.metric];
    taken_.push_back(n);
  }
  entity.fresh.clear();
  if (open.series.size() > findings_.find(id)->series_count) grown_.insert(id);
  std::ranges::sort(taken_, [&](std::uint32_t a, std::uint32_t b) {
    const bool by_rule = episodes_[a].signal.is_named();
    if (by_rule != episodes_[b].signal.is_named()) return by_rule;
    const bool is_golden = episodes_[a].signal.is_golden;
    if (is_golden != episodes_[b].signal.is_golden) return is_golden;
    const double x = episodes_[a].signal.score, y = episodes_[b].signal.score;
    if (x != y) return x > y;
    return table.series(episodes_[a].slot)->id < table.series(episodes_[b].slot)->id;
  });
  for (const std::uint32_t n : taken_) {
    if (open.charted == kCharted) return;
    ++open.charted;
    Episode& episode = episodes_[n];
    episode.is_charted = true;
    episode.signal.add_point(episode.signal.peak, ++episode.charted);
  }
}

// What rules say of the series that are new in the finding, and why they were silent until now.
void FindingTracker::note_rules(FindingId id, const SeriesTable& table, Timestamp now) {
  constexpr std::size_t kNoted = 5;
  std::size_t noted = 0;
  for (const std::uint32_t n : taken_) {
    const FindingSignal& signal = episodes_[n].signal;
    if (signal.rule == nullptr || ++noted > kNoted) continue;
    const SignalRule& rule = *signal.rule;
    std::string text = fmt::format("rule '{}' ({}), {}", rule.name, rule.detector,
                                   table.series(episodes_[n].slot)->labels.to_string());
    if (!rule.text.empty()) text += ": " + rule.text;
    if (!rule.held.empty()) text += "; held until now: " + rule.held;
    findings_.edit(id, [&](Finding& f) { f.add_note(now, std::move(text)); });
  }
}

// What rules say comes first, in the words of the title; what Tier 0 adds is in the signals.
std::string FindingTracker::why_of(const Finding& finding, const Evidence& evidence,
                                   Severity severity) const {
  if (evidence.told != nullptr && !finding.signals.empty() && finding.signals[0].is_named()) {
    const FindingSignal& top = finding.signals[0];
    std::string why = fmt::format("rule '{}' (detector {}): {} {}", top.rule->name,
                                  top.rule->detector, top.series->metric(), top.rule->text);
    if (finding.series_count > 1) why += fmt::format("; {} more series", finding.series_count - 1);
    const Severity usual = evidence.told->severity.value_or(Severity::Warning);
    if (evidence.severest->severity > usual && evidence.severest->severity == severity) {
      why += fmt::format("; rule '{}' says {}", evidence.severest->signal.rule->name,
                         severity_name(severity));
    }
    return why;
  }
  if (evidence.demanded && evidence.p > options_.finding_p) return "a detection rule asks for it";
  if (evidence.golden_p < evidence.among_all_p()) {
    return fmt::format(
        "golden signals, which say directly how loaded, full or broken something is, stay far away "
        "(metrics: {}; chance: p = {:.1e})",
        evidence.golden, evidence.golden_p);
  }
  if (evidence.together_p < std::min(evidence.best_p, evidence.breadth_p)) {
    return fmt::format(
        "{} metrics are far off together, of {} series that there are (chance: p = {:.1e})",
        evidence.together, evidence.of, evidence.p);
  }
  if (evidence.breadth_p < evidence.best_p) {
    return fmt::format(
        "{} series of {} metrics are unusual at once, of {} that there are (chance: p = {:.1e})",
        evidence.series, evidence.metrics, evidence.of, evidence.p);
  }
  return fmt::format(
      "the most unusual of {} series is so far off that chance makes one such with p = {:.1e}",
      evidence.of, evidence.p);
}

// Says why the finding is one, and how bad it is. Requires: refresh() came before.
void FindingTracker::tell(FindingId id, const Evidence& evidence, Severity severity,
                          Timestamp now) {
  findings_.edit(id, [&](Finding& f) {
    const bool is_first = f.why.empty();
    const bool is_worse = severity > f.severity;
    f.p = std::min(f.p, evidence.p);
    f.entity_series = std::max(f.entity_series, evidence.of);
    f.severity = severity;
    if (!is_first && !is_worse) return;
    std::string why = why_of(f, evidence, severity);
    if (severity >= Severity::Error && evidence.demanded != severity) {
      const std::string reason =
          is_known_error(evidence)
              ? fmt::format("p is below {:.0e}", options_.incident_p)
              : fmt::format("{} began within a minute to stand far away", evidence.standing);
      why += fmt::format("; {} metrics for {}, and {}: an error", evidence.metrics,
                         format_duration(std::chrono::floor<std::chrono::seconds>(evidence.lasted)),
                         reason);
    }
    f.add_note(now, (is_first ? "began: " : "became worse: ") + why);
    f.why = std::move(why);
  });
}

std::vector<FindingSignal> FindingTracker::signals_of(FindingId id,
                                                      const SeriesTable& table) const {
  const OpenFinding& open = open_.at(id);
  std::vector<FindingSignal> signals = open.over;
  for (const std::string& key : open.entities) {
    const auto number = entity_numbers_.find(key);
    if (number == entity_numbers_.end()) continue;
    for (std::uint32_t n = entities_[number->second].first; n != kNone; n = episodes_[n].next) {
      if (episodes_[n].finding != id) continue;
      signals.push_back(episodes_[n].signal);
      signals.back().series = table.series(episodes_[n].slot);
    }
  }
  return signals;
}

void FindingTracker::refresh(FindingId id, const SeriesTable& table, Timestamp now) {
  OpenFinding& open = open_[id];
  std::vector<FindingSignal> signals = signals_of(id, table);
  keep_best(signals, Finding::kSignalsListed);
  open.refreshed_at = now;
  grown_.erase(id);
  findings_.edit(id, [&](Finding& f) {
    for (const FindingSignal& s : signals) {
      f.onset = std::min(f.onset, s.onset);
      f.last_time = std::max(f.last_time, s.last_time);
    }
    f.signals = std::move(signals);
    f.series_count = std::max(f.series_count, static_cast<std::uint32_t>(open.series.size()));
    f.metric_count = static_cast<std::uint32_t>(open.metrics.size());
    f.entities = static_cast<std::uint32_t>(open.entities.size());
    f.updated_at = now;
    f.title = title_of_finding(f);
  });
}

Timestamp FindingTracker::growth_due(FindingId id) const {
  const OpenFinding& open = open_.at(id);
  const std::size_t shown = findings_.find(id)->series_count;
  const bool is_much = open.series.size() - shown >= (shown + 7) / 8;
  return open.refreshed_at + (is_much ? kGrowthShown : kRefreshEvery);
}

// Of findings whose entities bring nothing new any more, too: a storm's last series.
void FindingTracker::show_growth(Timestamp now, const SeriesTable& table,
                                 std::vector<FindingNews>& news) {
  std::vector<FindingId> due;
  std::ranges::copy_if(grown_, std::back_inserter(due),
                       [&](FindingId id) { return growth_due(id) <= now; });
  for (const FindingId id : due) {
    OpenFinding& open = open_[id];
    refresh(id, table, now);
    const auto number = entity_numbers_.find(*open.entities.begin());
    if (open.entities.size() == 1 && number != entity_numbers_.end()) {
      const Evidence evidence = weigh(entities_[number->second], table);
      tell(id, evidence, std::max(findings_.find(id)->severity, severity_of(evidence)), now);
    }
    (void)must_tell(open, true, now);
    news.push_back({.id = id});
  }
}

// ---------------------------------------------------------------------------------------------
// Ending.

// The episode is over: its finding keeps what it said.
void FindingTracker::give_back(Episode& episode, const SeriesTable& table) {
  OpenFinding& open = open_[episode.finding];
  --open.lasting;
  open.last_news = std::max(open.last_news, episode.last_arrival);
  episode.signal.series = table.series(episode.slot);
  keep_if_best(open.over, episode.signal, Finding::kSignalsListed);
}

void FindingTracker::end_calm_ones(Timestamp now, const SeriesTable& table,
                                   std::vector<FindingNews>& news) {
  for (auto at = open_.begin(); at != open_.end();) {
    const FindingId id = at->first;
    if (at->second.lasting > 0 || now - at->second.last_news < kLinger) {
      ++at;
      continue;
    }
    refresh(id, table, now);
    for (const std::string& key : at->second.entities) {
      const auto number = entity_numbers_.find(key);
      if (number == entity_numbers_.end()) continue;
      const std::uint32_t entity = number->second;
      entities_[entity].finding = 0;
      release(entity);
    }
    findings_.edit(id, [&](Finding& f) {
      f.status = FindingStatus::Ended;
      f.ended_at = f.last_time;
      f.add_note(now, "ended: its series are as usual again");
    });
    ended_.insert(id);
    news.push_back({.id = id, .ended = true});
    at = open_.erase(at);
  }
  drop_old();
}

void FindingTracker::drop_old() {
  while (ended_.size() > kFindingsKept) {
    findings_.remove(*ended_.begin());
    ended_.erase(ended_.begin());
  }
}

// ---------------------------------------------------------------------------------------------
// What people say.

void FindingTracker::set_alert(FindingId id, Fingerprint alert) {
  if (findings_.find(id)->alert == alert) return;
  findings_.edit(id, [&](Finding& f) { f.alert = alert; });
}

Result<std::string> FindingTracker::give_feedback(FindingId id, Feedback feedback,
                                                  std::string_view actor, Timestamp now) {
  const Finding* finding = findings_.find(id);
  if (finding == nullptr) {
    return fail(Errc::NotFound, fmt::format("there is no finding {}", format_finding_id(id)));
  }
  constexpr double kMore = 1.25;
  std::set<std::pair<std::string, std::uint64_t>> seen;
  std::size_t changed = 0;
  double highest = 0;
  for (const FindingSignal& s : finding->signals) {
    const std::pair key{entity_key(*s.series, entity_of(*s.series)),
                        bar_of(hash64(s.series->metric()), s)};
    const bool is_new = seen.insert(key).second;
    if (feedback == Feedback::Useful) {
      changed += bars_.erase(key);
      continue;
    }
    if (bars_.size() >= kBarsMax && !bars_.contains(key)) continue;
    double& bar = bars_[key];
    bar = std::max(bar, s.score * kMore);
    highest = std::max(highest, bar);
    changed += is_new ? 1 : 0;
  }
  std::string effect =
      feedback == Feedback::Noise
          ? fmt::format(
                "{} metric{} must deviate a quarter more than here before counting again "
                "(scores up to {:.3g})",
                changed, changed == 1 ? "" : "s", highest)
          : fmt::format("demands on {} metric{} were taken back", changed, changed == 1 ? "" : "s");
  if (feedback == Feedback::Useful && changed == 0) {
    effect = "nothing was demanded of these metrics";
  }
  findings_.edit(id, [&](Finding& f) {
    f.feedback = feedback;
    f.updated_at = now;
    f.add_note(now, fmt::format("{} says {}: {}", actor, feedback_name(feedback), effect));
  });
  return effect;
}

}  // namespace quell
