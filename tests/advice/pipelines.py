"""Pipelines that run on a virtual clock and are recorded into a store in memory.

    recording = Recording(seed=1)
    for _ in range(200):
        with recording.request("answer") as request:
            request.stage("parse", 3)
            request.together([("ocr", 40), ("asr", 90)])
            request.call("llm", 800, model="gpt-4o-mini", system="...", user="...", output="...")
    query = recording.query()

Times are milliseconds; each stage's time is drawn around what is given (log-normal, `spread`).
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from typing import Any

import pyarrow as pa
import tiktoken

from latprobe.tokens.encoding import load
from tests.analysis.seeding import EPOCH_NS, MemoryStore, trace_hex

SPREAD = 0.15


class Recording:
    """Requests one after another, `gap_ms` apart unless they are given a start."""

    def __init__(self, *, seed: int = 0, spread: float = SPREAD, gap_ms: float = 50) -> None:
        self.random = random.Random(seed)
        self.spread = spread
        self.gap_ms = gap_ms
        self.now_ms = 0.0
        self.traces = 0
        self.spans: list[dict[str, Any]] = []
        self.usage: list[dict[str, Any]] = []
        self.parts: list[dict[str, Any]] = []
        self.texts: dict[str, dict[str, Any]] = {}
        self.templates: dict[str, dict[str, Any]] = {}
        self.tools: list[dict[str, Any]] = []
        self.samples: list[dict[str, Any]] = []
        self.runs: dict[int, dict[str, Any]] = {1: {}}

    @contextmanager
    def request(
        self, name: str = "request", *, start_ms: float | None = None, **columns: Any
    ) -> Iterator[Step]:
        """A root span around what is done inside."""
        self.traces += 1
        start = self.now_ms if start_ms is None else start_ms
        root = Step(self, self.traces, None, name, start, columns)
        yield root
        root.close()
        self.now_ms = max(self.now_ms, root.end_ms + self.gap_ms)

    def drawn(self, ms: float) -> float:
        """A time around the one that is given."""
        return ms * self.random.lognormvariate(0, self.spread) if ms else 0.0

    def sample(self, at_ms: float, metric: str, value: float, **columns: Any) -> None:
        """One reading of a counter."""
        row = {"time_ns": EPOCH_NS + int(at_ms * 1e6), "metric": metric, "value": float(value)}
        self.samples.append({"source": "nvml", **row, **columns})

    def query(self) -> MemoryStore:
        """The store with everything recorded so far."""
        store = MemoryStore()
        for run_id, columns in self.runs.items():
            store.add_run(run_id, **columns)
        for table, rows in (
            ("spans", self.spans),
            ("usage", self.usage),
            ("call_parts", self.parts),
            ("prompts", list(self.texts.values())),
            ("templates", list(self.templates.values())),
            ("tool_use", self.tools),
            ("samples", self.samples),
        ):
            _insert(store, table, rows)
        return store


class Step:
    """A span that is open on the virtual clock; what is done inside moves its clock on."""

    def __init__(
        self,
        recording: Recording,
        trace: int,
        parent: int | None,
        name: str,
        start_ms: float,
        columns: Mapping[str, Any],
    ) -> None:
        self.recording = recording
        self.trace = trace
        self.parent = parent
        self.name = name
        self.start_ms = start_ms
        self.now_ms = start_ms
        self.end_ms = start_ms
        self.columns = dict(columns)
        self.span_id = len(recording.spans) + 1
        self.row: dict[str, Any] = {}
        recording.spans.append(self.row)

    def wait(self, ms: float) -> None:
        """Time that the span spends itself."""
        self.now_ms += self.recording.drawn(ms)

    def stage(self, name: str, ms: float, *, exact: bool = False, **columns: Any) -> Step:
        """A child that takes this long; the next one starts when it has ended."""
        child = self._child(name, self.now_ms, columns)
        child.now_ms += ms if exact else self.recording.drawn(ms)
        child.close()
        self.now_ms = child.end_ms
        return child

    def together(self, stages: Sequence[tuple[str, float]], **columns: Any) -> list[Step]:
        """Children that start at once; the next one starts when the last has ended."""
        start, found = self.now_ms, []
        for name, ms in stages:
            self.now_ms = start
            found.append(self.stage(name, ms, **columns))
        self.now_ms = max(each.end_ms for each in found)
        return found

    @contextmanager
    def inside(self, name: str, **columns: Any) -> Iterator[Step]:
        """A child with children of its own."""
        child = self._child(name, self.now_ms, columns)
        yield child
        child.close()
        self.now_ms = child.end_ms

    def call(
        self,
        name: str,
        ms: float,
        *,
        model: str = "gpt-4o-mini",
        provider: str | None = "openai",
        prompt: Sequence[tuple[str, str]] = (),
        output: str = "",
        template: str | None = None,
        usage: Mapping[str, Any] | None = None,
        tools: Mapping[str, bool] | None = None,
        cost_usd: float | None = None,
        **columns: Any,
    ) -> Step:
        """A model call: `prompt` are (kind, text) parts in order; tokens are counted exactly.

        `tools` are the tools offered and whether each was called. `usage` overrides columns.
        """
        given_parts = [("input", kind, text) for kind, text in prompt]
        answer = [("output", "output", output)] if output else []
        counts = [_tokens(text) for _, _, text in (*given_parts, *answer)]
        given = sum(counts[: len(prompt)])
        made = sum(counts[len(prompt) :])
        child = self.stage(
            name,
            ms,
            model=model,
            provider=provider,
            operation="chat",
            input_tokens=given,
            output_tokens=made,
            cost_usd=cost_usd,
            **columns,
        )
        known = {"trace_id": trace_hex(self.trace), "span_id": child.span_id}
        self.recording.usage.append(
            {
                **known,
                "run_id": child.row["run_id"],
                "start_ns": child.row["start_ns"],
                "stage": name,
                "provider": provider,
                "model": model,
                "operation": "chat",
                "input_tokens": given,
                "uncached_input_tokens": given,
                "output_tokens": made,
                "total_tokens": given + made,
                "counted_input_tokens": given,
                "counted_output_tokens": made,
                "residual_input_tokens": 0,
                "residual_output_tokens": 0,
                "origin": "provider",
                "input_origin": "provider",
                "output_origin": "provider",
                "encoding": "o200k_base",
                "is_exact": True,
                "expected_error": 0.0,
                "cost_usd": cost_usd,
                "template_id": self._template(template or name, name, given_parts),
                **(usage or {}),
            }
        )
        for position, ((side, kind, text), tokens) in enumerate(
            zip((*given_parts, *answer), counts, strict=True)
        ):
            self._part(known, position, side, kind, text, tokens)
        for tool, called in (tools or {}).items():
            self.recording.tools.append({**known, "name": tool, "offered": True, "called": called})
        return child

    def close(self) -> None:
        """Ends the span where its clock stands."""
        self.end_ms = max(self.now_ms, self.start_ms)
        columns = dict(self.columns)
        attributes = columns.pop("attributes", None)
        self.row.update(
            {
                "trace_id": trace_hex(self.trace),
                "span_id": self.span_id,
                "parent_span_id": self.parent,
                "run_id": 1,
                "ingest_seq": 1,
                "name": self.name,
                "kind": "internal",
                "status": "unset",
                "start_ns": EPOCH_NS + int(self.start_ms * 1e6),
                "duration_ns": int((self.end_ms - self.start_ms) * 1e6),
                "pid": 1,
                "thread": "MainThread",
                "remote_parent": None if self.parent is None else False,
                "attributes": None if attributes is None else json.dumps(attributes),
                **columns,
            }
        )

    def _child(self, name: str, start_ms: float, columns: Mapping[str, Any]) -> Step:
        inherited = {"run_id": self.columns["run_id"]} if "run_id" in self.columns else {}
        return Step(
            self.recording, self.trace, self.span_id, name, start_ms, {**inherited, **columns}
        )

    def _template(self, key: str, stage: str, prompt: Sequence[tuple[str, str, str]]) -> str:
        found = str(uuid.UUID(bytes=blake2b(key.encode(), digest_size=16).digest()))
        first = prompt[0][2] if prompt else key
        self.recording.templates.setdefault(
            found,
            {
                "template_id": found,
                "name": key,
                "stage": stage,
                "source": "prompt name",
                "text": first,
                "first_seen_ns": EPOCH_NS,
                "state": None,
            },
        )
        return found

    def _part(
        self, known: dict[str, Any], position: int, side: str, kind: str, text: str, tokens: int
    ) -> None:
        digest = str(uuid.UUID(bytes=blake2b(text.encode(), digest_size=16).digest()))
        self.recording.parts.append(
            {
                **known,
                "position": position,
                "side": side,
                "part": kind,
                "role": "assistant" if side == "output" else "user",
                "hash": digest,
                "tokens": tokens,
                "tokens_estimated": False,
            }
        )
        self.recording.texts.setdefault(
            digest,
            {
                "hash": digest,
                "part": kind,
                "bytes": len(text.encode()),
                "characters": len(text),
                "text": text,
                "truncated": False,
            },
        )


@cache
def _encoding() -> tiktoken.Encoding:
    return load("o200k_base")


@cache
def _tokens(text: str) -> int:
    return len(_encoding().encode_ordinary(text))


def _insert(store: MemoryStore, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    values = pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})
    store.connection.register("rows_to_add", values)
    store.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows_to_add")
    store.connection.unregister("rows_to_add")
