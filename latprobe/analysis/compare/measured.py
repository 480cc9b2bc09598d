"""What is compared: every request and call of one recording, in the order of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latprobe.analysis.compare.request_tokens import TokenColumns, fetch_tokens
from latprobe.analysis.critical_path import critical_ns
from latprobe.analysis.requests import (
    Requests,
    even_sample,
    fetch_batches,
    fetch_requests,
    requests_sql,
)
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import build_tree
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

    `requests` and `active_ns` (first start to last end, summed over its runs) are of all of them.
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


def measure(query: Query, scope: Scope, *, max_requests: int = MAX_REQUESTS) -> Measured:
    """The requests of the scope and the calls of their stages; empty when nothing matches."""
    requests = fetch_requests(query, scope)
    run = _runs_of(query, scope, len(requests))
    sample = even_sample(requests, max_requests)
    row = even_rows(len(requests), len(sample))
    found = fetch_tokens(query, scope, sample.trace_id)
    stages = _stage_calls(query, sample, found.stages)
    notes = (*found.notes, *_sample_note(len(sample), len(requests)))
    return Measured(
        requests=len(requests),
        active_ns=_active_ns(requests, run),
        start_ns=sample.start_ns,
        duration_ns=sample.duration_ns,
        is_error=sample.is_error,
        run=run[row],
        tokens=found.requests,
        stages=stages,
        notes=notes,
    )


def even_rows(count: int, wanted: int) -> Ints:
    """The rows that `even_sample` takes."""
    return np.arange(wanted, dtype=np.int64) * count // max(wanted, 1)


def _sample_note(sampled: int, requests: int) -> tuple[str, ...]:
    if sampled == requests:
        return ()
    return (f"Figures come from {sampled:,} of {requests:,} requests, evenly over time.",)


def _runs_of(query: Query, scope: Scope, count: int) -> Ints:
    """The run of each request's root, in the order of `fetch_requests`."""
    if scope.run_id is not None:
        return np.zeros(count, np.int64)
    sql, parameters = requests_sql(scope)
    table = query(
        f"SELECT run_id::BIGINT AS run FROM ({sql}) ORDER BY start_ns, trace_id", parameters
    )
    return np.asarray(table["run"].to_numpy()).astype(np.int64, copy=False)


def _active_ns(requests: Requests, run: Ints) -> int:
    """First start to last end of each run, summed: the pause between two runs is nobody's time."""
    total = 0
    for each in np.unique(run).tolist():
        rows = run == each
        ends = requests.start_ns[rows] + requests.duration_ns[rows]
        total += int(ends.max()) - int(requests.start_ns[rows].min())
    return total


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
    critical = critical_ns(spans, build_tree(spans))
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
