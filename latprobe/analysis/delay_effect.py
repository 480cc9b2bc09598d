"""What a random delay of a stage did to the requests: a measured effect, not an association.

The requests to delay were chosen at random (latprobe.probe), so apart from chance those delayed and
the others differ in the delay alone. Intervals by block bootstrap over all of them in the order of
time, which keeps both groups under the same load; the p-value by shuffling who was delayed, which
is exact under randomisation (Fisher, "The Design of Experiments", 1935).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.counted import counted
from latprobe.analysis.intervals import (
    DRAWS,
    SEED,
    Estimate,
    block_draws,
    block_length,
    interval_of,
    quantiles_of,
)
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.roots import roots_sql
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.store.query import Query

# The attribute that latprobe.probe leaves on the stage's spans; it may not be imported here.
DELAY_ATTRIBUTE = "latprobe.delay_ms"

# Fewer requests in one of the groups say nothing of their median, of their 95th percentile.
FEWEST = 30
FEWEST_FOR_P95 = 100

_SHUFFLES = 999

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Effect:
    """How much longer one percentile of the delayed requests was, in ms, and that over the delay:
    `criticality` 1 means that all of it reached the request's end, 0 that none did."""

    effect_ms: Estimate
    criticality: Estimate


@dataclass(frozen=True, slots=True)
class DelayEffect:
    """The experiment on one stage. `delay_ms`: what delayed requests really slept, by the median.

    `p_value`: how often chance alone would part the medians so far. `p95` is refused on its own.
    """

    stage: str
    delayed: int
    others: int
    delay_ms: float
    p50: Effect
    p95: Effect | Refusal
    p_value: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """The requests of one experiment in the order of time, in ms; `delay_ms` 0: not delayed."""

    duration_ms: Floats
    delay_ms: Floats

    @property
    def is_delayed(self) -> Bools:
        return self.delay_ms > 0


_NOTES = (
    "Delayed requests hold their servers longer: where requests wait for one another the others "
    "are slowed too, and the effect is understated. A small share keeps that small.",
    "Shortening the stage gains as much as delaying it costs only while it stays what is waited "
    "for.",
)


@dataclass(frozen=True, slots=True)
class Experiment:
    """One stage's delay in the requests with one name, and what it did or why that is not told."""

    stage: str
    request: str
    found: DelayEffect | Refusal


def delay_effects(
    query: Query, scope: Scope = EVERYTHING, *, seed: int = SEED
) -> tuple[Experiment, ...]:
    """Every experiment recorded in the scope, by stage and request name.

    Requests of different names are not mixed: the median of a mixture is nobody's.
    """
    found = []
    for stage, delay_ms in _delays(query, scope).items():
        names, traces, duration_ms = _requests(query, scope, stage)
        for name in sorted(set(names)):
            rows = [
                row for row, trace in enumerate(traces) if names[row] == name and trace in delay_ms
            ]
            delays = np.array([delay_ms[traces[row]] for row in rows], np.float64)
            trial = Trial(duration_ms[rows], delays)
            if len(rows):
                found.append(Experiment(stage, name, delay_effect(stage, trial, seed=seed)))
    return tuple(found)


def delay_effect(stage: str, trial: Trial, *, seed: int = SEED) -> DelayEffect | Refusal:
    """The effect in one experiment, or why there is none to tell."""
    delayed = trial.is_delayed
    treated, others = int(delayed.sum()), int((~delayed).sum())
    if min(treated, others) < FEWEST:
        return Refusal(
            f"Delayed in {stage!r}: {counted(treated, 'request')}, not delayed: {others}; "
            f"record until there are {FEWEST} of each."
        )
    slept_ms = float(np.median(trial.delay_ms[delayed]))
    rng = np.random.default_rng(seed)
    drawn = _drawn(trial, rng)
    value = _differences(trial.duration_ms, delayed)
    p95: Effect | Refusal = _effect(float(value[1]), drawn[:, 1], slept_ms)
    if min(treated, others) < FEWEST_FOR_P95:
        p95 = Refusal(
            f"The 95th percentile of {min(treated, others)} requests is chance; record until "
            f"{FEWEST_FOR_P95} were delayed and as many not."
        )
    return DelayEffect(
        stage=stage,
        delayed=treated,
        others=others,
        delay_ms=slept_ms,
        p50=_effect(float(value[0]), drawn[:, 0], slept_ms),
        p95=p95,
        p_value=_p_value(trial, float(value[0]), rng),
        notes=_NOTES,
    )


