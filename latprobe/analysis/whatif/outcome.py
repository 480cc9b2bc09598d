"""From replayed durations to the prediction, with what there is to say about it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from latprobe.analysis.intervals import Interval
from latprobe.analysis.whatif.allowance import with_allowance
from latprobe.analysis.whatif.changes import CacheHit, Parallel
from latprobe.analysis.whatif.figures import percentiles
from latprobe.analysis.whatif.graph import Floats
from latprobe.analysis.whatif.paired import saved_at_least
from latprobe.analysis.whatif.prediction import Percentile, Prediction
from latprobe.analysis.whatif.work import Work

# Where neighbours seem to add this share of all time it is said, and beyond the second no figure.
_CROWDED, _TOO_CROWDED = 0.03, 0.3


def finished(work: Work, before: Floats, after: Floats, notes: list[str]) -> Prediction:
    """The figures of durations in ns, with what there is to say about them."""
    reason = _nothing_moved(work)
    if reason is not None:
        return Prediction(len(before), refused=reason)
    rng = np.random.default_rng(work.seed)
    p50, p95, p99 = percentiles(
        before.astype(np.int64), after, is_model=bool(work.effects), rng=rng
    )
    if np.array_equal(before, after[:, 0]) and after.shape[1] == 1:
        notes.append(
            "Nothing changes: this is not on the critical path of any request, so something "
            "else is waited for all the same."
        )
    notes += [note for effect in work.effects for note in effect.notes]
    notes += [*_crowd_note(work), *_left_alone(work), *_assumptions(work)]
    share = _crowd_share(work)
    least = saved_at_least(before, after, is_model=bool(work.effects), rng=rng)
    p50, p95, p99 = (
        replace(with_allowance(_widened(each, share)), saved_low_ms=(ns - share * abs(ns)) / 1e6)
        for each, ns in zip((p50, p95, p99), least, strict=True)
    )
    if len(before) < 200:
        notes.append(f"p99 from {len(before)} requests hangs on the slowest two or three.")
    basis = "latency_model" if work.effects else "replay"
    return Prediction(len(before), basis, p50, p95, p99, notes=tuple(notes))  # type: ignore[arg-type]  # one of the literals


def _crowd_share(work: Work) -> float:
    """How much of the requests' time neighbours seem to add, in stages without a queue."""
    return sum(share for share in work.crowded.values() if share >= _CROWDED)


def _crowd_note(work: Work) -> list[str]:
    names = [
        repr(name)
        for name, code in work.names.codes.items()
        if work.crowded.get(code, 0.0) >= _CROWDED
    ]
    if not names:
        return []
    return [
        f"{' and '.join(names)} took longer the more of them ran at once, which no queue explains; "
        f"that is kept as recorded, and the intervals allow for the {_crowd_share(work):.0%} of "
        "all time that it makes up."
    ]


def _left_alone(work: Work) -> list[str]:
    names = [repr(name) for name, code in work.names.codes.items() if code in work.left_alone]
    if not names:
        return []
    return [
        f"{' and '.join(names)} waited in a way that nothing recorded explains; that is kept as it "
        "was, since the change comes after it and requests come by themselves."
    ]


def too_crowded(work: Work) -> str | None:
    """Why stages that slow one another leave no prediction."""
    share = _crowd_share(work)
    if share <= _TOO_CROWDED:
        return None
    code = max(work.crowded, key=lambda each: work.crowded[each])
    name = next(name for name, known in work.names.codes.items() if known == code)
    return (
        f"{name!r} takes much longer the more of them run at once ({share:.0%} of all time), and "
        "no queue explains how: record with fewer at once, or put a stage around what they "
        "wait for."
    )


def _widened(figure: Percentile, share: float) -> Percentile:
    """What neighbours add may vanish with the change, or come once more."""
    if figure.ci95_ms is None or share == 0:
        return figure
    low, high = figure.ci95_ms.low * (1 - share), figure.ci95_ms.high * (1 + share)
    return replace(figure, ci95_ms=Interval(low, high))


def _nothing_moved(work: Work) -> str | None:
    for change in work.changes:
        if isinstance(change, Parallel) and work.moved == 0:
            return (
                f"{change.stage!r} and {change.other!r} never follow each other under one caller: "
                "they run together already, or one runs inside the other. Name the two stages "
                "that their common caller runs in turn."
            )
    return None


def _assumptions(work: Work) -> list[str]:
    notes = []
    for change in work.changes:
        match change:
            case Parallel(stage, other):
                notes.append(
                    f"Holds if {other!r} does not need the result of {stage!r}, nor the other way "
                    "round, and both have the resources to run at once."
                )
            case CacheHit(stage, _):
                notes.append(
                    f"A hit takes no time, and each call of {stage!r} hits by chance, whatever it "
                    "asks for; `latprobe cache` tells which ratio your traffic allows."
                )
    return notes
