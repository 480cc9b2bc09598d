"""Where the tokens and the money went: by stage, template, part and model, and over time.

Every model call counts once (docs/token-ledger.md). Parts and residual add up to what is the
call's total: billed where the provider said it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from latprobe.analysis.counted_calls import calls_sql
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.errors import UsageError
from latprobe.store.query import Query

if TYPE_CHECKING:
    from latprobe.analysis.templates import TemplateUse

KEYS = ("stage", "template", "model", "provider", "part")
# Parts that no prompt has, but a total: what the parts do not explain, and calls without content.
RESIDUAL = "residual"
NOT_TAKEN_APART = "not taken apart"


@dataclass(frozen=True, slots=True)
class TokenShare:
    """Tokens of one combination of the keys asked for; the others are None.

    `side` is "input" or "output". `calls` have such tokens. A residual may be negative.
    `template` is an id; `expected_error` the largest mean relative error among the estimated ones,
    None where all is exact or no error is known.
    """

    side: str
    tokens: int
    calls: int
    is_estimated: bool
    expected_error: float | None
    stage: str | None = None
    template: str | None = None
    template_name: str | None = None
    model: str | None = None
    provider: str | None = None
    part: str | None = None


def tokens_by(
    query: Query, scope: Scope = EVERYTHING, by: Sequence[str] = ("stage", "template", "part")
) -> list[TokenShare]:
    """Tokens by the given keys, the most first. UsageError for an unknown key."""
    unknown = [key for key in by if key not in KEYS]
    if unknown:
        raise UsageError(f"Tokens can be summed by {', '.join(KEYS)}, not by {unknown[0]!r}.")
    before, parameters = calls_sql(scope)
    keys = "".join(f"g.{key}, " for key in by)
    columns = "".join(f"x.{key}, " for key in by if key != "template")
    template = (
        "x.template::VARCHAR AS template, t.name AS template_name," if "template" in by else ""
    )
    join = "LEFT JOIN templates t ON t.template_id = x.template" if "template" in by else ""
    rows = query(
        f"""{before}, {_GRAINS if "part" in by else _SIDES},
        summed AS (
            SELECT {keys} g.side, sum(g.tokens)::BIGINT AS tokens,
                   count(DISTINCT (g.trace_id, g.span_id)) AS calls,
                   bool_or(g.is_estimated) AS is_estimated,
                   max(g.expected_error) FILTER (g.is_estimated) AS expected_error
            FROM grains g WHERE g.tokens IS NOT NULL GROUP BY ALL
        )
        SELECT {columns} {template} x.side, x.tokens, x.calls, x.is_estimated, x.expected_error
        FROM summed x {join}
        ORDER BY x.tokens DESC, {columns} x.side""",
        parameters,
    ).to_pylist()
    return [TokenShare(**row) for row in rows]


# One row a call and side; whether the call's total is estimated is its origin's business.
_SIDES = """
grains AS (
    SELECT trace_id, span_id, stage, template, model, provider, 'input' AS side,
           input_tokens AS tokens, coalesce(input_origin = 'estimated', FALSE) AS is_estimated,
           expected_error
    FROM calls
    UNION ALL
    SELECT trace_id, span_id, stage, template, model, provider, 'output',
           output_tokens, coalesce(output_origin = 'estimated', FALSE), expected_error
    FROM calls
)
"""

# One row a part; what the parts of a call do not explain of its total is the residual.
_GRAINS = f"""
counted AS (
    SELECT p.trace_id, p.span_id, p.side, p.part, sum(p.tokens) AS tokens,
           bool_or(p.tokens_estimated) AS is_estimated
    FROM call_parts p WHERE (p.trace_id, p.span_id) IN (SELECT (trace_id, span_id) FROM calls)
    GROUP BY ALL
),
explained AS (
    SELECT trace_id, span_id, side, sum(tokens) AS tokens FROM counted GROUP BY ALL
),
sides AS (
    SELECT trace_id, span_id, any_value(stage) AS stage, any_value(template) AS template,
           any_value(model) AS model, any_value(provider) AS provider,
           bool_and(coalesce(is_exact, FALSE)) AS is_exact, max(expected_error) AS expected_error,
           unnest([{{'side': 'input', 'total': sum(input_tokens),
                     'is_estimated': bool_or(input_origin = 'estimated')}},
                   {{'side': 'output', 'total': sum(output_tokens),
                     'is_estimated': bool_or(output_origin = 'estimated')}}], recursive := TRUE)
    FROM calls GROUP BY trace_id, span_id
),
grains AS (
    SELECT s.trace_id, s.span_id, s.stage, s.template, s.model, s.provider, c.part, s.side,
           c.tokens, coalesce(c.is_estimated, FALSE) OR NOT s.is_exact AS is_estimated,
           s.expected_error
    FROM sides s JOIN counted c USING (trace_id, span_id, side)
    UNION ALL
    SELECT s.trace_id, s.span_id, s.stage, s.template, s.model, s.provider,
           CASE WHEN e.tokens IS NULL THEN '{NOT_TAKEN_APART}' ELSE '{RESIDUAL}' END, s.side,
           s.total - coalesce(e.tokens, 0), coalesce(s.is_estimated, FALSE), s.expected_error
    FROM sides s LEFT JOIN explained e USING (trace_id, span_id, side)
    WHERE s.total - coalesce(e.tokens, 0) <> 0
)
"""


@dataclass(frozen=True, slots=True)
class ModelUse:
    """One model's calls. Sums are over the calls that have the figure, None if none has.

    `cache_share` (0..1) is what was read from the provider's cache, of the input of the calls that
    say so. `residual_*` is billed less counted; `residual_share` its size relative to the billed
    tokens, call by call. `unpriced_calls` have tokens and no cost: they are not in `cost_usd`.
    `overridden_calls` cost what `[tool.latprobe.prices]` says.
    """

    model: str | None
    provider: str | None
    calls: int
    input_tokens: int | None
    uncached_input_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    cache_share: float | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    unpriced_calls: int
    residual_input_tokens: int | None
    residual_output_tokens: int | None
    residual_share_p50: float | None
    residual_share_p95: float | None
    estimated_calls: int
    is_exact: bool | None
    expected_error: float | None
    problems: int
    overridden_calls: int = 0


_MODEL = """
    count(*) AS calls,
    sum(input_tokens)::BIGINT AS input_tokens,
    sum(uncached_input_tokens)::BIGINT AS uncached_input_tokens,
    sum(cache_read_tokens)::BIGINT AS cache_read_tokens,
    sum(cache_write_tokens)::BIGINT AS cache_write_tokens,
    sum(cache_read_tokens) FILTER (input_tokens IS NOT NULL)
        / nullif(sum(input_tokens) FILTER (cache_read_tokens IS NOT NULL), 0) AS cache_share,
    sum(output_tokens)::BIGINT AS output_tokens,
    sum(reasoning_tokens)::BIGINT AS reasoning_tokens,
    sum(cost_usd) AS cost_usd,
    count(*) FILTER (cost_usd IS NULL
        AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)) AS unpriced_calls,
    sum(residual_input_tokens)::BIGINT AS residual_input_tokens,
    sum(residual_output_tokens)::BIGINT AS residual_output_tokens,
    quantile_cont(abs(residual_input_tokens) / nullif(input_tokens, 0), 0.5) AS residual_share_p50,
    quantile_cont(abs(residual_input_tokens) / nullif(input_tokens, 0), 0.95) AS residual_share_p95,
    count(*) FILTER (input_origin = 'estimated' OR output_origin = 'estimated') AS estimated_calls,
    bool_and(is_exact) AS is_exact,
    max(expected_error) AS expected_error,
    count(problem) AS problems,
    count(*) FILTER (cost_origin = 'override') AS overridden_calls
