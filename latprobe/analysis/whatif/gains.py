"""What requests would gain if a stage were faster: the virtual speed-up of every stage.

The idea is Coz's (Curtsinger and Berger, "Coz: Finding Code that Counts with Causal Profiling",
SOSP 2015); here the recorded requests are replayed, and nothing is slowed down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import overload

import numpy as np

from latprobe.analysis.intervals import SEED, Interval, block_draws, block_length, interval_of
from latprobe.analysis.mixed_programs import mixed_programs
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.requests import Requests, even_sample
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.checks import FEWEST_REQUESTS
from latprobe.analysis.whatif.factors import below
from latprobe.analysis.whatif.graph import Floats, Graph, build_edges, levelled
from latprobe.analysis.whatif.outcome import too_crowded
from latprobe.analysis.whatif.precedence import Learner
from latprobe.analysis.whatif.queued import Queued, replayed_badly
from latprobe.analysis.whatif.recording import Names, Recording, recordings
from latprobe.analysis.whatif.replay import replay, request_ns
from latprobe.analysis.whatif.work import Work
from latprobe.store.query import Query

# Requests with about so many spans together are replayed for each stage.
SAMPLE_SPANS = 10_000

# Stages beyond so many, by the share of their own time, are not asked about.
MOST_STAGES = 20

_DRAWS = 200
_QUANTILES = (0.5, 0.95)


@dataclass(frozen=True, slots=True)
class Saving:
    """By how much p50 and p95 fall, in ms. The intervals are of the saving itself."""

    p50_ms: float
    p95_ms: float
    p50_ci95_ms: Interval | None
    p95_ci95_ms: Interval | None

    def to_json(self) -> dict[str, object]:
        """Keys with units; intervals as [low, high]."""
        row = asdict(self)
        for key in ("p50_ci95_ms", "p95_ci95_ms"):
            interval = getattr(self, key)
            row[key] = None if interval is None else interval.to_json()
        return row


@dataclass(frozen=True, slots=True)
class Gains(Sequence["StageGain"]):
    """The gain of each stage, the largest of its own first; or why what-if predicts nothing here,
    and then there are none."""

    stages: tuple[StageGain, ...] = ()
    refused: str | None = None

    def __len__(self) -> int:
        return len(self.stages)

    @overload
    def __getitem__(self, place: int) -> StageGain: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[StageGain, ...]: ...
    def __getitem__(self, place: int | slice) -> StageGain | tuple[StageGain, ...]:
        return self.stages[place]


@dataclass(frozen=True, slots=True)
class StageGain:
    """What requests gain when the stage, with all below it, takes half the time, or none.

    `own_half_ms`: how much p50 falls when only what the stage does itself takes half the time;
    a stage that only calls others has little of that, and is not what to work on.
    """

    stage: str
    half: Saving
    none: Saving
    own_half_ms: float
    requests: int

    def to_json(self) -> dict[str, object]:
        """One entry of `gains` in `latprobe report --json`."""
        return {
            "stage": self.stage,
            "half": self.half.to_json(),
            "none": self.none.to_json(),
            "own_half_p50_ms": self.own_half_ms,
            "requests": self.requests,
        }


def gains(query: Query, requests: Requests, *, seed: int = SEED) -> Gains:
    """The gain of each stage; none for fewer than 20 requests, or where what-if would refuse any
    change of a stage.

    From an even sample of the requests, each replayed for itself: waiting of requests for one
    another stays as recorded. Stages that only ever are whole requests are left out.
    """
    if len(requests) < FEWEST_REQUESTS:
        return Gains()
    refused = _refused(query, requests, seed)
    if refused is not None:
        return Gains(refused=refused)
    spans = max(int(requests.spans.sum()), 1)
    wanted = max(FEWEST_REQUESTS, len(requests) * SAMPLE_SPANS // spans)
    names, learner = Names(), Learner()
    batches = [each for _, each in recordings(query, even_sample(requests, wanted), names)]
    for recorded in batches:
        learner.add(recorded)
    precedence = learner.finish()
    graphs = [
        levelled(build_edges(each, precedence), len(each), each.tree.root) for each in batches
    ]
    before = _all(batches, graphs, [np.ones(len(each)) for each in batches])
    rng = np.random.default_rng(seed)
    rows = np.stack(
        list(block_draws(len(before), rng=rng, draws=_DRAWS, block=block_length(before)))
    )
    base = _quantiles(before, rows)
    found = [
        _gain(stage, code, batches, graphs, base, rows)
        for stage, code in _candidates(batches, names)
    ]
    found.sort(key=lambda gain: (-gain.own_half_ms, -gain.half.p50_ms, gain.stage))
    return Gains(tuple(found))


def _refused(query: Query, requests: Requests, seed: int) -> str | None:
    """Why nothing can be said of these requests together, or `predict` would refuse, whichever
    stage changes."""
    mixed = mixed_programs(query, requests)
    if mixed is not None:
        return mixed.reason
    work = Work((), [], seed, spans=int(requests.spans.sum()))
    work.learn(query, requests)
    reason = too_crowded(work)
    if reason is not None:
        return reason
    queued = Queued.look(work)
    if isinstance(queued, Refusal):
        return queued.reason
    return None if queued is None else replayed_badly(work, queued)


def _candidates(batches: Sequence[Recording], names: Names) -> list[tuple[str, int]]:
    """Stages below the requests' roots that carry no calls, those with the most time first."""
    time = np.zeros(len(names.codes) + 1)
    for each in batches:
        inner, _ = each.tree.callers()
        duration = each.spans.duration_ns[inner].astype(np.float64)
        time += np.bincount(each.name[inner], weights=duration, minlength=len(time))[: len(time)]
    known = sorted(names.codes.items(), key=lambda item: (-time[item[1]], item[0]))
    return [(name, code) for name, code in known if time[code] > 0][:MOST_STAGES]


def _gain(
    stage: str,
    code: int,
    batches: Sequence[Recording],
    graphs: Sequence[Graph],
    base: Floats,
    rows: Ints,
) -> StageGain:
    def saved(values: list[Floats]) -> Floats:
        return np.asarray(base - _quantiles(_all(batches, graphs, values), rows))

    half = saved([below(each, code, 0.5) for each in batches])
    none = saved([below(each, code, 0.0) for each in batches])
    own = saved([np.where(each.name[each.tree.owner] == code, 0.5, 1.0) for each in batches])
    count = sum(len(each.tree.root) for each in batches)
    return StageGain(stage, _saving(half), _saving(none), float(own[0, 0]), count)


def _saving(saved_ms: Floats) -> Saving:
    """Row 0 is what was recorded, the others are draws."""
    (p50, p95), draws = saved_ms[0].tolist(), saved_ms[1:]
    return Saving(p50, p95, interval_of(draws[:, 0]), interval_of(draws[:, 1]))


def _all(
    batches: Sequence[Recording], graphs: Sequence[Graph], factors: Sequence[Floats]
) -> Floats:
    took = [
        request_ns(graph, replay(graph, factor))
        for graph, factor in zip(graphs, factors, strict=True)
    ]
    return np.concatenate(took)


def _quantiles(values: Floats, rows: Ints) -> Floats:
    """p50 and p95 in ms: of all values, then of each draw, all draws at once."""
    drawn = np.quantile(values[rows], _QUANTILES, axis=1).T
    whole = np.quantile(values, _QUANTILES)[None, :]
    return np.asarray(np.concatenate((whole, drawn)) / 1e6)
