#!/usr/bin/env python3
"""The pipeline that Quell is measured beside: Python, as it is commonly taught.

    bench/python_peer.py speed [--seconds 20]
    bench/python_peer.py nab DIRECTORY [--every 200] [--detector forest|gaussian] [--folder NAME]

A dictionary holds the last values of every series; for a decision about a new value, scikit-learn's
isolation forest is fitted to the history of its series and asked. `speed` measures that, and the
gentler form which fits only with every hundredth value of a series. `nab` scores it on the Numenta
Anomaly Benchmark as `quell eval nab` does; as a fit for each of 365,558 rows would take a day there,
a forest is fitted every `--every` rows and scores the rows until the next. `--detector gaussian` is
NAB's own Windowed Gaussian, to check the scoring: 39.6 is published, 40.1 comes out, because here
every threshold is tried.

Prints JSON. Needs python3-sklearn. bench/run.py --only python calls it.
"""

import argparse
import bisect
import collections
import csv
import datetime
import json
import math
import pathlib
import random
import sys
import time

HISTORY = 300    # Values of each series that are kept,
TREES = 100      # and trees of a forest: scikit-learn's default.
INTERVAL_S = 5   # Between two values of a series.
NAB_HISTORY = 1000
NAB_FEWEST = 50  # Rows before the first forest.


def make_values(series, tick):
    """One value for each series: noise around a level of its own. The same in each process."""
    rng = random.Random(tick)
    return [n % 97 + rng.gauss(0, 1) for n in range(series)]


def rss_bytes():
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return 0


def fit(history):
    from sklearn.ensemble import IsolationForest
    return IsolationForest(n_estimators=TREES, random_state=1).fit([[v] for v in history])


class Pipeline:
    """Decides about values, one after the other."""

    def __init__(self, every):
        self.every = every
        self.histories, self.models, self.seen = {}, {}, {}

    def learn(self, name, value):
        self.histories.setdefault(name, collections.deque(maxlen=HISTORY)).append(value)

    def decide(self, name, value):
        seen = self.seen.get(name, 0)
        if seen % self.every == 0:
            model = fit(self.histories[name])
            if self.every > 1:
                self.models[name] = model
        else:
            model = self.models[name]
        self.seen[name] = seen + 1
        self.histories[name].append(value)
        return model.predict([[value]])[0] == -1


def filled(every, series):
    pipeline = Pipeline(every)
    for tick in range(HISTORY):
        for n, value in enumerate(make_values(series, tick)):
            pipeline.learn(f"series-{n}", value)
    return pipeline


def measure(pipeline, series, seconds):
    """Decisions in `seconds`, on the next values of the series, tick by tick."""
    decisions, unusual = 0, 0
    began, cpu = time.monotonic(), time.process_time()
    for tick in range(HISTORY, 10 * HISTORY):
        for n, value in enumerate(make_values(series, tick)):
            unusual += pipeline.decide(f"series-{n}", value)
            decisions += 1
            if decisions % 10 == 0 and time.monotonic() - began >= seconds:
                took = time.monotonic() - began
                return {"decisions": decisions, "unusual": int(unusual), "per_second": decisions / took,
                        "cpu_ms_each": (time.process_time() - cpu) * 1e3 / decisions}
    raise RuntimeError("there were more decisions than values")


def speed(options):
    import sklearn
    fit([0.0, 1.0])  # What is imported by and by counts nowhere.
    before = rss_bytes()
    pipeline = filled(1, options.series)
    memory = (rss_bytes() - before) / options.series
    refitted = measure(pipeline, options.series, options.seconds)
    # Few series, so that each has all its hundred values in the time.
    few = 4
    sometimes_pipeline = filled(100, few)
    sometimes = measure(sometimes_pipeline, few, options.seconds)
    before = rss_bytes()
    models = [fit(make_values(HISTORY, n)) for n in range(50)]
    model_bytes = (rss_bytes() - before) / len(models)
    return {"python": sys.version.split()[0], "sklearn": sklearn.__version__, "history": HISTORY,
            "trees": TREES, "series": options.series, "bytes_per_series": memory,
            "bytes_per_model": model_bytes, "refit_each": refitted, "refit_every_100": sometimes}


# The Numenta Anomaly Benchmark; the rules are those of src/eval/nab_score.h.

PROFILES = {"standard": (1, 0.11, 1), "reward_low_fp": (1, 0.22, 1), "reward_low_fn": (1, 0.11, 2)}


def sigmoid(position):
    return -1 if position >= 3 else 2 / (1 + math.exp(5 * position)) - 1