"""


def models_used(query: Query, scope: Scope = EVERYTHING) -> list[ModelUse]:
    """One row a model, the most input tokens first; calls that name no model are a row too."""
    before, parameters = calls_sql(scope)
    rows = query(
        f"""{before} SELECT model, provider, {_MODEL} FROM calls GROUP BY model, provider
        ORDER BY coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0) DESC,
                 model, provider""",
        parameters,
    ).to_pylist()
    return [ModelUse(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class TokenTime:
    """Calls that started from `start_ns` on, for one bin. None where no call has the figure."""

    start_ns: int
    calls: int
    input_tokens: int | None
    cache_read_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    unpriced_calls: int
    cache_share: float | None


def cost_over_time(query: Query, scope: Scope = EVERYTHING, *, bin_ns: int) -> list[TokenTime]:
    """Tokens and cost in bins of `bin_ns`, in time order; bins without a call are left out."""
    before, parameters = calls_sql(scope)
    rows = query(
        f"""{before}
        SELECT (start_ns // {int(bin_ns)} * {int(bin_ns)})::BIGINT AS start_ns, calls, input_tokens,
               cache_read_tokens, output_tokens, cost_usd, unpriced_calls, cache_share
        FROM (SELECT start_ns // {int(bin_ns)} * {int(bin_ns)} AS start_ns, {_MODEL}
              FROM calls GROUP BY 1)
        ORDER BY 1""",
        parameters,
    ).to_pylist()
    return [TokenTime(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class TokenReport:
    """What `latprobe report` says of tokens: the heaviest templates and all models."""

    templates: tuple[TemplateUse, ...]
    models: tuple[ModelUse, ...]

    def to_json(self) -> dict[str, object]:
        """The keys `templates` and `models` of `latprobe report --json`."""
        return {
            "templates": [asdict(template) for template in self.templates],
            "models": [asdict(model) for model in self.models],
        }


def token_report(query: Query, scope: Scope = EVERYTHING, *, limit: int = 20) -> TokenReport:
    """The `limit` templates with the most tokens, and every model; empty where none was called."""
    from latprobe.analysis.templates import heaviest_templates

    models = models_used(query, scope)
    templates = heaviest_templates(query, scope, limit=limit) if models else []
    return TokenReport(tuple(templates), tuple(models))
