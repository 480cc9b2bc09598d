"""Prints how well predictions hold on real pipelines: recorded, really changed, recorded again.

python -m tests.benchmarks.whatif_truth [requests] [pipeline]

Stages sleep for random times that are known, in asyncio tasks and threads, under a real recorder.
Each changed program runs twice: how far these two differ is the floor that no prediction can beat.
500 requests a run take about 6 minutes on a quiet machine; on a busy one timers decide.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import latprobe
from latprobe.analysis.requests import fetch_requests
from latprobe.analysis.scope import Scope
from latprobe.analysis.whatif import Prediction, predict
from latprobe.store.query import Query
from latprobe.store.reader import open_reader
from tests.benchmarks.whatif_pipelines import Case, cases, measure_lateness, times

REQUESTS = 500
QUANTILES = (0.5, 0.95)
CLOSE = 0.05

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True)
class Judged:
    """Of p50 and p95, in shares of what was measured: the prediction's error, how far the two
    re-runs differ, the width of the interval; and which of the two re-runs lie in it."""

    error: tuple[float, ...]
    floor: tuple[float, ...]
    width: tuple[float, ...]
    covers: tuple[bool, ...]


def recorded(case: Case, settings: dict[str, float], requests: int) -> Scope:
    """Runs the pipeline with the settings; the window of time it ran in."""
    times.clear()
    times.update(settings)
    begin = time.time_ns()
    case.run(requests)
    return Scope(from_ns=begin, to_ns=time.time_ns())


def run_all(requests: int, only: str | None) -> Iterator[tuple[Case, Scope, Scope, Scope]]:
    """Each case as it is, and twice with its change."""
    for case in cases():
        if only is None or case.name == only:
            yield (
                case,
                recorded(case, {}, requests),
                recorded(case, case.times, requests),
                recorded(case, case.times, requests),
            )


def quantiles_ms(query: Query, scope: Scope) -> Floats:
    """p50 and p95 of what ran then."""
    return np.quantile(fetch_requests(query, scope).duration_ns / 1e6, QUANTILES)


def judged(found: Prediction, first: Floats, second: Floats) -> Judged:
    """The prediction held against two runs."""
    error, floor, width, covers = [], [], [], []
    for place, figure in enumerate((found.p50, found.p95)):
        after, interval = figure.after_ms, figure.ci95_ms
        assert after is not None
        assert interval is not None
        error.append(float(after / first[place] - 1))
        floor.append(float(second[place] / first[place] - 1))
        width.append((interval.high - interval.low) / after)
        covers += [interval.low <= each[place] <= interval.high for each in (first, second)]
    return Judged(tuple(error), tuple(floor), tuple(width), tuple(covers))


def print_case(case: Case, found: Prediction, result: Judged) -> None:
    """One line: the errors, with the floor in brackets."""
    parts = [
        f"{name} {error:+6.1%} ({floor:+6.1%})"
        for name, error, floor in zip(("p50", "p95"), result.error, result.floor, strict=True)
    ]
    outside = result.covers.count(False)
    mark = f"  {outside} of 4 outside of the interval" if outside else ""
    print(f"{case.name:11}{str(case.times)[:30]:31}{'  '.join(parts)}  {found.basis}{mark}")


def print_result(every: list[Judged], requests: int) -> None:
    """Coverage, errors and shares within 5 %, each beside the floor."""
    error = np.abs([each.error for each in every])
    floor = np.abs([each.floor for each in every])
    width = np.median([each.width for each in every], axis=0)
    covers = np.array([each.covers for each in every])
    print(f"{len(every)} cases of {requests} requests, each changed program run twice")
    for place, name in enumerate(("p50", "p95")):
        print(
            f"{name}: median error {np.median(error[:, place]):.1%} (floor "
            f"{np.median(floor[:, place]):.1%}), within {CLOSE:.0%}: "
            f"{np.mean(error[:, place] <= CLOSE):.0%} (floor "
            f"{np.mean(floor[:, place] <= CLOSE):.0%}), interval covers "
            f"{covers[:, 2 * place : 2 * place + 2].mean():.1%}, median width {width[place]:.1%}"
        )
    print(f"RESULT {len(every)} cases: interval covers {covers.mean():.1%} of re-runs")


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    only = sys.argv[2] if len(sys.argv) > 2 else None
    random.seed(1)
    measure_lateness()
    every: list[Judged] = []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        latprobe.init(service="truth", home=home, agent=False)
        windows = list(run_all(requests, only))
        latprobe.flush(10)
        with open_reader(home, start_agent=False) as reader:
            reader.flush(timeout_s=30)
            for case, before, after, again in windows:
                found = predict(reader.query, case.changes, before)
                if found.refused is not None:
                    print(f"{case.name:11}{str(case.times)[:30]:31}refused: {found.refused}")
                    continue
                first, second = (quantiles_ms(reader.query, each) for each in (after, again))
                every.append(judged(found, first, second))
                print_case(case, found, every[-1])
    if every:
        print_result(every, requests)
    print(f"took {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
