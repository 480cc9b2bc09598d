"""The calls that a cache could stand before: what they were asked, when, and what they cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latprobe.analysis.counted_calls import PARTS, calls_sql
from latprobe.analysis.latency_model import CallColumns, call_columns
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ints
from latprobe.store.query import Query

# Spans and model calls at most, the latest; and texts that are looked into, by their characters.
MOST_CALLS = 200_000
_MOST_TEXT = 64_000_000

# Attributes by which a stage that is no model call names its input; content is hashed.
INPUT_NAMES = (
    "input_hash",
    "input.hash",
    "input_sha256",
    "content_hash",
    "cache_key",
    "cache.key",
    "input.value",
    "embedding.text",
    "gen_ai.retrieval.query.text",
    "traceloop.entity.input",
    "mlflow.spanInputs",
    "langfuse.observation.input",
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a prompt. `text` is None where it is not kept."""

    digest: int
    kind: str
    tokens: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """Calls of one stage and model by their starts. Figures are NaN where not recorded.

    `parts` are the input's in order, `answer` a hash of the output (0: not recorded). `key` is the
    whole input, -1 where it is not known. `timed` holds the same calls as the latency model has
    them.
    """

    stage: str
    model: str | None
    provider: str | None
    operation: str | None
    start_ns: Ints
    end_ns: Ints
    key: Ints
    answer: tuple[int, ...]
    parts: tuple[tuple[Part, ...], ...]
    input_tokens: NDArray[np.float64]
    output_tokens: NDArray[np.float64]
    cache_read_tokens: NDArray[np.float64]
    cost_usd: NDArray[np.float64]
    temperature: NDArray[np.float64]
    tools_called: NDArray[np.float64]
    timed: CallColumns

    def __len__(self) -> int:
        return len(self.start_ns)


_CALLS = f"""
    SELECT c.trace_id::VARCHAR || '/' || c.span_id::VARCHAR AS id, c.stage, c.model,
           c.provider, c.operation, s.start_ns, greatest(s.duration_ns, 0) AS duration_ns,
           c.input_tokens::DOUBLE AS input_tokens, c.output_tokens::DOUBLE AS output_tokens,
           c.cache_read_tokens::DOUBLE AS cache_read_tokens, c.cost_usd,
           c.tools_called::DOUBLE AS tools_called,
           coalesce(c.uncached_input_tokens, c.input_tokens)::DOUBLE AS uncached_tokens,
           coalesce(s.ttft_ns, s.queue_ns + s.prefill_ns)::DOUBLE AS ttft_ns,
           s.queue_ns::DOUBLE AS queue_ns,
           s.run_id::BIGINT << 32 | coalesce(s.pid, 0)::BIGINT AS process,
           try_cast(coalesce(json_extract_string(s.attributes, '$."gen_ai.request.temperature"'),
                             json_extract_string(s.attributes, '$."temperature"')) AS DOUBLE)
               AS temperature
    FROM (SELECT DISTINCT ON (trace_id, span_id) * FROM calls) c
    JOIN spans s ON s.trace_id = c.trace_id AND s.span_id = c.span_id
    WHERE s.status <> 'error'
    ORDER BY s.start_ns DESC, id LIMIT {MOST_CALLS}
"""
_OF_PARTS = """
    SELECT p.trace_id::VARCHAR || '/' || p.span_id::VARCHAR AS id, p.side, p.part,
           hash(p.hash) AS digest, coalesce(p.tokens, 0) AS tokens
    FROM parts p WHERE p.hash IS NOT NULL ORDER BY id, p.position
"""
_TEXTS = f"""
    SELECT digest, text FROM (
        SELECT hash(p.hash) AS digest, t.text,
               sum(strlen(t.text)) OVER (ORDER BY count(*) DESC, p.hash) AS upto
        FROM parts p JOIN prompts t ON t.hash = p.hash
        WHERE p.side = 'input' AND t.text IS NOT NULL AND NOT t.truncated AND t.media IS NULL
        GROUP BY p.hash, t.text)
    WHERE upto <= {_MOST_TEXT}
"""


def fetch_traffic(query: Query, scope: Scope) -> list[Traffic]:
    """The traffic of each stage and model: model calls, and stages that name their input."""
    before, parameters = calls_sql(scope)
    calls = query(f"{before} {_CALLS}", parameters)
    parts = query(f"{before} {PARTS} {_OF_PARTS}", parameters)
    texts = query(f"{before} {PARTS} {_TEXTS}", parameters)
    inputs, answers = _by_call(
        parts, dict(zip(texts["digest"].to_pylist(), texts["text"].to_pylist(), strict=True))
    )
    found = _grouped(calls, inputs, answers)
    known = {each.stage for each in found}
    return found + [each for each in _named_inputs(query, scope) if each.stage not in known]


