"""Does a stage run on n servers at once, with work waiting for them, and what is n?

A semaphore, a worker pool, a lock or a GPU that takes n calls leaves a mark: whoever waited starts
just as somebody else ends, and then always n run. Each n that the waiting starts point at is tried:
the recorded work is put in line for n servers, and the n stands whose starts are those recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.counted import counted
from latprobe.analysis.queueing.concurrency import in_system, others_running, running_at
from latprobe.analysis.queueing.simulation import simulate
from latprobe.analysis.spans import Ints

# Fewer waits than this could be chance.
FEWEST_WAITS = 8

# What n servers must explain of the recorded waiting, and for how much of it all n must be busy
# when the work becomes ready: waiting beside a free server is waiting for something else.
EXPLAINED = 0.7

# Clocks that disagree a little may show more than n at once now and then.
MAX_ABOVE = 0.02

# Two moments this close are one: a share of the median service, and never more than a millisecond.
TOLERANCE = 0.02
MAX_TOLERANCE_NS = 1_000_000

_NO_LIMIT = (
    "Runs wait before this stage, but not for one another: no number of servers explains it. "
    "Put a stage around what they wait for, or around all of what the queue is for."
)

# Of more runs than this the latest are looked at.
MAX_ROWS = 50_000

# Numbers of servers tried, the most frequent first.
_CANDIDATES = 6


@dataclass(frozen=True, slots=True)
class Servers:
    """n servers that take work in turn.

    `count` is n over all replicas. `explained` is the share of the recorded waiting that n servers
    account for. `lead_ns` is what lies between arrival and start with a server free: it is no
    waiting. `handoff_ns` passes between the end of one piece of work and the start of the next
    that waited. `is_first_come` is False where later arrivals often overtake.
    `replicas` gives each replica's own count where work is bound to one; else it is empty.
    """

    count: int
    explained: float
    waited: int
    lead_ns: int
    handoff_ns: int
    is_first_come: bool
    replicas: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The servers, or None and the reason in a sentence."""

    servers: Servers | None
    reason: str | None = None


def find_servers(
    arrival_ns: Ints,
    start_ns: Ints,
    end_ns: Ints,
    *,
    replica: Sequence[str | None] | None = None,
) -> Servers | None:
    """The servers that a stage's spans share; None where there is no limit or none can be seen.

    One row a span, over all requests, in any order. `arrival_ns` is when the work could have
    started: the end of what it had to wait for in its own request. `replica` names the server
    that each row was bound to. See `look_for_servers` for the reason of a None.
    """
    return look_for_servers(arrival_ns, start_ns, end_ns, replica=replica).servers


def look_for_servers(
    arrival_ns: Ints,
    start_ns: Ints,
    end_ns: Ints,
    *,
    replica: Sequence[str | None] | None = None,
) -> Evidence:
    """`find_servers` with its reason."""
    if replica is not None and len(set(replica)) > 1:
        return _look_in_replicas(arrival_ns, start_ns, end_ns, replica)
    return _look(arrival_ns, start_ns, end_ns)


def _look(arrival: Ints, start: Ints, end: Ints) -> Evidence:
    if len(start) < FEWEST_WAITS:
        return Evidence(
            None,
            f"Only {counted(len(start), 'run')} recorded; {FEWEST_WAITS} have to wait in line.",
        )
    order = np.argsort(start, kind="stable")[-MAX_ROWS:]
    arrival, start, end = np.minimum(arrival, start)[order], start[order], end[order]
    end = np.maximum(end, start)
    tolerance = tolerance_ns(end - start)
    running = others_running(start, end, tolerance_ns=tolerance)
    gap = start - arrival
    waited = gap > tolerance + _lead(arrival, start, end, int(running.max()) + 1)
    if int(waited.sum()) < FEWEST_WAITS:
        return Evidence(
            None,
            f"No queue formed: {int(waited.sum())} of {counted(len(start), 'run')} waited before "
            "they started. Record under a higher load to see whether there is a limit.",
        )
    counts, often = np.unique(running[waited] + 1, return_counts=True)
    above = np.array([float((running >= count).mean()) for count in counts])
    usual_first = np.argsort(-often, kind="stable")
    tried = counts[usual_first][above[usual_first] <= MAX_ABOVE][:_CANDIDATES].tolist()
    fits = [_fit(arrival, start, end, running, int(count), tolerance) for count in tried]
    best = max(fits, key=lambda fit: fit.explained, default=None)
    if best is None or best.explained < EXPLAINED:
        return Evidence(None, _NO_LIMIT)
    return Evidence(best)


