"""A pipeline whose model calls take a + b * input + c * output ms, recorded with its tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, trace_hex

COLUMNS = ("span_id", "parent_span_id", "name", "start_ns", "duration_ns")


@dataclass(frozen=True)
class Law:
    """What a call takes: ms, ms per input token, ms per output token, relative noise."""

    constant_ms: float = 60.0
    input_ms: float = 0.02
    output_ms: float = 2.0
    noise: float = 0.1


Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True)
class TokenRun:
    """One value a request: tokens, when its stages ended (ms), and how long it took."""

    given: Floats
    made: Floats
    search_ms: Floats
    call_ms: Floats
    rules_ms: Floats
    took_ms: Floats

    @property
    def spans(self) -> list[tuple[int, int | None, str, int, int]]:
        """Tuples as COLUMNS, five a request."""
        spans: list[tuple[int, int | None, str, int, int]] = []
        for place, took in enumerate(self.took_ms):
            start, search = EPOCH_NS + place * 5_000 * MS, self.search_ms[place]
            called, ruled = search + self.call_ms[place], search + self.rules_ms[place]
            parts = (
                (None, "request", 0.0, took),
                (1, "search", 0.0, search),
                (1, "llm", search, called),
                (1, "rules", search, ruled),
                (1, "format", max(called, ruled), took),
            )
            for number, (parent, name, begin, end) in enumerate(parts):
                length = round(end * MS) - round(begin * MS)
                above = None if parent is None else place * 5 + 1
                at = start + round(begin * MS)
                spans.append((place * 5 + number + 1, above, name, at, length))
        return spans

    def store(self) -> MemoryStore:
        """The requests as a store would hold them."""
        store = MemoryStore()
        store.add_run()
        rows = self.spans
        trace = [trace_hex(place // 5 + 1) for place in range(len(rows))]
        columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
        spans = pa.table({"trace_id": trace, **{k: pa.array(v) for k, v in columns.items()}})
        store.connection.register("incoming", spans)
        store.connection.execute(
            "INSERT INTO spans BY NAME SELECT * REPLACE (trace_id::UUID AS trace_id), 1 AS run_id, "
            "1 AS ingest_seq, 'internal' AS kind, 'unset' AS status FROM incoming"
        )
        calls = pa.table(
            {
                "trace_id": trace[::5],
                "span_id": [span[0] for span in rows if span[2] == "llm"],
                "start_ns": [span[3] for span in rows if span[2] == "llm"],
                "input_tokens": self.given.astype(np.int64),
                "output_tokens": self.made.astype(np.int64),
            }
        )
        store.connection.register("calls", calls)
        store.connection.execute(
            "INSERT INTO usage BY NAME SELECT * REPLACE (trace_id::UUID AS trace_id), 1 AS run_id, "
            "'llm' AS stage, 'sim' AS model, 'provider' AS origin, TRUE AS is_exact, "
            "'provider' AS input_origin, 'provider' AS output_origin FROM calls"
        )
        return store


def run(
    seed: int,
    *,
    law: Law | None = None,
    requests: int = 400,
    input_factor: float = 1.0,
    output_factor: float = 1.0,
) -> TokenRun:
    """Search, then a model call beside a check of the rules, then formatting."""
    rng, law = np.random.default_rng(seed), law or Law()
    given = np.rint(rng.lognormal(7.0, 0.5, requests) * input_factor)
    made = np.rint(rng.lognormal(4.5, 0.5, requests) * output_factor)
    call = law.constant_ms + law.input_ms * given + law.output_ms * made
    call *= rng.lognormal(-(law.noise**2) / 2, law.noise, requests)
    search, rules = (mean * rng.lognormal(-0.045, 0.3, requests) for mean in (80.0, 160.0))
    last = 20 * rng.lognormal(-0.045, 0.3, requests)
    took = search + np.maximum(call, rules) + last
    return TokenRun(given, made, search, call, rules, took)
