"""Which model calls wait to be counted, and which of them are ready.

A call is ready when its trace's root is stored, since marks and retrieved texts stand in the spans
around it; or 20 s after its end, since the root may never come.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from latprobe.store.query import Query

WAIT_NS = 20_000_000_000
# Calls looked at in one go: bounds what waits in memory, whatever came in meanwhile.
MAX_WAITING = 50_000
# How many batches before a new call its root may have come (other processes, late journals).
_LOOK_BACK = 64

# Operations of a model's call, with counts or without.
CALL_OPERATIONS = ("chat", "text_completion", "generate_content", "embeddings")
# A span with counts, a model's operation, or a model and some content.
IS_CALL = f"""(
    s.input_tokens IS NOT NULL OR s.output_tokens IS NOT NULL
    OR s.operation IN {CALL_OPERATIONS}
    OR (s.model IS NOT NULL AND s.operation IS NULL AND s.attributes IS NOT NULL AND (
        contains(s.attributes::VARCHAR, 'messages') OR contains(s.attributes::VARCHAR, '.prompt')
        OR contains(s.attributes::VARCHAR, 'input.value')
        OR contains(s.attributes::VARCHAR, 'latprobe.parts')
    ))
)"""

# Without any of these a span is none.
_SIGNS = ("input_tokens", "output_tokens", "operation", "model")

# How many calls no pass has counted yet. Batches that are done are not looked at.
WAITING_CALLS = f"""
SELECT count(*) AS calls FROM spans s
WHERE s.ingest_seq > (SELECT value::BIGINT FROM meta WHERE key = 'counted_seq') AND {IS_CALL}
  AND NOT EXISTS (SELECT 1 FROM usage u WHERE u.trace_id = s.trace_id AND u.span_id = s.span_id)
"""
_BATCHES = f"""
SELECT s.ingest_seq AS seq, count(*) AS calls, min(s.start_ns) AS first, max(s.start_ns) AS last
FROM spans s WHERE s.ingest_seq > ? AND s.ingest_seq <= ? AND {IS_CALL}
GROUP BY ALL ORDER BY ALL
"""
_CALLS = f"""
SELECT s.trace_id, s.span_id, s.ingest_seq AS seq, s.start_ns, s.start_ns + s.duration_ns AS end_ns,
       coalesce(strlen(s.attributes::VARCHAR), 0)::BIGINT AS bytes
FROM spans s WHERE s.ingest_seq > ? AND s.ingest_seq <= ? AND {IS_CALL}
  AND NOT EXISTS (
      SELECT 1 FROM usage u WHERE u.trace_id = s.trace_id AND u.span_id = s.span_id
      AND u.start_ns BETWEEN ? AND ?
  )
