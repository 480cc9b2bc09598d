"""What one kind of cache would have saved on the calls that were recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.cache.lru import MISS, simulate
from latprobe.analysis.cache.traffic import Traffic
from latprobe.analysis.intervals import SEED, Interval, block_draws, block_length, interval_of

Kind = Literal["exact", "near_duplicate", "semantic", "prefix", "embedding", "kv"]

_S = 1_000_000_000
_DRAWS = 200
_SIZES = (10, 100, 1_000, 10_000)
_TTLS_S = (60.0, 300.0, 3_600.0, 86_400.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many entries a cache holds and how many seconds one serves; None: no limit."""

    size: int | None = 10_000
    ttl_s: float | None = 3_600.0

    @property
    def ttl_ns(self) -> int | None:
        """The same in nanoseconds."""
        return None if self.ttl_s is None else int(self.ttl_s * _S)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The hit ratio under other limits."""

    size: int | None
    ttl_s: float | None
    hit_ratio: float


@dataclass(frozen=True, slots=True)
class Opportunity:
    """One kind of cache over `calls`. Savings are sums over the recording, None if not known.

    `hit_ratio` is 0..1: of the calls; for prefixes of the input tokens, and of embeddings of the
    texts. `late_hit_ratio` is that of the second half, when the cache is no longer empty.
    `saved_ms` adds up the calls' own durations, for prefixes what the latency model says that the
    tokens took, `saved_ms_ci95` its interval: what requests gain is what `whatif` says.
    `same_answer_share`: of hits whose answers were both recorded, how many got the very same one.
    `saved_input_tokens` of prefixes are those served from the cache: cheaper, not spared, and no
    more than was billed. `size` is in entries, for prefixes in tokens. `refused`: why there are no
    figures.
    """

    kind: Kind
    calls: int
    hits: int
    hit_ratio: float | None
    hit_ratio_ci95: Interval | None
    late_hit_ratio: float | None
    size: int | None
    ttl_s: float | None
    saved_input_tokens: int | None
    saved_output_tokens: int | None
    saved_ms: float | None
    saved_cost_usd: float | None
    same_answer_share: float | None
    curve: tuple[CurvePoint, ...]
    notes: tuple[str, ...]
    refused: str | None = None
    saved_ms_ci95: Interval | None = None

    def to_json(self) -> dict[str, Any]:
        """All figures; the interval as [low, high]."""
        found: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        for name in ("hit_ratio_ci95", "saved_ms_ci95"):
            interval: Interval | None = found[name]
            found[name] = None if interval is None else interval.to_json()
        found["curve"] = [
            {"size": each.size, "ttl_s": each.ttl_s, "hit_ratio": each.hit_ratio}
            for each in self.curve
        ]
        return found


def refusal(kind: Kind, calls: int, reason: str) -> Opportunity:
    """No figures, and why."""
    nothing = (None,) * 8
    return Opportunity(kind, calls, 0, None, None, None, *nothing[:7], (), (), refused=reason)


def answers_saved(
    kind: Kind,
    traffic: Traffic,
    keys: NDArray[np.int64],
    limits: Limits,
    *,
    neighbours: Mapping[int, Sequence[int]] | None = None,
    notes: tuple[str, ...] = (),
) -> Opportunity:
    """A cache of whole answers by these keys: a call that is served is not made."""

    def serve(within: Limits) -> NDArray[np.int64]:
        return simulate(
            keys,
            traffic.start_ns,
            traffic.end_ns,
            size=within.size,
            ttl_ns=within.ttl_ns,
            neighbours=neighbours,
        )

    served = serve(limits)
    is_hit = served != MISS
    span_s = float(traffic.start_ns[-1] - traffic.start_ns[0]) / _S
    curve = [
        CurvePoint(each.size, each.ttl_s, float(np.mean(serve(each) != MISS)))
        for each in _other_limits(limits, entries=len(np.unique(keys)), span_s=span_s)
    ]
    return Opportunity(
        kind=kind,
        calls=len(traffic),
        hits=int(is_hit.sum()),
        hit_ratio=float(is_hit.mean()),
        hit_ratio_ci95=share_interval(is_hit.astype(np.float64), np.ones(len(is_hit))),
        late_hit_ratio=float(is_hit[len(is_hit) // 2 :].mean()),
        size=limits.size,
        ttl_s=limits.ttl_s,
        saved_input_tokens=_whole(added(traffic.input_tokens, is_hit)),
        saved_output_tokens=_whole(added(traffic.output_tokens, is_hit)),
        saved_ms=float(np.sum((traffic.end_ns - traffic.start_ns)[is_hit])) / 1e6,
        saved_cost_usd=added(traffic.cost_usd, is_hit),
        same_answer_share=_same_answers(traffic, served),
        curve=tuple(curve),
        notes=notes,
    )


def share_interval(part: NDArray[np.float64], whole: NDArray[np.float64]) -> Interval | None:
    """Where the share of sums lies, by blocks of time; None for few calls without any."""
    if not part.any():
        return None
    rng = np.random.default_rng(SEED)
    drawn = [
        float(part[rows].sum()) / max(float(whole[rows].sum()), 1e-12)
        for rows in block_draws(len(part), rng=rng, draws=_DRAWS, block=block_length(part))
    ]
    return interval_of(np.array(drawn))


def added(values: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float | None:
    """The sum where it is known for every chosen call; 0 for none chosen, None where it is not:
    a part of a sum is no sum."""
    picked = values[chosen]
    return None if np.isnan(picked).any() or np.isnan(values).all() else float(picked.sum())


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _other_limits(limits: Limits, *, entries: int, span_s: float) -> list[Limits]:
    """Other sizes at this life, other lives at this size; those that all fit into are one."""
    sizes: list[int | None] = [size for size in _SIZES if size < entries]
    lives: list[float | None] = [life for life in _TTLS_S if life < span_s]
    by_size = [Limits(size, limits.ttl_s) for size in [*sizes, None]]
    return by_size + [Limits(limits.size, life) for life in [*lives, None]]


def _same_answers(traffic: Traffic, served: NDArray[np.int64]) -> float | None:
    pairs = [
        traffic.answer[row] == traffic.answer[writer]
        for row, writer in enumerate(served.tolist())
        if writer != MISS and traffic.answer[row] and traffic.answer[writer]
    ]
    return sum(pairs) / len(pairs) if pairs else None
