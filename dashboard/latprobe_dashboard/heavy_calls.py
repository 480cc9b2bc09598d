"""The calls with the most tokens, as a table of the Tokens page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latprobe_dashboard.token_queries import of_template


@dataclass(frozen=True, slots=True)
class CallLine:
    """One of the heaviest calls, as the table shows it."""

    trace_id: str
    span_id: str
    start_ns: int
    stage: str
    model: str | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    residual_tokens: int | None
    is_exact: bool | None
    stops_early: bool | None
    has_problem: bool


def heaviest_calls(calls: pa.Table, *, limit: int, template_id: str | None) -> list[CallLine]:
    """The calls with the most tokens; of one template if its id is given."""
    own = np.arange(calls.num_rows)
    if template_id is not None:
        own = np.flatnonzero(of_template(calls, template_id))
    inputs, outputs = (
        pc.fill_null(calls[name], 0).to_numpy()[own] for name in ("input_tokens", "output_tokens")
    )
    order = own[np.argsort(-(inputs + outputs), kind="stable")[:limit]]
    return [_line(row) for row in calls.take(pa.array(order)).to_pylist()]


def _line(row: dict[str, Any]) -> CallLine:
    return CallLine(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        start_ns=row["start_ns"],
        stage=row["stage"],
        model=row["model"],
        input_tokens=row["input_tokens"],
        cached_tokens=row["cache_read_tokens"],
        output_tokens=row["output_tokens"],
        cost_usd=row["cost_usd"],
        residual_tokens=row["residual_input_tokens"],
        is_exact=row["is_exact"],
        stops_early=None if row["stopped"] is None else bool(row["stopped"]),
        has_problem=bool(row["problems"]),
    )
