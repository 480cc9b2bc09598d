"""Changes, and the settings of the simulated pipeline that make the same change for real."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from latprobe.analysis.whatif import (
    CacheHit,
    Change,
    Concurrency,
    Parallel,
    Remove,
    Replicas,
    Scale,
)
from tests.analysis.whatif import pipelines
from tests.analysis.whatif.simulator import Pipeline, World, record, record_callers, record_open

Times = Mapping[str, float]
# A p95 of 900 requests scatters by about 2 % by itself, one of 400 by 4 %.
REQUESTS = 900
REQUESTS_IN_LINE = 500


@dataclass(frozen=True)
class Case:
    """`run(seed, times)` records the pipeline; `times` are its settings with the change."""

    name: str
    run: Callable[[int, Times], World]
    changes: tuple[Change, ...]
    times: Times


def _alone(pipeline: Pipeline) -> Callable[[int, Times], World]:
    return lambda seed, times: record(pipeline, seed, requests=REQUESTS, times=times)


def _open(seed: int, times: Times) -> World:
    pipeline = pipelines.Served(2)
    return record_open(pipeline, seed, every_ms=32, requests=REQUESTS_IN_LINE, times=times)


def _callers(seed: int, times: Times) -> World:
    pipeline = pipelines.Served(1)
    return record_callers(pipeline, seed, callers=3, requests=REQUESTS_IN_LINE, times=times)


def _scales(pipeline: Pipeline, *every: Times) -> list[Case]:
    run = _alone(pipeline)
    return [
        Case(
            f"{pipeline.__name__} {dict(times)}",
            run,
            tuple(
                Scale(stage, factor) if factor else Remove(stage) for stage, factor in times.items()
            ),
            times,
        )
        for times in every
    ]


ALONE = [
    *_scales(
        pipelines.sequential,
        {"llm": 0.5},
        {"search": 0},
        {"embed": 3},
        {"llm": 0.3, "search": 2},
    ),
    *_scales(pipelines.nested, {"client": 0.5}, {"llm": 0.5}, {"embed": 0}),
    *_scales(pipelines.parallel, {"web": 0.3}, {"docs": 2}, {"plan": 0}, {"web": 0.5, "docs": 0.5}),
    *_scales(pipelines.chains, {"a1": 0.2}, {"b2": 2}, {"b1": 0.3}, {"a1": 3}),
    *_scales(pipelines.fan_out, {"fetch": 0.5}, {"fetch": 2}, {"rank": 0}, {"rank": 3}),
    *_scales(pipelines.pool, {"page": 0.5}, {"llm": 0.5}),
    *_scales(pipelines.retries, {"call": 0.5}, {"parse": 0}),
    *_scales(pipelines.loop, {"think": 0.5}, {"tool": 2}),
    *_scales(pipelines.streaming, {"llm": 0.5}, {"llm": 2}, {"speak": 0.3}, {"search": 0}),
    *_scales(pipelines.background, {"llm": 0.5}, {"log": 3}, {"log": 0}),
    Case(
        "in turn, then beside each other",
        _alone(pipelines.two_searches),
        (Parallel("web", "docs"),),
        {"beside": 1},
    ),
    Case(
        "beside each other and faster",
        _alone(pipelines.two_searches),
        (Parallel("docs", "web"), Scale("web", 0.5)),
        {"beside": 1, "web": 0.5},
    ),
    Case(
        "a cache that hits now and then",
        _alone(pipelines.cached),
        (CacheHit("search", 0.4),),
        {"hits": 0.4},
    ),
    Case(
        "a cache that hits mostly",
        _alone(pipelines.cached),
        (CacheHit("search", 0.9),),
        {"hits": 0.9},
    ),
]

TOGETHER = [
    Case("open, faster", _open, (Scale("gpu", 0.7),), {"gpu": 0.7}),
    Case("open, a worker more", _open, (Replicas("gpu", 3),), {"workers": 3}),
    Case("open, nothing before", _open, (Remove("prepare"),), {"prepare": 0}),
    Case("callers, faster", _callers, (Scale("gpu", 0.5),), {"gpu": 0.5}),
    Case("callers, a worker more", _callers, (Replicas("gpu", 2),), {"workers": 2}),
    Case("callers, slower elsewhere", _callers, (Scale("format", 2.0),), {"format": 2}),
    Case("callers, twice as many", _callers, (Concurrency(6),), {"callers": 6}),
]
