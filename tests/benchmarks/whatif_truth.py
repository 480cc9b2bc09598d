"""Prints how well predictions hold on real pipelines: recorded, really changed, run again.

python -m tests.benchmarks.whatif_truth [requests] [pipeline]

Stages sleep for random times that are known, in asyncio tasks and threads, under a real recorder.
Each changed program runs twice: with the requests that were recorded, as a team runs its test set
again, and with other requests of the same kind, as tomorrow's traffic. How far these two differ is
the floor for the latter, which no prediction can beat. A run in which the machine itself stood
still is run again (`Watch`). 500 requests a run take about 6 minutes on a quiet machine.
"""

from __future__ import annotations

import sys
import tempfile
import threading
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


# What a run may lose to a machine that stands still, and how often such a run is repeated.
STALL_S = 0.005
STALLED_SHARE = 0.005
TRIES = 5


@dataclass(frozen=True)
class Judged:
    """Of p50 and p95: the prediction's error for the same requests and for others, how far these
    two differ, the width of the interval, all in shares of what was measured; and which of them
    lie in the interval."""

    same: tuple[float, ...]
    other: tuple[float, ...]
    floor: tuple[float, ...]
    width: tuple[float, ...]
    covers_same: tuple[bool, ...]
    covers_other: tuple[bool, ...]


class Watch:
    """A thread that asks to be woken every 5 ms, and adds up how much later it was."""

    def __enter__(self) -> Watch:
        self._is_done = threading.Event()
        self._stalled_s = 0.0
        self._begin = time.perf_counter()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_done.set()
        self._thread.join()
        self.stalled_share = self._stalled_s / (time.perf_counter() - self._begin)

    def _look(self) -> None:
        before = time.perf_counter()
        while not self._is_done.wait(STALL_S):
            now = time.perf_counter()
            late = now - before - STALL_S
            if late > STALL_S:
                self._stalled_s += late
            before = now


@dataclass
class Recording:
    """Runs pipelines on a machine that may not be quiet."""

    requests: int
    repeated: int = 0
    stalled: int = 0

    def recorded(self, case: Case, settings: dict[str, float], seed: str) -> Scope:
        """Runs the pipeline with the settings; the window of time it ran in."""
        times.clear()
        times.update(settings)
        for left in reversed(range(TRIES)):
            begin = time.time_ns()
            with Watch() as watch:
                case.run(self.requests, seed)
            window = Scope(from_ns=begin, to_ns=time.time_ns())
            if watch.stalled_share <= STALLED_SHARE:
                break
            if left:
                self.repeated += 1
            else:
                self.stalled += 1
        return window

    def all_cases(self, only: str | None) -> Iterator[tuple[Case, Scope, Scope, Scope]]:
        """Each case as it is, then with its change: the same requests, and others."""
        for number, case in enumerate(cases()):
            if only is None or case.name == only:
                seed = f"{case.name} {number}"
                yield (
                    case,
                    self.recorded(case, {}, seed),
                    self.recorded(case, case.times, seed),
                    self.recorded(case, case.times, f"{seed} others"),
                )


def quantiles_ms(query: Query, scope: Scope) -> Floats:
    """p50 and p95 of what ran then."""
    return np.quantile(fetch_requests(query, scope).duration_ns / 1e6, QUANTILES)


def judged(found: Prediction, same: Floats, other: Floats) -> Judged:
    """The prediction held against two runs."""
    figures = (found.p50, found.p95)
    after = np.array([figure.after_ms for figure in figures], dtype=np.float64)
    intervals = [figure.ci95_ms for figure in figures]
    low = np.array([each.low for each in intervals if each is not None])
    high = np.array([each.high for each in intervals if each is not None])
    return Judged(
        same=tuple(after / same - 1),
        other=tuple(after / other - 1),
        floor=tuple(other / same - 1),
        width=tuple((high - low) / after),
        covers_same=tuple((low <= same) & (same <= high)),
        covers_other=tuple((low <= other) & (other <= high)),
    )


def print_case(case: Case, found: Prediction, result: Judged) -> None:
    """One line: the errors for the same requests, with those for others in brackets."""
    parts = [
        f"{name} {same:+6.1%} ({other:+6.1%})"
        for name, same, other in zip(("p50", "p95"), result.same, result.other, strict=True)
    ]
    outside = (*result.covers_same, *result.covers_other).count(False)
    mark = f"  {outside} of 4 outside of the interval" if outside else ""
    print(f"{case.name:11}{str(case.times)[:30]:31}{'  '.join(parts)}  {found.basis}{mark}")


def print_result(every: list[Judged]) -> None:
    """Coverage, errors and shares within 5 %, each beside the floor."""
    width = np.median([each.width for each in every], axis=0)
    floor = np.abs([each.floor for each in every])
    for who, errors, covers in (
        ("same requests", [each.same for each in every], [each.covers_same for each in every]),
        ("other requests", [each.other for each in every], [each.covers_other for each in every]),
    ):
        error = np.abs(errors)
        for place, name in enumerate(("p50", "p95")):
            print(
                f"{who}, {name}: median error {np.median(error[:, place]):.1%}, within "
                f"{CLOSE:.0%}: {np.mean(error[:, place] <= CLOSE):.0%}, interval covers "
                f"{np.mean(covers, axis=0)[place]:.1%}, median width {width[place]:.1%}"
            )
        print(f"RESULT {who}, {len(every)} cases: interval covers {np.mean(covers):.1%}")
    for place, name in enumerate(("p50", "p95")):
        print(
            f"floor, other against same requests, {name}: median {np.median(floor[:, place]):.1%}, "
            f"within {CLOSE:.0%}: {np.mean(floor[:, place] <= CLOSE):.0%}"
        )


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    only = sys.argv[2] if len(sys.argv) > 2 else None
    measure_lateness()
    recording = Recording(requests)
    every: list[Judged] = []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        latprobe.init(service="truth", home=home, agent=False)
        windows = list(recording.all_cases(only))
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
        print(f"{len(every)} cases of {requests} requests")
        print_result(every)
    print(
        f"{recording.repeated} runs repeated because the machine stood still for over "
        f"{STALLED_SHARE:.1%} of them, {recording.stalled} kept although it did"
    )
    print(f"took {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
