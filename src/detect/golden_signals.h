// Golden signals: metrics that everybody reads first, because they say directly how loaded, full or
// broken something is.
//
// Most of the hundreds of series of a machine say nothing of the kind, and yet one of them is far
// away at any time. So golden signals are judged among themselves, too, which is a weighting of
// hypotheses by what was known before (Genovese, Roeder & Wasserman, "False discovery control with
// p-value weighting", Biometrika 2006), except that the chance of all others stays as it is. Which
// they are: utilization, saturation and lasting errors of a resource (B. Gregg's USE method;
// Google's SRE book, chapter 6), not counters of single events, which no sample stays away by.
#pragma once

#include <cstdint>

#include "model/series.h"

namespace quell {

using GoldenSignal = std::uint8_t;  // Which one it is, counted from 1; 0: none.

// By name, as node_exporter, windows_exporter, blackbox_exporter, cAdvisor, the kubelet,
// kube-state-metrics, OpenTelemetry's host, kubelet and cluster receivers, Telegraf, Prometheus and
// Quell's agents give it. Thread: any. Cost: a search among some seventy names.
GoldenSignal golden_signal_of(const Series& series);

}  // namespace quell