def _fit(
    arrival: Ints, start: Ints, end: Ints, running: Ints, count: int, tolerance: int
) -> Servers:
    """How well `count` servers, taking the work in its recorded order, give the recorded starts.

    Rows are in the order of their starts.
    """
    lead = _lead(arrival, start, end, count)
    ready = np.minimum(arrival + lead, start)
    waited = start - ready > tolerance
    handoff = _handoff(start, end, waited & (running >= count - 1), tolerance)
    given = simulate(ready, end - start, count, order=np.arange(len(start)), handoff_ns=handoff)
    wait = (start - ready).astype(np.float64)
    total = max(float(wait.sum()), 1.0)
    explained = 1.0 - float(np.sum(np.abs(given - start))) / total
    # A little later: who comes as another one ends meets a server that a third takes at once.
    soon = np.minimum(ready + handoff + tolerance, start)
    busy = (running_at(start, end, ready) >= count) | (running_at(start, end, soon) >= count)
    explained = min(explained, float(wait[busy].sum()) / total)
    return Servers(
        count=count,
        explained=explained,
        waited=int(waited.sum()),
        lead_ns=lead,
        handoff_ns=handoff,
        is_first_come=_is_first_come(ready, waited, tolerance),
    )


def tolerance_ns(service_ns: Ints) -> int:
    """How close two moments are one and the same, for work of this length."""
    return int(min(TOLERANCE * float(np.median(service_ns)), MAX_TOLERANCE_NS)) + 1


def _lead(arrival: Ints, start: Ints, end: Ints, count: int) -> int:
    """What passes before a start although a server is free: unrecorded work, no waiting.

    Seen in what arrives while fewer than `count` are there, running or not yet started. What runs
    at the start would not tell: work of equal length ends together, and who waited finds all free.
    """
    gap = start - arrival
    alone = gap[in_system(arrival, start, end) < count]
    if len(alone) >= FEWEST_WAITS:
        return int(np.median(alone))
    return int(gap.min())


def _handoff(start: Ints, end: Ints, waited: np.ndarray, tolerance: int) -> int:
    """The usual time from the last end before a start to that start, for starts that waited.

    An end within the tolerance after the start is the one that freed the server: two clocks, or a
    stage that ends a little after it let go.
    """
    if not waited.any():
        return 0
    ends = np.sort(end)
    last = np.searchsorted(ends, start[waited] + tolerance, side="right") - 1
    since = (start[waited] - ends[np.maximum(last, 0)])[last >= 0]
    return max(int(np.median(since)), 0) if len(since) else 0


def _is_first_come(ready: Ints, waited: np.ndarray, tolerance: int) -> bool:
    """Whether hardly anything that waited was overtaken by what became ready later."""
    earlier = np.maximum.accumulate(ready)
    overtaken = (earlier - ready > tolerance) & waited
    return float(overtaken.sum()) <= 0.1 * max(float(waited.sum()), 1.0)


def _look_in_replicas(
    arrival: Ints, start: Ints, end: Ints, replica: Sequence[str | None]
) -> Evidence:
    """Each replica's own servers; one line for all of them where that explains more."""
    names = np.array([name or "" for name in replica])
    shared = _look(arrival, start, end)
    found: dict[str, Servers] = {}
    reasons: list[str] = []
    for name in sorted(set(names.tolist())):
        rows = names == name
        evidence = _look(arrival[rows], start[rows], end[rows])
        if evidence.servers is None:
            reasons.append(f"{name or 'unnamed'}: {evidence.reason}")
        else:
            found[name] = evidence.servers
    if not found:
        return shared if shared.servers is not None else Evidence(None, reasons[0])
    apart = _together(found)
    if shared.servers is not None and shared.servers.explained >= apart.explained:
        return shared
    if reasons:
        return Evidence(None, f"Not every replica shows its limit. {reasons[0]}")
    return Evidence(apart)


def _together(found: dict[str, Servers]) -> Servers:
    waits = sum(each.waited for each in found.values())
    return Servers(
        count=sum(each.count for each in found.values()),
        explained=sum(each.explained * each.waited for each in found.values()) / max(waits, 1),
        waited=waits,
        lead_ns=int(np.median([each.lead_ns for each in found.values()])),
        handoff_ns=int(np.median([each.handoff_ns for each in found.values()])),
        is_first_come=all(each.is_first_come for each in found.values()),
        replicas=tuple((name, each.count) for name, each in found.items()),
    )
