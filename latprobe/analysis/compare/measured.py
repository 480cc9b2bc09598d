"""What is compared: every request and call of one recording, in the order of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latprobe.analysis.active_time import active_ns
from latprobe.analysis.compare.request_tokens import TokenColumns, fetch_tokens
from latprobe.analysis.critical_path import critical_ns
from latprobe.analysis.mixed_programs import mixed_programs
from latprobe.analysis.requests import (
    Requests,
    even_sample,
    fetch_batches,
    fetch_requests,
)
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import build_tree
from latprobe.errors import NoDataError
from latprobe.store.query import Query

Floats = NDArray[np.float64]

# Intervals of more requests are narrower than any change of interest; more than so many are
# sampled evenly over time.
MAX_REQUESTS = 10_000


@dataclass(frozen=True, slots=True)
class StageCalls:
    """The calls of one stage by their request's place and start; `tokens` are a request's.

    `critical_ns` is what the call itself contributes to its request's critical path.
    """

    request: Ints
    duration_ns: Ints
    critical_ns: Ints
    is_error: NDArray[np.bool_]
    tokens: TokenColumns | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One recording. All columns are of the sampled requests, in the order of their starts.

    `requests` and `active_ns` (first start to last end of its runs) are of all of them.
    `run` tells requests of different runs apart.
    """

    requests: int
    active_ns: int
    start_ns: Ints
    duration_ns: Ints
    is_error: NDArray[np.bool_]
    run: Ints
    tokens: TokenColumns | None
    stages: Mapping[str, StageCalls]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.start_ns)

    @property
    def throughput_per_s(self) -> float | None:
        """Requests a second while its runs ran; None of fewer than two or of no time."""
        if self.requests < 2 or self.active_ns <= 0:
            return None
        return self.requests / (self.active_ns / 1e9)


def are_same(one: Measured, other: Measured) -> bool:
    """Whether both are the very same requests, also where one was kept in a file (whole us)."""
    return len(one) == len(other) > 0 and all(
        np.array_equal((first + 500) // 1000, (second + 500) // 1000)
        for first, second in (
            (one.start_ns - one.start_ns[0], other.start_ns - other.start_ns[0]),
            (one.duration_ns, other.duration_ns),
        )
    )


@dataclass(frozen=True, slots=True)
class MeasuredRequests:
    """A recording before its stages are read: `measured` has none yet."""

    measured: Measured
    sample: Requests
    stage_tokens: Mapping[str, TokenColumns]


def measure(query: Query, scope: Scope, *, max_requests: int = MAX_REQUESTS) -> Measured:
    """The requests of the scope and the calls of their stages; empty when nothing matches. Raises
    NoDataError where they are of programs with different work."""
    return with_stages(query, measure_requests(query, scope, max_requests=max_requests))


def measure_requests(
    query: Query, scope: Scope, *, max_requests: int = MAX_REQUESTS
) -> MeasuredRequests:
    """The requests of the scope, which takes a third of the time of `measure`. Raises NoDataError
    where they are of programs with different work."""
    requests = fetch_requests(query, scope)
    # A run's requests may begin in programs that call it; they are one recording all the same.
    run = requests.run if scope.run_id is None else np.zeros(len(requests), np.int64)
    requests = replace(requests, run=run)
    mixed = mixed_programs(query, requests)
    if mixed is not None:
        raise NoDataError(mixed.reason)
    sample = even_sample(requests, max_requests)
    found = fetch_tokens(query, sample.trace_id)
    notes = (*found.notes, *_sample_note(len(sample), len(requests)))
    measured = Measured(
        requests=len(requests),
        active_ns=active_ns(requests.start_ns, requests.start_ns + requests.duration_ns, run),
        start_ns=sample.start_ns,
        duration_ns=sample.duration_ns,
        is_error=sample.is_error,
        run=sample.run,
        tokens=found.requests,
        stages={},
        notes=notes,
    )
    return MeasuredRequests(measured, sample, found.stages)


def with_stages(query: Query, requests: MeasuredRequests) -> Measured:
    """The recording with the calls of its stages, which are read now."""
    stages = _stage_calls(query, requests.sample, requests.stage_tokens)
    return replace(requests.measured, stages=stages)


def _sample_note(sampled: int, requests: int) -> tuple[str, ...]:
    if sampled == requests:
        return ()
    return (f"Figures come from {sampled:,} of {requests:,} requests, evenly over time.",)


def _stage_calls(
    query: Query, sample: Requests, tokens: Mapping[str, TokenColumns]
) -> dict[str, StageCalls]:
    parts: dict[str, list[StageCalls]] = {}
    offset = 0
    for requests, table in fetch_batches(query, sample):
        for name, calls in _batch_calls(table, offset).items():
            parts.setdefault(name, []).append(calls)
        offset += len(requests)
    return {name: _joined(calls, tokens.get(name)) for name, calls in parts.items()}


def _batch_calls(table: pa.Table, offset: int) -> dict[str, StageCalls]:
    spans = Spans.from_table(table)
    if len(spans) == 0:
        return {}
    tree = build_tree(spans)
    critical = tree.credited(critical_ns(spans, tree))
    is_error = np.asarray(table["status"].to_numpy() == "error")[spans.row]
    found = {}
    for code, name in enumerate(spans.names):
        rows = np.flatnonzero(spans.name == code)
        found[name] = StageCalls(
            spans.trace[rows] + offset, spans.duration_ns[rows], critical[rows], is_error[rows]
        )
    return found


def _joined(parts: list[StageCalls], tokens: TokenColumns | None) -> StageCalls:
    return StageCalls(
        np.concatenate([each.request for each in parts]),
        np.concatenate([each.duration_ns for each in parts]),
        np.concatenate([each.critical_ns for each in parts]),
        np.concatenate([each.is_error for each in parts]),
        tokens,
    )
