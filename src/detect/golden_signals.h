// Golden signals: metrics that everybody reads first, because they say directly how loaded, full or
// broken something is.
//
// Most of the hundreds of series of a machine say nothing of the kind, and yet one of them is far
// away at any time. So golden signals are judged among themselves, not among all: a weighting of
// hypotheses by what was known before (Genovese, Roeder & Wasserman, "False discovery control with
// p-value weighting", Biometrika 2006). Which they are: utilization, saturation and errors of a
// resource (B. Gregg's USE method; Google's SRE book, chapter 6).
#pragma once

#include "model/series.h"

namespace quell {

// By name, as node_exporter, windows_exporter, kubelet and cAdvisor, OpenTelemetry's host receiver,
// Telegraf and Prometheus itself give it. Thread: any. Cost: a search among some fifty names.
bool is_golden_signal(const Series& series);

}  // namespace quell
