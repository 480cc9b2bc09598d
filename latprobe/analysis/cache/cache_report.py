"""What caches would save on recorded traffic, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latprobe.analysis.cache.lru import MISS, simulate
from latprobe.analysis.cache.near_opportunity import distinct_inputs, near_duplicate, semantic
from latprobe.analysis.cache.opportunity import (
    Limits,
    Opportunity,
    answers_saved,
    share_interval,
)
from latprobe.analysis.cache.prefix_opportunity import InputPrice, prefix_opportunity
from latprobe.analysis.cache.semantic import Embed
from latprobe.analysis.cache.traffic import Traffic, fetch_traffic
from latprobe.analysis.counted import counted
from latprobe.analysis.no_data import nothing_found
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.store.query import Query

# Fewer calls say nothing about how often inputs come again.
LEAST_CALLS = 50
EMBEDDINGS = "embeddings"


@dataclass(frozen=True, slots=True)
class StageCache:
    """The caches for one stage's calls of one model (None: no model).

    `keyed` calls are those whose input is known, `distinct` the different inputs among them.
    `sampled` calls had a temperature over 0, `with_tools` called tools; None where not recorded.
    """

    stage: str
    model: str | None
    calls: int
    keyed: int
    distinct: int
    sampled: int | None
    with_tools: int | None
    opportunities: tuple[Opportunity, ...]
    notes: tuple[str, ...]
    refused: str | None

    def to_json(self) -> dict[str, Any]:
        """All of it, opportunities as objects."""
        found: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        found["opportunities"] = [each.to_json() for each in self.opportunities]
        return found


@dataclass(frozen=True, slots=True)
class CacheReport:
    """Stages whose inputs are known, those with most calls first."""

    stages: tuple[StageCache, ...]
    refused: str | None

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {"stages": [each.to_json() for each in self.stages], "refused": self.refused}


def cache_report(
    query: Query,
    scope: Scope = EVERYTHING,
    *,
    limits: Limits | None = None,
    embed: Embed | None = None,
    price: InputPrice | None = None,
) -> CacheReport:
    """Every kind of cache for every stage in the scope whose inputs were recorded.

    `embed` gives one vector a text, for semantic caching; without it there is none. Raises
    NoDataError where nothing is recorded.
    """
    within = limits if limits is not None else Limits()
    traffic = fetch_traffic(query, scope)
    if not traffic:
        where, parameters = scope.where()
        if not query(f"SELECT 1 FROM spans s WHERE {where} LIMIT 1", parameters).num_rows:
            raise nothing_found(query, scope)
        return CacheReport((), _NO_INPUTS)
    stages = [_of_stage(each, within, embed, price) for each in traffic]
    return CacheReport(tuple(sorted(stages, key=lambda each: -each.calls)), None)


_NO_INPUTS = (
    "No stage here says what its input was: record model calls with their content or its digests, "
    'or set one on the stage, for example stage("ocr", input_hash=...).'
)


def _of_stage(
    traffic: Traffic, limits: Limits, embed: Embed | None, price: InputPrice | None
) -> StageCache:
    keyed = _with_input(traffic)
    found = StageCache(
        stage=traffic.stage,
        model=traffic.model,
        calls=len(traffic),
        keyed=len(keyed),
        distinct=distinct_inputs(keyed.key),
        sampled=_count(traffic.temperature),
        with_tools=_count(traffic.tools_called),
        opportunities=(),
        notes=(),
        refused=None,
    )
    if len(keyed) < LEAST_CALLS:
        reason = (
            f"The input is known of {counted(len(keyed), 'call')}; how often one comes again needs "
            f"{LEAST_CALLS}: record more, with content or its digests."
        )
        return replace(found, refused=reason)
    return replace(
        found,
        opportunities=tuple(_opportunities(keyed, limits, embed, price)),
        notes=_preconditions(found),
    )


def _opportunities(
    traffic: Traffic, limits: Limits, embed: Embed | None, price: InputPrice | None
) -> list[Opportunity]:
    if traffic.operation == EMBEDDINGS:
        return [_embedding_cache(traffic, limits)]
    found = [answers_saved("exact", traffic, traffic.key, limits)]
    if any(traffic.parts):
        found.append(near_duplicate(traffic, limits))
        if embed is not None:
            found.append(semantic(traffic, limits, embed))
        found.append(prefix_opportunity(traffic, price))
    return found


def _embedding_cache(traffic: Traffic, limits: Limits) -> Opportunity:
    """Text by text: a call with several is spared where all of them are known.

    Tokens are those of the texts; time and cost are of the calls that are spared wholly.
    """
    if not any(traffic.parts):
        return answers_saved("embedding", traffic, traffic.key, limits)
    row = np.repeat(np.arange(len(traffic)), [len(each) for each in traffic.parts])
    parts = [part for each in traffic.parts for part in each]
    numbers: dict[int, int] = {}
    keys = np.array([numbers.setdefault(p.digest, len(numbers)) for p in parts], np.int64)
    served = simulate(
        keys, traffic.start_ns[row], traffic.end_ns[row], size=limits.size, ttl_ns=limits.ttl_ns
    )
    is_hit = served != MISS
    tokens = np.array([part.tokens for part in parts], np.float64)
    wholly = np.bincount(row, weights=~is_hit, minlength=len(traffic)) == 0
    by_call = answers_saved("embedding", traffic, traffic.key, limits)
    cost = traffic.cost_usd[wholly]
    texts = np.bincount(row, minlength=len(traffic)).astype(np.float64)
    hits = np.bincount(row, weights=is_hit, minlength=len(traffic)).astype(np.float64)
    return replace(
        by_call,
        hits=int(is_hit.sum()),
        hit_ratio=float(is_hit.mean()),
        hit_ratio_ci95=share_interval(hits, texts),
        late_hit_ratio=float(is_hit[len(is_hit) // 2 :].mean()),
        saved_input_tokens=round(float(tokens[is_hit].sum())),
        saved_output_tokens=0,
        saved_ms=float((traffic.end_ns - traffic.start_ns)[wholly].sum()) / 1e6,
        saved_cost_usd=None if np.isnan(cost).any() else float(cost.sum()),
        notes=("Hits are of single texts; time and cost of calls that are spared wholly.",),
    )


def _with_input(traffic: Traffic) -> Traffic:
    """The calls whose input is known."""
    rows = np.flatnonzero(traffic.key >= 0)
    if len(rows) == len(traffic):
        return traffic
    return replace(
        traffic,
        start_ns=traffic.start_ns[rows],
        end_ns=traffic.end_ns[rows],
        key=traffic.key[rows],
        answer=tuple(traffic.answer[row] for row in rows.tolist()),
        parts=tuple(traffic.parts[row] for row in rows.tolist()),
        input_tokens=traffic.input_tokens[rows],
        output_tokens=traffic.output_tokens[rows],
        cache_read_tokens=traffic.cache_read_tokens[rows],
        cost_usd=traffic.cost_usd[rows],
        temperature=traffic.temperature[rows],
        tools_called=traffic.tools_called[rows],
        timed=traffic.timed.take(rows),
    )


def _count(values: Any) -> int | None:
    return None if np.isnan(values).all() else int(np.sum(np.nan_to_num(values) > 0))


def _preconditions(found: StageCache) -> tuple[str, ...]:
    notes = []
    if found.sampled:
        notes.append(
            f"{found.sampled:,} of {counted(found.calls, 'call')} had a temperature over 0: a "
            "cache of answers gives everybody the first one."
        )
    if found.with_tools:
        notes.append(
            f"{counted(found.with_tools, 'call')} called tools: an answer from a cache calls none."
        )
    return tuple(notes)
