"""Tokens and cost of each stage, each model call counted once (docs/token-ledger.md).

A stage that only repeats what a call inside it used has none of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from latprobe.analysis.counted_calls import calls_sql
from latprobe.analysis.percentiles import StageStats, span_stats
from latprobe.analysis.scope import Scope
from latprobe.store.query import Query


@dataclass(frozen=True, slots=True)
class StageTokens:
    """Sums over the stage's calls that have the figure, None where none has.

    `tokens_estimated`: some of them were not reported and could not be counted exactly.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    tokens_estimated: bool = False


NONE_CALLED = StageTokens()


def stage_stats(query: Query, scope: Scope) -> list[StageStats]:
    """One row a stage in the scope, the largest total time first."""
    return with_tokens(span_stats(query, scope), fetch_stage_tokens(query, scope))


def fetch_stage_tokens(query: Query, scope: Scope) -> dict[str, StageTokens]:
    """The tokens of each stage that called a model in the scope."""
    before, parameters = calls_sql(scope)
    rows = query(
        f"""{before}
        SELECT stage, sum(input_tokens)::BIGINT AS input_tokens,
               sum(output_tokens)::BIGINT AS output_tokens, sum(cost_usd) AS cost_usd,
               bool_or(coalesce(input_origin = 'estimated', FALSE)
                       OR coalesce(output_origin = 'estimated', FALSE)) AS tokens_estimated
        FROM calls GROUP BY stage""",
        parameters,
    ).to_pylist()
    return {row.pop("stage"): StageTokens(**row) for row in rows}


def with_tokens(stats: Sequence[StageStats], tokens: Mapping[str, StageTokens]) -> list[StageStats]:
    """The stages' figures with the tokens of the calls that count."""
    return [_with(each, tokens.get(each.name, NONE_CALLED)) for each in stats]


def _with(stats: StageStats, tokens: StageTokens) -> StageStats:
    return replace(
        stats,
        input_tokens=tokens.input_tokens,
        output_tokens=tokens.output_tokens,
        cost_usd=tokens.cost_usd,
        tokens_estimated=tokens.tokens_estimated,
    )
