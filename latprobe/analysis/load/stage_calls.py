"""Every run of every stage in a stretch of time: when it came, ran and ended, where, how big."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latprobe.analysis.load.call_facts import CallFacts, fetch_facts
from latprobe.analysis.queueing.arrivals import arrival_ns
from latprobe.analysis.requests import Requests, fetch_batches
from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import build_tree
from latprobe.store.query import Query

# Load needs every request of a stretch, not a sample: about so many spans, the latest ones.
MAX_SPANS = 400_000


@dataclass(frozen=True, slots=True)
class StageCalls:
    """One stage's runs by their start. `arrival_ns` is when one could have started.

    `replica` is None where a run says nothing of it; `items` NaN. `is_root`: requests begin here,
    so nothing that lies before it is recorded. `request` numbers the requests; `run` is the run of
    the program that each is of, None where that is not known.
    """

    name: str
    modality: str | None
    arrival_ns: Ints
    start_ns: Ints
    end_ns: Ints
    request: Ints
    is_root: bool
    replica: tuple[str | None, ...]
    items: NDArray[np.float64]
    run: Ints | None = None

    def __len__(self) -> int:
        return len(self.start_ns)

    @property
    def service_ns(self) -> Ints:
        return self.end_ns - self.start_ns

    @property
    def sojourn_ns(self) -> Ints:
        """From arrival to end: the wait and the run."""
        return self.end_ns - self.arrival_ns

    def replicas(self) -> tuple[str, ...]:
        """Their names, where more than one is known."""
        found = sorted({name for name in self.replica if name is not None})
        return tuple(found) if len(found) > 1 else ()

    def take(self, rows: Ints) -> StageCalls:
        """The same at these rows."""
        return StageCalls(
            self.name,
            self.modality,
            self.arrival_ns[rows],
            self.start_ns[rows],
            self.end_ns[rows],
            self.request[rows],
            self.is_root,
            tuple(self.replica[row] for row in rows.tolist()),
            self.items[rows],
            None if self.run is None else self.run[rows],
        )

    def of_replica(self, name: str) -> StageCalls:
        """Only the runs on that replica."""
        return self.take(np.flatnonzero(np.array([each == name for each in self.replica])))


def latest(requests: Requests, *, max_spans: int = MAX_SPANS) -> Requests:
    """The last of the requests that have at most so many spans together; at least one."""
    from_end = np.cumsum(requests.spans[::-1])[::-1]
    kept = max(int((from_end <= max_spans).sum()), 1)
    return requests.take(np.arange(len(requests))[-kept:])


def fetch_stage_calls(query: Query, requests: Requests) -> Iterator[StageCalls]:
    """The stages of these requests, those with most time first."""
    columns, names, modalities = _spans_of(query, requests)
    if not names:
        return
    facts = fetch_facts(query, requests, columns.pop("span_id").view(np.uint64))
    name = columns["name"]
    total = np.bincount(name, columns["end"] - columns["start"], minlength=len(names))
    for code in np.argsort(-total, kind="stable").tolist():
        rows = np.flatnonzero(name == code)
        if len(rows):
            rows = rows[np.argsort(columns["start"][rows], kind="stable")]
            found = _stage(names[code], modalities.get(names[code]), columns, rows, facts)
            yield replace(found, run=requests.run[found.request])


def _stage(
    name: str, modality: str | None, columns: dict[str, Ints], rows: Ints, facts: CallFacts
) -> StageCalls:
    start, end, queue = columns["start"][rows], columns["end"][rows], facts.queue_ns[rows]
    arrival = columns["arrival"][rows]
    if np.mean(queue >= 0) > 0.5:  # the server says how long each call stood in its queue
        arrival, start = start, np.minimum(start + np.maximum(queue, 0), end)
    return StageCalls(
        name=name,
        modality=modality,
        arrival_ns=arrival,
        start_ns=start,
        end_ns=end,
        request=columns["request"][rows],
        is_root=bool(np.mean(columns["root"][rows]) > 0.5),
        replica=facts.replicas(rows),
        items=facts.items[rows],
    )


def _spans_of(
    query: Query, requests: Requests
) -> tuple[dict[str, Ints], list[str], dict[str, str | None]]:
    parts: list[dict[str, Ints]] = []
    codes: dict[str, int] = {}
    modalities: dict[str, Counter[str]] = {}
    before = 0
    for part, table in fetch_batches(query, requests):
        spans = Spans.from_table(table)
        parts.append(_columns(spans, codes, before))
        _count_modalities(table, modalities)
        before += len(part)
    keys = parts[0] if parts else {}
    joined = {key: np.concatenate([each[key] for each in parts]) for key in keys}
    usual = {name: found.most_common(1)[0][0] for name, found in modalities.items()}
    return joined, list(codes), dict(usual)


def _columns(spans: Spans, codes: dict[str, int], before: int) -> dict[str, Ints]:
    tree = build_tree(spans)
    recode = np.array([codes.setdefault(name, len(codes)) for name in spans.names], np.int64)
    is_root = np.zeros(len(spans), np.int64)
    is_root[tree.root] = 1
    return {
        "span_id": spans.span_id.view(np.int64),
        "name": recode[spans.name],
        "start": spans.start_ns,
        "end": spans.end_ns,
        "arrival": arrival_ns(spans, tree),
        "request": spans.trace + before,
        "root": is_root,
    }


def _count_modalities(table: pa.Table, counts: dict[str, Counter[str]]) -> None:
    grouped = table.group_by(["name", "modality"]).aggregate([([], "count_all")])
    for row in grouped.to_pylist():
        if row["modality"] is not None:
            counts.setdefault(row["name"], Counter())[row["modality"]] += row["count_all"]