ORDER BY seq, end_ns, s.span_id
"""
_ROOTS = """
SELECT DISTINCT s.trace_id FROM spans s
WHERE s.ingest_seq > ? AND s.ingest_seq <= ? AND s.parent_span_id IS NULL
"""


@dataclass(frozen=True, slots=True)
class Ready:
    """Calls to be counted now: (trace id as text, span id), in the order they were stored, and the
    range that they lie in."""

    keys: list[tuple[str, int]]
    first_seq: int
    last_seq: int
    first_ns: int
    last_ns: int


class Candidates:
    """The calls that wait. Not for several threads."""

    def __init__(
        self,
        query: Query,
        counted_seq: int,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._query = query
        self._seen_seq = counted_seq
        self._now_ns = now_ns
        self._monotonic_ns = monotonic_ns
        self._waiting: pa.Table | None = None
        # Up to which batch roots were looked for, for all that wait.
        self._rooted_seq = counted_seq
        # What waits once some calls are counted: asked for before they are stored and after.
        self._after: tuple[Ready, pa.Table] | None = None

    def __len__(self) -> int:
        return 0 if self._waiting is None else int(self._waiting.num_rows)

    def counted_seq(self, done: Ready | None = None) -> int:
        """Up to which batch nothing waits, once the calls of `done` are counted."""
        rest = self._without(done)
        if rest is None or not rest.num_rows:
            return self._seen_seq
        return int(pc.min(rest.column("seq")).as_py()) - 1

    def pass_over(self, latest: int, call_seq: int) -> bool:
        """Notes that all up to `latest` was seen, without a query, if nothing waits and no batch
        after `call_seq`, which was seen before, holds a call; False where it must be looked."""
        if len(self) or call_seq > self._seen_seq:
            return False
        self._seen_seq = max(latest, self._seen_seq)
        return True

    def look(self) -> bool:
        """Takes up new calls and notes whose roots came; False when all stored spans were seen."""
        latest = self._latest()
        if latest <= self._seen_seq:
            return False
        if len(self) >= MAX_WAITING:
            self._note_roots(self._rooted_seq, latest)
            return False
        upto, new = self._new_calls(latest)
        if new.num_rows:
            self._add(new)
            self._note_roots(self._seen_seq - _LOOK_BACK, max(upto, self._rooted_seq))
        elif len(self):
            self._note_roots(self._rooted_seq, upto)
        self._seen_seq = upto
        return upto < latest

    def ready(self, *, calls: int, size_bytes: int, force: bool = False) -> Ready | None:
        """Some of the calls that can be counted, within `calls` and about `size_bytes`."""
        table = self._waiting
        if table is None or not table.num_rows:
            return None
        if not force:
            is_over = pc.less_equal(table.column("end_ns"), self._now_ns() - WAIT_NS)
            has_waited = pc.less_equal(table.column("seen_ns"), self._monotonic_ns() - WAIT_NS)
            table = table.filter(pc.or_(table.column("has_root"), pc.or_(is_over, has_waited)))
        table = table.slice(0, calls)
        if not table.num_rows:
            return None
        sizes = pc.cumulative_sum(table.column("bytes"))
        fitting = int(pc.sum(pc.less_equal(sizes, size_bytes)).as_py() or 0)
        table = table.slice(0, max(fitting, 1))
        seqs, starts = pc.min_max(table.column("seq")), pc.min_max(table.column("start_ns"))
        return Ready(
            _keys(table),
            seqs["min"].as_py(),
            seqs["max"].as_py(),
            starts["min"].as_py(),
            pc.max(table.column("end_ns")).as_py(),
        )

    def done(self, ready: Ready) -> None:
        """These calls are counted, or turned out to be none."""
        self._waiting = self._without(ready)
        self._after = None

    def _latest(self) -> int:
        rows = self._query("SELECT value FROM meta WHERE key = 'ingest_seq'").to_pylist()
        return int(rows[0]["value"]) if rows else 0

    def _new_calls(self, latest: int) -> tuple[int, pa.Table]:
        """(up to which batch was looked, the calls there without usage)."""
        batches = self._query(_BATCHES, [self._seen_seq, latest]).to_pylist()
        upto, count, taken = latest, 0, []
        for position, batch in enumerate(batches):
            count += batch["calls"]
            taken.append(batch)
            if count + len(self) >= MAX_WAITING and position + 1 < len(batches):
                upto = batch["seq"]
                break
        if not taken:
            return latest, pa.table({"trace_id": pa.array([], pa.string())})
        first = min(batch["first"] for batch in taken)
        last = max(batch["last"] for batch in taken)
        return upto, self._query(_CALLS, [self._seen_seq, upto, first, last])

    def _add(self, new: pa.Table) -> None:
        count = new.num_rows
        seen = pa.repeat(pa.scalar(self._monotonic_ns(), pa.int64()), count)
        new = new.append_column("seen_ns", seen).append_column(
            "has_root", pa.repeat(pa.scalar(value=False), count)
        )
        self._after = None
        waiting = new if self._waiting is None else pa.concat_tables([self._waiting, new])
        self._waiting = _once(waiting)

    def _note_roots(self, after_seq: int, upto: int) -> None:
        if self._waiting is None or after_seq >= upto:
            return
        self._after = None
        self._rooted_seq = max(self._rooted_seq, upto)
        roots = self._query(_ROOTS, [max(after_seq, 0), upto]).column("trace_id")
        position = self._waiting.column_names.index("has_root")
        has_root = pc.or_(
            self._waiting.column("has_root"),
            pc.is_in(self._waiting.column("trace_id"), value_set=roots.combine_chunks()),
        )
        self._waiting = self._waiting.set_column(position, "has_root", has_root)

    def _without(self, done: Ready | None) -> pa.Table | None:
        if done is None or self._waiting is None:
            return self._waiting
        if self._after is None or self._after[0] is not done:
            self._after = done, _rest(self._waiting, done)
        return self._after[1]


def may_hold_calls(spans: pa.Table) -> bool:
    """Whether any of these rows of `spans` can be a call, as IS_CALL says it."""
    return any(
        spans[name].null_count < spans.num_rows for name in _SIGNS if name in spans.column_names
    )


def _once(waiting: pa.Table) -> pa.Table:
    """The first row of each call: a sender of spans that got no answer sends them again."""
    if pc.count_distinct(waiting.column("span_id")).as_py() == waiting.num_rows:
        return waiting
    first = {key: row for row, key in reversed(list(enumerate(_keys(waiting))))}
    return waiting.take(pa.array(sorted(first.values()), pa.int64())).combine_chunks()


def _rest(waiting: pa.Table, done: Ready) -> pa.Table:
    """The rows of other calls, in their order; `waiting` has each call once."""
    count = len(done.keys)
    if _keys(waiting.slice(0, count)) == done.keys:  # as where all of them are ready
        rest = waiting.slice(count)
        return rest if rest.num_rows else waiting.schema.empty_table()
    # A span's id may stand in several traces, so the few that match by it are looked at.
    spans = pa.array([span for _, span in done.keys], pa.uint64())
    may_be = pc.is_in(waiting.column("span_id"), value_set=spans)
    near = waiting.filter(may_be)
    keys = set(done.keys)
    others = near.filter(pa.array([key not in keys for key in _keys(near)], pa.bool_()))
    rest = waiting.filter(pc.invert(may_be))
    if not others.num_rows:
        return rest.combine_chunks()
    return pa.concat_tables([others, rest]).sort_by([("seq", "ascending")]).combine_chunks()


def _keys(calls: pa.Table) -> list[tuple[str, int]]:
    traces, spans = calls.column("trace_id").to_pylist(), calls.column("span_id").to_pylist()
    return list(zip(traces, spans, strict=True))