def row_values(rows, windows):
    """What a detection at each row is worth before it is weighted, and the window it lies in."""
    values, inside = [-1.0] * rows, [None] * rows
    for w, (first, last) in enumerate(windows):
        width = last - first + 1
        for i in range(first, last + 1):
            values[i] = sigmoid(-(last - i + 1) / width) / sigmoid(-1)
            inside[i] = w
        end = windows[w + 1][0] if w + 1 < len(windows) else rows
        for i in range(last + 1, end):
            values[i] = sigmoid((i - last) / (width - 1))
    return values, inside


def nab_score(files, profile):
    """`files`: (scores, windows). The score with the one threshold that is best for all files."""
    tp, fp, fn = PROFILES[profile]
    points, window_count = [], 0
    for scores, windows in files:
        values, inside = row_values(len(scores), windows)
        for i in range(int(min(0.15 * len(scores), 750)), len(scores)):
            window = None if inside[i] is None else window_count + inside[i]
            points.append((scores[i], values[i], window))
        window_count += len(windows)
    points.sort(key=lambda p: -p[0])
    nothing = total = best = -fn * window_count
    threshold, earned = math.inf, {}
    for i, (score, value, window) in enumerate(points):
        if window is None:
            total += value * fp
        else:
            total += max(0, value * tp - earned.get(window, -fn))
            earned[window] = max(value * tp, earned.get(window, -fn))
        if total > best and (i + 1 == len(points) or points[i + 1][0] != score):
            best, threshold = total, score
    hit = {w for score, _, w in points if score >= threshold and w is not None}
    false_rows = sum(1 for score, _, w in points if score >= threshold and w is None)
    return {"score": 100 * (best - nothing) / (tp * window_count - nothing),
            "windows_hit": len(hit), "windows": window_count, "false_rows": false_rows}


def forest_scores(values, every):
    scores, model = [], None
    for first in range(0, len(values), every):
        if first >= NAB_FEWEST:
            model = fit(values[max(0, first - NAB_HISTORY):first])
        rows = [[v] for v in values[first:first + every]]
        scores += [0.0] * len(rows) if model is None else list(-model.score_samples(rows))
    return scores


def gaussian_scores(values, _every):
    """NAB's Windowed Gaussian: a window of 6,400 rows that moves on by 100."""
    import numpy
    scores, window, waiting = [], [], []
    mean, deviation = 0.0, 1.0
    for value in values:
        z = abs(value - mean) / deviation
        scores.append(1 - 0.5 * math.erfc(z / 1.4142) if window else 0.0)
        if len(window) >= 6400:
            waiting.append(value)
            if len(waiting) < 100:
                continue
            window, waiting = window[100:] + waiting, []
        else:
            window.append(value)
        mean, deviation = float(numpy.mean(window)), float(numpy.std(window)) or 0.000001
    return scores


def read_nab(directory):
    """Yields each labelled file: its values, and its windows as rows."""
    labels = json.loads((directory / "labels/combined_windows.json").read_text())
    for name, windows in sorted(labels.items()):
        with open(directory / "data" / name, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        times = [datetime.datetime.fromisoformat(row["timestamp"]) for row in rows]
        spans = [[datetime.datetime.fromisoformat(t).replace(microsecond=0) for t in w] for w in windows]
        yield name, [float(row["value"]) for row in rows], sorted(
            (bisect.bisect_left(times, first), bisect.bisect_right(times, last) - 1)
            for first, last in spans)


def nab(options):
    score = {"forest": forest_scores, "gaussian": gaussian_scores}[options.detector]
    began, files = time.process_time(), []
    for name, values, windows in read_nab(options.directory):
        if not name.startswith(options.folder):
            continue
        print(f"  {name}", file=sys.stderr, flush=True)
        files.append((score(values, options.every), windows))
    result = {profile: nab_score(files, profile) for profile in PROFILES}
    result |= {"rows": sum(len(scores) for scores, _ in files), "every": options.every,
               "history": NAB_HISTORY, "cpu_seconds": time.process_time() - began}
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("speed")
    command.add_argument("--seconds", type=float, default=20)
    command.add_argument("--series", type=int, default=5_000)
    command.set_defaults(run=speed)
    command = commands.add_parser("nab")
    command.add_argument("directory", type=pathlib.Path)
    command.add_argument("--every", type=int, default=200, help="rows between two fits")
    command.add_argument("--detector", choices=("forest", "gaussian"), default="forest")
    command.add_argument("--folder", default="", help="only the files of this part of the data")
    command.set_defaults(run=nab)
    options = parser.parse_args()
    print(json.dumps(options.run(options), indent=2))


if __name__ == "__main__":
    main()
