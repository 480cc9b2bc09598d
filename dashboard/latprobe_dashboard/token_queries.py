"""What the Tokens page asks: all counted calls and the sums of their parts, kept and filtered here.

Which calls count is a question about all ancestors of every call (docs/token-ledger.md), 0.5 s of
work at 164,000 calls. So it is asked once for each version of the data, and a change of the filter
is answered from these columns in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latprobe.analysis.counted_calls import calls_sql
from latprobe.analysis.prompts import CallAnatomy, call_anatomy
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.templates import TemplateUse, template_text, templates_of_calls
from latprobe.store.query import Query
from latprobe_dashboard import connection, data
from latprobe_dashboard.answers import Answers

T = TypeVar("T")

# Parts are summed by the minute: windows begin on one.
MINUTE_NS = 60_000_000_000
# A template is taken apart over so many of its newest calls.
NEWEST_CALLS = 2_000

_CALLS = """
SELECT replace(c.trace_id::VARCHAR, '-', '') AS trace_id, format('{:016x}', c.span_id) AS span_id,
       c.run_id::BIGINT AS run_id, r.service, c.start_ns, c.stage, c.provider, c.model,
       replace(c.template::VARCHAR, '-', '') AS template, t.name AS template_name,
       t.source AS template_source, c.input_tokens, c.output_tokens, c.cost_usd,
       c.cache_read_tokens,
       CASE WHEN c.input_tokens IS NOT NULL THEN c.cache_read_tokens END AS cached_tokens,
       CASE WHEN c.cache_read_tokens IS NOT NULL THEN c.input_tokens END AS cacheable_tokens,
       c.residual_input_tokens,
       CASE WHEN c.residual_input_tokens IS NOT NULL THEN c.input_tokens END AS explained_of_tokens,
       (c.cost_usd IS NULL AND (c.input_tokens IS NOT NULL OR c.output_tokens IS NOT NULL))
           ::INTEGER AS unpriced,
       c.stops_early::INTEGER AS stopped, (c.problem IS NOT NULL)::INTEGER AS problems,
       (c.template IS NULL)::INTEGER AS without_prompt, c.is_exact, c.expected_error
FROM calls c LEFT JOIN runs r ON r.run_id = c.run_id
LEFT JOIN templates t ON t.template_id = c.template
ORDER BY c.start_ns, c.trace_id, c.span_id
"""

_PARTS = f""", distinct_calls AS (SELECT DISTINCT ON (trace_id, span_id) * FROM calls)
SELECT c.run_id::BIGINT AS run_id, any_value(r.service) AS service,
       c.start_ns // {MINUTE_NS} * {MINUTE_NS} AS start_ns, c.stage, c.model,
       replace(c.template::VARCHAR, '-', '') AS template, p.side, p.part,
       sum(p.tokens)::BIGINT AS tokens,
       bool_or(coalesce(p.tokens_estimated, FALSE) OR NOT coalesce(c.is_exact, FALSE))
           AS is_estimated
FROM call_parts p
JOIN distinct_calls c ON c.trace_id = p.trace_id AND c.span_id = p.span_id
LEFT JOIN runs r ON r.run_id = c.run_id
WHERE p.tokens IS NOT NULL
GROUP BY c.run_id, c.start_ns // {MINUTE_NS} * {MINUTE_NS}, c.stage, c.model, c.template, p.side,
         p.part
ORDER BY 3
"""

# Few different texts in many rows.
_WORDS = ("service", "stage", "provider", "model", "template", "template_name", "template_source")


@dataclass(frozen=True, slots=True)
class TokenTables:
    """`calls`: a row each, with its tokens. `parts`: tokens by run, minute, stage and kind."""

    calls: pa.Table
    parts: pa.Table

    def within(self, scope: Scope) -> TokenTables:
        """Only what is in the scope."""
        return TokenTables(_filtered(self.calls, scope), _filtered(self.parts, scope))


def fetch_calls(query: Query, scope: Scope = EVERYTHING) -> pa.Table:
    """Every call that counts, in the order in which they started."""
    before, parameters = calls_sql(scope)
    return _encoded(query(before + _CALLS, parameters))


def fetch_parts(query: Query, scope: Scope = EVERYTHING) -> pa.Table:
    """The tokens of the calls' parts, summed by the minute, in its order."""
    before, parameters = calls_sql(scope)
    return _encoded(query(before + _PARTS, parameters))