def _by_call(
    table: pa.Table, texts: dict[int, str]
) -> tuple[dict[str, tuple[Part, ...]], dict[str, int]]:
    inputs: dict[str, list[Part]] = defaultdict(list)
    outputs: dict[str, int] = defaultdict(int)
    columns = [table[name].to_pylist() for name in ("id", "side", "part", "digest", "tokens")]
    for call, side, kind, digest, tokens in zip(*columns, strict=True):
        if side == "input":
            inputs[call].append(Part(digest, kind, tokens, texts.get(digest)))
        else:
            outputs[call] = hash((outputs[call], digest))
    return {call: tuple(each) for call, each in inputs.items()}, outputs


def _grouped(
    calls: pa.Table, inputs: dict[str, tuple[Part, ...]], answers: dict[str, int]
) -> list[Traffic]:
    rows: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    columns = {name: calls[name].to_pylist() for name in calls.column_names}
    for row in reversed(range(calls.num_rows)):  # the latest come first
        rows[columns["stage"][row], columns["model"][row]].append(row)
    found = []
    for (stage, model), of_stage in sorted(rows.items(), key=lambda item: str(item[0])):
        ids = [columns["id"][row] for row in of_stage]
        parts = tuple(inputs.get(each, ()) for each in ids)
        keys = [tuple((p.kind, p.digest) for p in each) or None for each in parts]
        first = of_stage[-1]
        found.append(
            _traffic(
                columns, of_stage, stage=stage, model=model, provider=columns["provider"][first],
                operation=columns["operation"][first], keys=keys, parts=parts,
                answer=tuple(answers.get(each, 0) for each in ids),
            )
        )  # fmt: skip
    return found


def _named_inputs(query: Query, scope: Scope) -> list[Traffic]:
    """Stages that are no model calls and say what their input was."""
    where, parameters = scope.where()
    names = ", ".join(f"json_extract_string(s.attributes, '$.\"{name}\"')" for name in INPUT_NAMES)
    table = query(
        f"""SELECT * FROM (
            SELECT s.name AS stage, s.model, s.provider, s.operation, s.start_ns,
                   greatest(s.duration_ns, 0) AS duration_ns, hash(coalesce({names})) AS input,
                   coalesce({names}) IS NOT NULL AS is_named,
                   NULL::DOUBLE AS input_tokens, NULL::DOUBLE AS output_tokens,
                   NULL::DOUBLE AS cache_read_tokens, s.cost_usd,
                   NULL::DOUBLE AS uncached_tokens, NULL::DOUBLE AS ttft_ns,
                   NULL::DOUBLE AS queue_ns, 0 AS process,
                   NULL::DOUBLE AS temperature, NULL::DOUBLE AS tools_called
            FROM spans s WHERE {where} AND s.attributes IS NOT NULL AND s.status <> 'error')
        WHERE is_named ORDER BY start_ns DESC LIMIT {MOST_CALLS}""",
        parameters,
    )
    columns = {name: table[name].to_pylist() for name in table.column_names}
    rows: dict[str, list[int]] = defaultdict(list)
    for row in reversed(range(table.num_rows)):
        rows[columns["stage"][row]].append(row)
    return [
        _traffic(
            columns, of_stage, stage=stage, model=None, provider=None, operation=None,
            keys=[(columns["input"][row],) for row in of_stage], parts=((),) * len(of_stage),
            answer=(0,) * len(of_stage),
        )
        for stage, of_stage in sorted(rows.items())
    ]  # fmt: skip


def _traffic(
    columns: dict[str, list[object]],
    rows: Sequence[int],
    *,
    stage: str,
    model: str | None,
    provider: str | None,
    operation: str | None,
    keys: Sequence[object],
    parts: tuple[tuple[Part, ...], ...],
    answer: tuple[int, ...],
) -> Traffic:
    numbers: dict[object, int] = {}
    key = [-1 if each is None else numbers.setdefault(each, len(numbers)) for each in keys]

    def column(name: str) -> NDArray[np.float64]:
        return np.array([columns[name][row] for row in rows], np.float64)

    start = np.array([columns["start_ns"][row] for row in rows], np.int64)
    duration = np.array([columns["duration_ns"][row] for row in rows], np.int64)
    return Traffic(
        stage=stage,
        model=model,
        provider=provider,
        operation=operation,
        start_ns=start,
        end_ns=start + duration,
        key=np.array(key, np.int64),
        answer=answer,
        parts=parts,
        input_tokens=column("input_tokens"),
        output_tokens=column("output_tokens"),
        cache_read_tokens=column("cache_read_tokens"),
        cost_usd=column("cost_usd"),
        temperature=column("temperature"),
        tools_called=column("tools_called"),
        timed=call_columns(
            start_ns=start,
            duration_ns=duration,
            input_tokens=column("uncached_tokens"),
            context_tokens=column("input_tokens"),
            output_tokens=column("output_tokens"),
            ttft_ns=column("ttft_ns"),
            queue_ns=column("queue_ns"),
            process=np.array([columns["process"][row] for row in rows], np.int64),
        ),
    )
