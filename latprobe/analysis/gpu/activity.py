"""When each stage of the recorded requests had the GPU, and what was noted of its runs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latprobe.analysis.gpu.occupancy import Floats, Segments, innermost
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import build_tree
from latprobe.store.query import Query

# The newest spans are enough for intervals of a few percent, and bound memory and time.
MAX_SPANS = 200_000
# Notes of a run, from `gpu_spans`; NaN where they were not taken.
NOTES = ("gpu_ns", "gpu_lag_ns", "sync_wait_ns", "h2d_bytes", "d2h_bytes", "alloc_peak_bytes")


@dataclass(frozen=True, slots=True)
class Activity:
    """Spans that ran while a GPU was read. `names` are the stages, each of the program in
    `services` beside it; other fields are one a span, `run` is the run that each is of.

    `segments` are the times in which a span was the innermost one, on the GPU where an event pair
    said when that was, else on the host; `active_ns` is their sum for each span, `own_ns` what of
    its host time no child covers. `notes` has a column for each of NOTES. `device` is empty
    where it was not noted. In `segments` the
    stage of a cold run is -1; `segment_row` is the span that each is of.
    """

    names: tuple[str, ...]
    services: tuple[str, ...]
    stage: Ints
    trace: Ints
    run: Ints
    start_ns: Ints
    end_ns: Ints
    own_ns: Ints
    active_ns: Ints
    cpu_share: Floats
    notes: dict[str, Floats]
    is_cold: np.ndarray[tuple[int], np.dtype[np.bool_]]
    device: tuple[str, ...]
    segments: Segments
    segment_row: Ints

    @property
    def requests(self) -> int:
        """Distinct traces."""
        return len(np.unique(self.trace))

    def on_card(self, device: str, runs: Collection[int]) -> Activity:
        """The spans that ran on it: those that say so, and those that say nothing of a run that
        did. Stages without any are left out."""
        noted = np.array([each == device for each in self.device], np.bool_)
        silent = np.array([not each for each in self.device], np.bool_)
        return self._take(np.flatnonzero(noted | (silent & np.isin(self.run, list(runs)))))

    def _take(self, rows: Ints) -> Activity:
        stages, stage = np.unique(self.stage[rows], return_inverse=True)
        place = np.full(len(self.stage), -1, np.int64)
        place[rows] = np.arange(len(rows))
        kept = np.flatnonzero(place[self.segment_row] >= 0)
        code = np.full(len(self.names) + 1, -1, np.int64)  # the last one for stage -1
        code[stages] = np.arange(len(stages))
        segments = self.segments
        return Activity(
            names=tuple(self.names[at] for at in stages.tolist()),
            services=tuple(self.services[at] for at in stages.tolist()),
            stage=stage.reshape(-1).astype(np.int64),
            trace=self.trace[rows],
            run=self.run[rows],
            start_ns=self.start_ns[rows],
            end_ns=self.end_ns[rows],
            own_ns=self.own_ns[rows],
            active_ns=self.active_ns[rows],
            cpu_share=self.cpu_share[rows],
            notes={note: column[rows] for note, column in self.notes.items()},
            is_cold=self.is_cold[rows],
            device=tuple(self.device[at] for at in rows.tolist()),
            segments=Segments(
                code[segments.stage[kept]], segments.start_ns[kept], segments.end_ns[kept]
            ),
            segment_row=place[self.segment_row[kept]],
        )


def fetch_activity(query: Query, scope: Scope) -> Activity | None:
    """The newest spans of the requests in the scope; None when there is none."""
    where, parameters = scope.where()
    table = query(
        f"""
        WITH newest AS (
            SELECT s.trace_id FROM spans s WHERE {where}
            ORDER BY s.start_ns DESC LIMIT {MAX_SPANS}
        )
        SELECT s.trace_id AS trace, s.span_id, s.parent_span_id, s.start_ns, s.duration_ns,
               s.name, s.cpu_ns, s.run_id, coalesce(r.service, '') AS service,
               g.gpu_start_ns - s.start_ns AS gpu_after_ns, g.gpu_ns,
               g.gpu_lag_ns, g.sync_wait_ns,
               g.h2d_bytes, g.d2h_bytes, g.alloc_peak_bytes, g.is_cold, g.device
        FROM spans s
        LEFT JOIN gpu_spans g ON g.trace_id = s.trace_id AND g.span_id = s.span_id
        LEFT JOIN runs r ON r.run_id = s.run_id
        WHERE s.trace_id IN (SELECT trace_id FROM newest)""",
        parameters,
    )
    return _activity(table) if table.num_rows else None


def _activity(table: pa.Table) -> Activity:
    spans = Spans.from_table(table)
    parent = build_tree(spans).parent
    row = spans.row
    gpu_after, gpu_ns = _floats(table, "gpu_after_ns")[row], _floats(table, "gpu_ns")[row]
    is_cold = np.asarray([value is True for value in table["is_cold"].to_pylist()])[row]
    timed = np.isfinite(gpu_after) & np.isfinite(gpu_ns)
    start = spans.start_ns + np.where(timed, gpu_after, 0.0).astype(np.int64)
    end = np.where(timed, start + np.nan_to_num(gpu_ns).astype(np.int64), spans.end_ns)
    rows = np.arange(len(spans))
    on_gpu = innermost(start, end, parent, rows)
    stages = _stages(spans, table)
    names = np.where(is_cold, -1, stages.stage)
    own = _length_ns(innermost(spans.start_ns, spans.end_ns, parent, rows), len(spans))
    cpu = _floats(table, "cpu_ns")[row]
    inner = np.bincount(
        parent[parent >= 0], weights=np.nan_to_num(cpu)[parent >= 0], minlength=len(spans)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.maximum(cpu - inner, 0) / np.where(own > 0, own, np.nan), 0.0, 1.0)
    devices = table["device"].to_pylist()
    return Activity(
        names=stages.names,
        services=stages.services,
        stage=stages.stage,
        trace=spans.trace,
        run=np.asarray(table["run_id"].to_numpy()).astype(np.int64, copy=False)[row],
        start_ns=spans.start_ns,
        end_ns=spans.end_ns,
        own_ns=own,
        active_ns=_length_ns(on_gpu, len(spans)),
        cpu_share=share,
        notes={note: _floats(table, note)[row] for note in NOTES},
        is_cold=is_cold,
        device=tuple(devices[at] or "" for at in row.tolist()),
        segments=Segments(names[on_gpu.stage], on_gpu.start_ns, on_gpu.end_ns),
        segment_row=on_gpu.stage,
    )


@dataclass(frozen=True, slots=True)
class _Stages:
    names: tuple[str, ...]
    services: tuple[str, ...]
    stage: Ints


def _stages(spans: Spans, table: pa.Table) -> _Stages:
    """What each span is: a stage of one program is none of another's, whatever it is called."""
    encoded = pc.dictionary_encode(table["service"].combine_chunks())
    services = tuple(str(each) for each in encoded.dictionary.to_pylist())
    service = np.asarray(encoded.indices.to_numpy()).astype(np.int64)[spans.row]
    both, stage = np.unique(spans.name * len(services) + service, return_inverse=True)
    return _Stages(
        tuple(spans.names[at // len(services)] for at in both.tolist()),
        tuple(services[at % len(services)] for at in both.tolist()),
        stage.reshape(-1).astype(np.int64),
    )


def _length_ns(segments: Segments, rows: int) -> Ints:
    length = segments.end_ns - segments.start_ns
    return np.bincount(segments.stage, weights=length, minlength=rows).astype(np.int64)


def _floats(table: pa.Table, name: str) -> Floats:
    """A column with NaN for NULL."""
    return np.asarray(
        table[name].cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64
    )
