"""The runs of a queued stage as they came, to be put in line again: denser, or for more servers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from latprobe.analysis.compare.student import two_sided_width
from latprobe.analysis.intervals import Floats, Interval, block_draws, block_length
from latprobe.analysis.load.stage_calls import StageCalls
from latprobe.analysis.queueing import Servers, simulate
from latprobe.analysis.spans import Ints

# The latest runs that are put in line again and again.
MAX_LINED_UP = 2_000

P50_P95 = (0.5, 0.95)

_STRETCHES = 20


@dataclass(frozen=True, slots=True)
class Line:
    """Runs in the order in which they became ready.

    `gap_ns` before each, its `service_ns`, and `rest_ns`, what its stay is beyond waiting in line
    and being served: work before the line, a slow hand-over. `replica` numbers the line that each
    stands in, `servers` counts the servers of each line.
    """

    gap_ns: Ints
    service_ns: Ints
    rest_ns: Ints
    replica: Ints
    servers: tuple[int, ...]
    handoff_ns: int

    def __len__(self) -> int:
        return len(self.gap_ns)

    def take(self, rows: Ints) -> Line:
        """These runs, one behind the other."""
        return replace(
            self,
            gap_ns=self.gap_ns[rows],
            service_ns=self.service_ns[rows],
            rest_ns=self.rest_ns[rows],
            replica=self.replica[rows],
        )

    def stay_ns(self, *, more: int = 0, density: float = 1.0) -> Ints:
        """How long each waits and runs, with so many servers more and arrivals so much denser.

        Where there are replicas, a server more is one more replica, which is given its share.
        """
        ready = np.cumsum(self.gap_ns)
        if density != 1.0:
            ready = (ready / density).astype(np.int64)
        started = self._starts(ready, more)
        return np.asarray(np.maximum(started - ready + self.rest_ns, 0) + self.service_ns)

    def with_one_more(self) -> int:
        """How many servers there are with one more, or with one more replica."""
        return sum(self.servers) + (_a_replica(self.servers) if len(self.servers) > 1 else 1)

    def _starts(self, ready: Ints, more: int) -> Ints:
        if len(self.servers) == 1:
            return simulate(
                ready, self.service_ns, self.servers[0] + more, handoff_ns=self.handoff_ns
            )
        line, servers = self.replica, list(self.servers)
        for _ in range(more):
            servers.append(_a_replica(self.servers))
            turn = np.arange(len(self)) % len(servers) == len(servers) - 1
            line = np.where(turn, len(servers) - 1, line)
        started = ready.copy()
        for number, count in enumerate(servers):
            rows = np.flatnonzero(line == number)
            if len(rows):
                started[rows] = simulate(
                    ready[rows], self.service_ns[rows], count, handoff_ns=self.handoff_ns
                )
        return started


def ready_ns(calls: StageCalls, servers: Servers) -> Ints:
    """When each run could have started, had a server been free."""
    return np.minimum(calls.arrival_ns + servers.lead_ns, calls.start_ns)


def line_of(calls: StageCalls, servers: Servers) -> Line:
    """The latest runs; put in line for the recorded servers, each stays as long as recorded."""
    ready = ready_ns(calls, servers)
    order = np.argsort(ready, kind="stable")[-MAX_LINED_UP:]
    counts = dict(servers.replicas) or {"": servers.count}
    numbers = {name: number for number, name in enumerate(counts)}
    names = [calls.replica[row] or "" for row in order.tolist()] if servers.replicas else None
    line = Line(
        gap_ns=np.diff(ready[order], prepend=ready[order[0]]),
        service_ns=calls.service_ns[order],
        rest_ns=np.zeros(len(order), np.int64),
        replica=np.array([numbers[name] for name in names] if names else [0] * len(order)),
        servers=tuple(counts.values()),
        handoff_ns=servers.handoff_ns,
    )
    return replace(line, rest_ns=calls.sojourn_ns[order] - line.stay_ns())


def memory_of(line: Line) -> int:
    """So many neighbours have to be drawn together: as long as arrivals, service times and the
    stays themselves remember. Waves of arrivals hardly show in single gaps, and do in the stays."""
    series = (line.gap_ns, line.service_ns, line.stay_ns(), line.stay_ns(more=1))
    return max(block_length(each) for each in series)


def runs_apart(service_ns: Ints) -> float:
    """So many independent runs would say as much of the mean service time as these.

    From how much more the means of stretches of time vary than those of shuffled runs would. In
    logarithms, so that one long run is no trend.
    """
    logs = np.log(np.maximum(service_ns, 1))
    spread = float(logs.var())
    if spread == 0 or len(logs) < 2 * _STRETCHES:
        return float(len(logs))
    means = np.array([each.mean() for each in np.array_split(logs, _STRETCHES)])
    alike = len(logs) / _STRETCHES * float(means.var(ddof=1)) / spread
    return len(logs) / max(alike, 1.0)


def rerun_ms(line: Line, *, more: int, block: int, draws: int, seed: int) -> Floats:
    """p50 and p95 of the stays that re-runs with more servers would measure: (draws, 2).

    A queue's tail hangs on how the arrivals fell, so it is not the waits but what they come from
    that is drawn: blocks of gaps between arrivals with their service times. Drawn twice, for the
    noise of what was recorded and of the re-run.
    """
    rng = np.random.default_rng(seed)
    pairs = [block_draws(len(line), rng=rng, draws=draws, block=block) for _ in range(2)]
    found = [
        np.quantile(line.take(first[second]).stay_ns(more=more), P50_P95) / 1e6
        for first, second in zip(*pairs, strict=True)
    ]
    return np.array(found)


def around(value: float, draws: Floats, blocks: float) -> Interval | None:
    """Where 95 % of what is drawn lies, and lies about the value.

    Blocks are put together anew, so runs that came in a rhythm longer than a block are drawn
    apart, and the draws' middle is not the value's: the interval holds their spread about either.
    `blocks`: how many there are; few of them say less of their own spread (Student's t).
    """
    middle = float(np.median(draws)) if len(draws) else 0.0
    if middle <= 0 or value <= 0:
        return None
    wider = two_sided_width(max(blocks - 1.0, 3.0))
    low, high = (
        (float(edge) / middle) ** wider for edge in np.quantile(draws, [0.025, 0.975]).tolist()
    )
    return Interval(low * min(middle, value), high * max(middle, value))


def _a_replica(servers: tuple[int, ...]) -> int:
    """How many servers a new replica has: as many as the others."""
    return max(1, sum(servers) // len(servers))