def _effect(value: float, drawn: Floats, slept_ms: float) -> Effect:
    return Effect(
        Estimate(value, interval_of(drawn)),
        Estimate(value / slept_ms, interval_of(drawn / slept_ms)),
    )


def _differences(duration_ms: Floats, delayed: Bools) -> Floats:
    """How much higher p50 and p95 of the delayed are."""
    return quantiles_of(duration_ms[delayed], (0.5, 0.95)) - quantiles_of(
        duration_ms[~delayed], (0.5, 0.95)
    )


def _drawn(trial: Trial, rng: np.random.Generator) -> Floats:
    delayed, duration = trial.is_delayed, trial.duration_ms
    block = block_length(duration[~delayed])
    found = []
    for rows in block_draws(len(duration), rng=rng, draws=DRAWS, block=block):
        chosen = delayed[rows]
        if 0 < int(chosen.sum()) < len(chosen):
            found.append(_differences(duration[rows], chosen))
    return np.array(found)


def _p_value(trial: Trial, value: float, rng: np.random.Generator) -> float:
    further, duration, delayed = 0, trial.duration_ms, trial.is_delayed
    for _ in range(_SHUFFLES):
        shuffled = rng.permutation(delayed)
        (after,) = quantiles_of(duration[shuffled], (0.5,))
        (before,) = quantiles_of(duration[~shuffled], (0.5,))
        further += bool(abs(after - before) >= abs(value))
    return (further + 1) / (_SHUFFLES + 1)


def _requests(query: Query, scope: Scope, stage: str) -> tuple[list[str], list[str], Floats]:
    """Name, trace id and duration in ms of the requests with this stage, by their start."""
    sql, parameters = roots_sql(replace(scope, stage=stage))
    table = query(
        f"""SELECT name, trace_id::VARCHAR AS trace_id, duration_ns / 1e6 AS duration_ms
        FROM ({sql}) ORDER BY start_ns, trace_id""",
        parameters,
    )
    duration = np.asarray(table["duration_ms"].to_numpy(), np.float64)
    return table["name"].to_pylist(), table["trace_id"].to_pylist(), duration


def _delays(query: Query, scope: Scope) -> Mapping[str, dict[str, float]]:
    """By stage and trace: the delay of all the stage's runs in the request, in ms."""
    where, parameters = scope.where()
    told = f"""TRY_CAST(s.attributes->>'$."{DELAY_ATTRIBUTE}"' AS DOUBLE)"""
    table = query(
        f"""
        SELECT s.name, s.trace_id::VARCHAR AS trace_id, sum({told}) AS delay_ms
        FROM spans s WHERE {where} AND s.attributes IS NOT NULL AND {told} IS NOT NULL
        GROUP BY s.name, s.trace_id ORDER BY s.name
        """,
        parameters,
    )
    found: dict[str, dict[str, float]] = {}
    names, traces, delays = (table[key].to_pylist() for key in ("name", "trace_id", "delay_ms"))
    for name, trace, delay in zip(names, traces, delays, strict=True):
        found.setdefault(name, {})[trace] = delay
    return found


def mean_stage_ms(query: Query, scope: Scope, stage: str) -> float | None:
    """How long the stage takes on average where it is not delayed, in ms."""
    where, parameters = scope.where()
    told = f"""TRY_CAST(s.attributes->>'$."{DELAY_ATTRIBUTE}"' AS DOUBLE)"""
    table = query(
        f"""SELECT avg(s.duration_ns) / 1e6 AS mean_ms FROM spans s
        WHERE {where} AND s.name = ? AND {told} = 0""",
        [*parameters, stage],
    )
    value = table["mean_ms"][0].as_py()
    return None if value is None else float(value)
