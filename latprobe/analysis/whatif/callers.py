"""A fixed number of callers, each of which waits for its answer before it sends its next request.

With no pause in between, or always the same one, starts follow answers at once. Where pauses vary,
it shows in how often requests come: the more are at work, the fewer callers are left to send one.
Requests that come by themselves come as often whatever is at work (the machine repairman's problem:
Feller, "An Introduction to Probability Theory and Its Applications", 1968, section XVII.7).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.graph import Floats

# So many of the requests have to start as another one ends for a fixed number of callers; and so
# many have to follow the first one of each, which has had so many turns.
_CLOSED_SHARE = 0.8
_FEWEST_STARTS, _FEWEST_TURNS = 20, 2

# Of callers that pause so many more than ever ran at once are tried; lengths vary if they do so by
# this many times what counts as the same moment.
_MOST_PAUSING, _VARIES = 8, 5

# Callers whose pauses vary have to be so many times (as a logarithm) as likely as requests that
# come by themselves, and so many requests show it; times since the one before are told apart in so
# many, which a steady pace, that varies less than this, has not; each caller has had so many turns.
# Pauses are each caller's own: requests that come in groups, none while a group is at work, look
# like callers but for coming so many times as often just after one another (callers: up to twice).
_CLUSTERED = 4.0
_LOG_LIKELIER, _FEWEST_VARYING, _AGES, _LEAST_VARIED, _TURNS = 8.0, 60, 12, 0.1, 4


@dataclass(frozen=True, slots=True)
class Callers:
    """`count` callers, each of which sends its next request `think_ns` after its last answer.

    `pauses_ns`: pauses that vary, the k-th between the k-th answer and the request that followed it
    as if callers went on in turn; None where it is always `think_ns`.
    """

    count: int
    think_ns: float = 0.0
    pauses_ns: Floats | None = None

    def pause_ns(self, answer: int) -> float:
        """The pause after the answer of this number, from 0."""
        if self.pauses_ns is None:
            return self.think_ns
        return float(self.pauses_ns[answer % len(self.pauses_ns)])

    def drawn(self, rows: Ints) -> Callers:
        """The same callers with the pauses of these rows."""
        if self.pauses_ns is None:
            return self
        return replace(self, pauses_ns=self.pauses_ns[rows % len(self.pauses_ns)])


def find_callers(start_ns: Ints, end_ns: Ints) -> Callers | None:
    """The fixed number of callers, two or more, that send one request after another; else None."""
    if len(start_ns) < _FEWEST_STARTS:
        return None
    end_ns = np.maximum(end_ns, start_ns + 1)  # one of no length had not ended as it started
    start, ends = np.sort(start_ns), np.sort(end_ns)
    ended = np.searchsorted(ends, start, side="right")
    running = np.arange(len(start)) - ended
    most = int(running.max()) + 1
    if most < 2 or len(start) < max(most + _FEWEST_STARTS, _FEWEST_TURNS * most):
        return None
    later = np.arange(most, len(start))
    since = start[later] - ends[np.maximum(ended[later] - 1, 0)]
    near = 0.02 * float(np.median(end_ns - start_ns))
    follows = (running[later] == most - 1) & (since <= near) & (ended[later] > 0)
    if float(follows.mean()) >= _CLOSED_SHARE:
        return Callers(most, float(np.median(since[follows])))
    steady = _steady_callers(start, ends, end_ns - start_ns, most, near)
    return steady or _varying_callers(start, ends, running, most)


def _steady_callers(
    start: Ints, ends: Ints, length: Ints, most: int, near: float
) -> Callers | None:
    """Callers that pause for always as long between an answer and their next request: the k-th
    start then comes that long after the k-th answer. Told only where lengths vary, as requests
    that come at a fixed pace look the same where they do not."""
    low, high = np.quantile(length, (0.1, 0.9)).tolist()
    if high - low <= _VARIES * near:
        return None
    for count in range(most, min(most + _MOST_PAUSING, len(start) - _FEWEST_STARTS) + 1):
        pause = start[count:] - ends[: len(start) - count]
        usual = float(np.median(pause))
        if usual >= 0 and float((np.abs(pause - usual) <= near).mean()) >= _CLOSED_SHARE:
            return Callers(count, usual)
    return None


def _varying_callers(start: Ints, ends: Ints, running: Ints, most: int) -> Callers | None:
    """The most likely number of callers, where the rate of requests falls as more are at work.

    Told at each time since the request before: a steady pace alone makes requests rare while those
    that came just before are at work.
    """
    gaps = np.diff(start)
    if len(start) < _FEWEST_VARYING or float(gaps.std()) < _LEAST_VARIED * float(gaps.mean()):
        return None
    came, time = _by_running(start, ends, running)
    states = np.arange(came.shape[1])
    best, most_likely = None, _log_likelihood(came, time, np.ones(len(states))) + _LOG_LIKELIER
    for count in range(most, 2 * most + _MOST_PAUSING):
        likely = _log_likelihood(came, time, np.maximum(count - states, 0.0))
        if likely > most_likely:
            best, most_likely = count, likely
    if best is None or len(start) < _TURNS * best:
        return None
    if _clustering(came, time, np.maximum(best - states, 0.0)) > _CLUSTERED:
        return None
    pauses = (start[best:] - ends[: len(start) - best]).astype(np.float64)
    return Callers(best, float(np.median(pauses)), np.maximum(pauses, 0.0))


def _clustering(came: Floats, time: Floats, left: Floats) -> float:
    """How many times as often as on the whole requests come just after another one, or at the time
    since where they do most."""
    free = (time * left).sum(axis=1)
    usual = float(came.sum()) / max(float(free.sum()), 1.0)
    return float((came.sum(axis=1) / np.maximum(free, 1.0)).max()) / max(usual, 1e-30)


def _log_likelihood(came: Floats, time: Floats, left: Floats) -> float:
    """Of requests that come at a rate for each row (the time since the last) times `left`."""
    rate = came.sum(axis=1) / np.maximum((time * left).sum(axis=1), 1.0)
    expected = rate[:, None] * left
    happened = came > 0
    return float((came[happened] * np.log(np.maximum(expected[happened], 1e-30))).sum())


def _by_running(start: Ints, ends: Ints, running: Ints) -> tuple[Floats, Floats]:
    """How many requests came, and in how many ns, by the time since the one before (rows) and by
    how many were at work (columns)."""
    gaps = np.diff(start)
    bounds = np.unique(np.quantile(gaps, np.linspace(0, 1, _AGES + 1)[1:-1]))
    moments = np.concatenate((start, ends[ends < start[-1]]))
    order = np.argsort(moments, kind="stable")
    at_work = np.maximum(np.cumsum(np.where(order < len(start), 1, -1)), 0)[:-1]
    moments = moments[order]
    last = start[np.searchsorted(start, moments[:-1], side="right") - 1]
    states = int(max(running.max(), at_work.max())) + 1
    edges = np.concatenate(([0.0], bounds, [np.inf]))
    came, time = np.zeros((2, len(edges) - 1, states))
    for row, (low, high) in enumerate(pairwise(edges.tolist())):
        spent = np.minimum(moments[1:] - last, high) - np.maximum(moments[:-1] - last, low)
        time[row] = np.bincount(at_work, weights=np.maximum(spent, 0.0), minlength=states)
        here = (gaps >= low) & (gaps < high)
        came[row] = np.bincount(running[1:][here], minlength=states)
    return came, time
