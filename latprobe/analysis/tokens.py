"""Tokens of whole requests, each model call counted once; and what has no price."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.store.counted_usage import COUNTED_USAGE
from latprobe.store.query import Query

__all__ = ["COUNTED_USAGE", "UnpricedModel", "unpriced_models"]


@dataclass(frozen=True, slots=True)
class UnpricedModel:
    """A model whose calls have tokens and no cost. `provider` and `model` are None where the call
    did not say them; tokens are of the calls without a cost alone."""

    provider: str | None
    model: str | None
    calls: int
    input_tokens: int | None
    output_tokens: int | None


def unpriced_models(query: Query) -> list[UnpricedModel]:
    """The models that `[tool.latprobe.prices]` could give a price, the most tokens first."""
    rows = query(
        """
        SELECT provider, model, count(*) AS calls, sum(input_tokens)::BIGINT AS input_tokens,
               sum(output_tokens)::BIGINT AS output_tokens
        FROM counted_usage
        WHERE cost_usd IS NULL AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)
        GROUP BY ALL
        ORDER BY coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0) DESC, model
        """
    ).to_pylist()
    return [UnpricedModel(**row) for row in rows]