def tables(scope: Scope) -> TokenTables:
    """The calls and parts in the scope."""
    return _kept.get(_question("tables", scope), lambda: _tables(scope))


def _tables(scope: Scope) -> TokenTables:
    if scope.request_tests() or scope.version is not None:  # the columns do not say
        return TokenTables(
            fetch_calls(connection.query, scope), fetch_parts(connection.query, scope)
        )
    data.begin(_parts)
    return TokenTables(_calls(), _parts()).within(scope)


def prepare() -> None:
    """Begins to fetch what `tables` needs."""
    data.begin(_calls, _parts)


def template(newest: pa.Table) -> TemplateUse | None:
    """What these calls of one template say of it; `newest_calls` chose them. None without calls."""
    names = list(zip(newest["trace_id"].to_pylist(), newest["span_id"].to_pylist(), strict=True))

    def work() -> TemplateUse | None:
        found = templates_of_calls(connection.query, names)
        return found[0] if found else None

    return _kept.get(_question("template", tuple(sorted(names))), work)


def newest_calls(calls: pa.Table, template_id: str) -> pa.Table:
    """The ids of at most NEWEST_CALLS calls that are of the template."""
    own = np.flatnonzero(of_template(calls, template_id))[-NEWEST_CALLS:]
    return calls.select(["trace_id", "span_id"]).take(pa.array(own))


def of_template(calls: pa.Table, template_id: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which of the calls are of the template."""
    same = pc.fill_null(pc.equal(calls["template"], template_id), False)
    return np.asarray(same.to_numpy(), bool)


def text(template_id: str) -> str | None:
    """The template's stable text; None where texts are not kept."""
    return _kept.get(
        _question("text", template_id), lambda: template_text(connection.query, template_id)
    )


def anatomy(trace_id: str, span_id: str) -> CallAnatomy:
    """One call taken apart. Raises UsageError and NoDataError as `call_anatomy` does."""
    return _kept_texts.get(
        _question("call", trace_id, span_id),
        lambda: call_anatomy(connection.query, trace_id, span_id),
    )


def kept(work: Callable[[], T], *asked: Hashable) -> T:
    """What `work` makes of this version of the data, made once for what is asked."""
    return _kept.get(_question(*asked), work)


_kept = Answers(64)
_kept_calls = Answers(1)
_kept_parts = Answers(1)
_kept_texts = Answers(4)


def _calls() -> pa.Table:
    return _kept_calls.get(_question("calls"), lambda: fetch_calls(connection.query))


def _parts() -> pa.Table:
    return _kept_parts.get(_question("parts"), lambda: fetch_parts(connection.query))


def _question(*asked: object) -> tuple[object, ...]:
    return (*asked, str(connection.home()), connection.version())


def _encoded(table: pa.Table) -> pa.Table:
    for name in _WORDS:
        if name in table.column_names:
            at = table.column_names.index(name)
            table = table.set_column(at, name, table[name].dictionary_encode())
    return table.unify_dictionaries().combine_chunks()


def _filtered(table: pa.Table, scope: Scope) -> pa.Table:
    """The rows in the scope; a window is a slice, which copies nothing."""
    start_ns = table["start_ns"].to_numpy()
    first = 0 if scope.from_ns is None else int(np.searchsorted(start_ns, scope.from_ns))
    last = len(start_ns) if scope.to_ns is None else int(np.searchsorted(start_ns, scope.to_ns))
    table = table.slice(first, last - first)
    wanted = {
        "service": scope.service,
        "run_id": scope.run_id,
        "stage": scope.stage,
        "model": scope.model,
    }
    for name, value in wanted.items():
        if value is not None:
            table = table.filter(pc.equal(table[name], value))
    return table
