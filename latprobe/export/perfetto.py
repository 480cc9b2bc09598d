"""A Chrome JSON trace, as ui.perfetto.dev and chrome://tracing open it.

A track for each process and thread; spans of one thread that overlap (asyncio) get lanes of their
own beside it; counters of GPU, host and processes are counter tracks. Times are us since
`otherData.epoch_ns`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from latprobe.export.content import without_content
from latprobe.export.lanes import Lanes
from latprobe.export.stored_spans import Run, StoredSpan
from latprobe.store.query import Query

_ARGUMENTS = (
    "modality", "model", "provider", "operation", "input_tokens", "output_tokens",
    "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "cost_usd", "ttft_ns",
    "queue_ns", "prefill_ns", "decode_ns", "cpu_ns", "chunks", "error_type", "status_message",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counter:
    """One reading of a counter; `process` is its run and pid, None for GPU and host."""

    time_ns: int
    source: str
    device: str | None
    process: tuple[int, int] | None
    metric: str
    value: float


@dataclass(slots=True)
class _Tracks:
    """Numbers of processes and threads, given in the order of their first span."""

    runs: Mapping[int, Run]
    processes: dict[object, int] = field(default_factory=dict)
    threads: dict[tuple[int, str | None, int], int] = field(default_factory=dict)
    lanes: dict[tuple[int, str | None], Lanes] = field(default_factory=dict)

    def process(self, key: object, name: str) -> Iterator[dict[str, Any]]:
        """What names the process, when it is new."""
        if key not in self.processes:
            self.processes[key] = number = len(self.processes) + 1
            yield _named("process_name", name, pid=number)

    def process_name(self, run_id: int, pid: int | None) -> str:
        run = self.runs.get(run_id)
        service = run.service if run else f"run {run_id}"
        return service if pid is None else f"{service} (process {pid})"

    def thread(
        self, process: int, thread: str | None, start_ns: int, end_ns: int
    ) -> tuple[int, list[dict[str, Any]]]:
        """The track's number, and what names it when it is new."""
        lanes = self.lanes.setdefault((process, thread), Lanes())
        lane = lanes.place(start_ns, end_ns)
        key = process, thread, lane
        if key in self.threads:
            return self.threads[key], []
        number = self.threads[key] = len(self.threads) + 1
        name = thread or "spans"
        shown = name if lane == 0 else f"{name} ({lane + 1})"
        return number, [_named("thread_name", shown, pid=process, tid=number)]


def trace_json(
    pages: Iterable[list[StoredSpan]],
    runs: Mapping[int, Run],
    counters: Iterable[Counter] = (),
    *,
    content: bool = False,
) -> Iterator[str]:
    """The file in pieces. The pages must come in the order of starts (stored_spans.TIME)."""
    tracks = _Tracks(runs)
    epoch_ns: int | None = None
    separator = "\n"
    for page in pages:
        if epoch_ns is None:
            epoch_ns = page[0].start_ns
            yield _head(epoch_ns)
        for span in page:
            for event in _span_events(span, tracks, epoch_ns, content=content):
                yield separator + _dumped(event)
                separator = ",\n"
    if epoch_ns is None:
        yield _head(0)
    for counter in counters:
        for event in _counter_events(counter, tracks, epoch_ns or 0):
            yield separator + _dumped(event)
            separator = ",\n"
    yield "\n]}\n"


def read_counters(query: Query, *, from_ns: int, to_ns: int) -> Iterator[Counter]:
    """The samples of that time."""
    rows = query(
        "SELECT time_ns, source, device, pid, run_id, metric, value FROM samples "
        "WHERE time_ns BETWEEN ? AND ? ORDER BY time_ns, source, device, pid, metric",
        [from_ns, to_ns],
    ).to_pylist()
    for row in rows:
        is_process = row["pid"] is not None and row["run_id"] is not None
        yield Counter(
            time_ns=row["time_ns"],
            source=row["source"],
            device=row["device"],
            process=(row["run_id"], row["pid"]) if is_process else None,
            metric=row["metric"],
            value=row["value"],
        )


def _head(epoch_ns: int) -> str:
    about = json.dumps({"epoch_ns": str(epoch_ns), "producer": "latprobe"})
    return f'{{"displayTimeUnit":"ms","otherData":{about},"traceEvents":['


def _span_events(
    span: StoredSpan, tracks: _Tracks, epoch_ns: int, *, content: bool
) -> Iterator[dict[str, Any]]:
    key = span.run_id, span.pid
    yield from tracks.process(key, tracks.process_name(*key))
    process = tracks.processes[key]
    track, names = tracks.thread(
        process, span.thread, span.start_ns, span.start_ns + span.duration_ns
    )
    yield from names
    place = {"pid": process, "tid": track}
    yield {
        "name": span.name,
        "cat": span.modality or span.kind,
        "ph": "X",
        "ts": _us(span.start_ns - epoch_ns),
        "dur": _us(span.duration_ns),
        **place,
        "args": _arguments(span, content=content),
    }
    for event in span.events:
        yield {
            "name": event.name,
            "cat": "event",
            "ph": "i",
            "s": "t",
            "ts": _us(event.time_ns - epoch_ns),
            **place,
        }


def _arguments(span: StoredSpan, *, content: bool) -> dict[str, Any]:
    """Ids, columns that say something, then the attributes."""
    found: dict[str, Any] = {
        "trace_id": span.trace_id,
        "span_id": f"{span.span_id:016x}",
        "parent_span_id": None if span.parent_span_id is None else f"{span.parent_span_id:016x}",
        "status": span.status,
    }
    found |= {name: getattr(span, name) for name in _ARGUMENTS}
    found |= span.attributes if content else without_content(span.attributes)
    return {name: value for name, value in found.items() if value is not None}


def _counter_events(counter: Counter, tracks: _Tracks, epoch_ns: int) -> Iterator[dict[str, Any]]:
    key: object
    if counter.process is not None:
        key, name = counter.process, tracks.process_name(*counter.process)
    elif counter.device is not None:
        key, name = (counter.source, counter.device), f"{counter.source} {counter.device}"
    else:
        key, name = counter.source, counter.source
    yield from tracks.process(key, name)
    yield {
        "name": counter.metric,
        "ph": "C",
        "ts": _us(counter.time_ns - epoch_ns),
        "pid": tracks.processes[key],
        "args": {"value": counter.value},
    }


def _named(what: str, name: str, **place: int) -> dict[str, Any]:
    return {"name": what, "ph": "M", **place, "args": {"name": name}}


def _us(value_ns: int) -> float:
    return value_ns / 1000


def _dumped(event: dict[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))
