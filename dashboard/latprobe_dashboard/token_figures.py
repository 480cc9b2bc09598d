"""The Tokens page's figures, from the calls and parts that are in its window.

None is not known, never 0. Sums are over the calls that have the figure. The rules are those of
`latprobe.analysis.token_totals` and `templates`; a test holds them together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latprobe.analysis.scope import Scope
from latprobe.analysis.token_totals import NOT_TAKEN_APART, RESIDUAL
from latprobe_dashboard import token_queries
from latprobe_dashboard.token_groups import group, largest_by, percentiles_by, sum_by
from latprobe_dashboard.token_queries import TokenTables

_SUMS = (
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "unpriced",
    "cached_tokens",
    "cacheable_tokens",
    "residual_input_tokens",
    "explained_of_tokens",
    "stopped",
    "problems",
    "without_prompt",
)


@dataclass(frozen=True, slots=True)
class PartSum:
    """Tokens of one kind of part. `kind` may be "residual", which may be negative."""

    side: str
    kind: str
    tokens: int
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """Calls of one kind and what they used. Shares are 0..1; `parts` have the most tokens first.

    `residual_share` is billed less counted, of what was billed. `is_exact` is None where nothing
    was counted.
    """

    stage: str | None
    model: str | None
    template: str | None
    name: str | None
    calls: int
    input_tokens: int | None
    output_tokens: int | None
    input_p50: float | None
    input_p95: float | None
    output_p50: float | None
    output_p95: float | None
    cost_usd: float | None
    unpriced_calls: int
    cached_tokens: int | None
    cache_share: float | None
    residual_tokens: int | None
    residual_share: float | None
    stopped_calls: int | None
    problem_calls: int
    calls_without_prompt: int
    is_exact: bool | None
    expected_error: float | None
    parts: tuple[PartSum, ...] = field(default=())

    @property
    def tokens(self) -> int:
        """In and out."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)

    @property
    def heaviest(self) -> PartSum | None:
        """The kind of part with the most input tokens; None if no prompt was taken apart."""
        known = [part for part in self.parts if part.side == "input" and part.tokens > 0]
        taken = [part for part in known if part.kind not in (RESIDUAL, NOT_TAKEN_APART)]
        return max(taken, key=lambda part: part.tokens, default=None)

    @property
    def prompt_tokens(self) -> int:
        """Counted input tokens: those of the parts."""
        rest = (RESIDUAL, NOT_TAKEN_APART)
        return sum(p.tokens for p in self.parts if p.side == "input" and p.kind not in rest)


@dataclass(frozen=True, slots=True)
class TokenView:
    """All figures of a scope but those of one template or call."""

    calls: pa.Table
    total: Use
    stages: tuple[Use, ...]
    templates: tuple[Use, ...]
    models: tuple[Use, ...]
    points: tuple[TimePoint, ...]


def view(scope: Scope, *, bins: int) -> TokenView:
    """The figures of the scope, worked out once for each version of the data."""
    return token_queries.kept(lambda: _view(token_queries.tables(scope), bins), "view", scope, bins)


def _view(found: TokenTables, bins: int) -> TokenView:
    return TokenView(
        calls=found.calls,
        total=total(found),
        stages=tuple(uses(found, ("stage", "template"))),
        templates=tuple(uses(found, ("template",))),
        models=tuple(uses(found, ("model",))),
        points=tuple(over_time(found.calls, bins=bins)),
    )


def uses(found: TokenTables, by: Sequence[str]) -> list[Use]:
    """One for each combination of `by` (stage, model, template), the most tokens first."""
    parts = _parts(found.parts, by)
    made = [
        _use(named, sums, parts.get(tuple(named[name] for name in by), []))
        for named, sums in _summed(found.calls, by)
    ]
    return sorted(made, key=lambda use: (-use.tokens, use.stage or "", use.name or ""))


def total(found: TokenTables) -> Use:
    """All of them as one."""
    ((named, sums),) = _summed(found.calls, ())
    return _use(named, sums, _parts(found.parts, ()).get((), []))


Figures = dict[str, Any]


def _summed(calls: pa.Table, by: Sequence[str]) -> Iterator[tuple[dict[str, Any], Figures]]:
    """The keys of each group and its sums and percentiles; None where no call has the figure."""
    codes, firsts = group(calls, by)
    count = len(firsts)
    columns: dict[str, Sequence[Any]] = {name: sum_by(calls[name], codes, count) for name in _SUMS}
    for name in ("input_tokens", "output_tokens"):
        columns[f"{name}_p50"], columns[f"{name}_p95"] = percentiles_by(calls[name], codes, count)
    columns["calls"] = np.bincount(codes, minlength=count).tolist()
    # As sums, "all are" and "the largest" need no sort: all are when as many are as are known.
    columns["exact"] = sum_by(calls["is_exact"].cast(pa.int64()), codes, count)
    columns["counted"] = sum_by(pc.is_valid(calls["is_exact"]).cast(pa.int64()), codes, count)
    columns["expected_error"] = largest_by(calls["expected_error"], codes, count)
    names = [*by, *(["template_name"] if "template" in by else [])]
    keys = calls.select(names).take(pa.array(firsts, pa.int64())).to_pylist() if names else [{}]
    for at, named in enumerate(keys):
        yield named, {name: values[at] for name, values in columns.items()}


def _use(named: dict[str, Any], sums: Figures, parts: list[PartSum]) -> Use:
    return Use(
        stage=named.get("stage"),
        model=named.get("model"),
        template=named.get("template"),
        name=named.get("template_name"),
        calls=sums["calls"],
        input_tokens=sums["input_tokens"],
        output_tokens=sums["output_tokens"],
        input_p50=sums["input_tokens_p50"],
        input_p95=sums["input_tokens_p95"],
        output_p50=sums["output_tokens_p50"],
        output_p95=sums["output_tokens_p95"],
        cost_usd=sums["cost_usd"],
        unpriced_calls=sums["unpriced"] or 0,
        cached_tokens=sums["cached_tokens"],
        cache_share=_ratio(sums["cached_tokens"], sums["cacheable_tokens"]),
        residual_tokens=sums["residual_input_tokens"],
        residual_share=_ratio(sums["residual_input_tokens"], sums["explained_of_tokens"]),
        stopped_calls=sums["stopped"],
        problem_calls=sums["problems"] or 0,
        calls_without_prompt=sums["without_prompt"] or 0,
        is_exact=sums["exact"] == sums["counted"] if sums["counted"] else None,
        expected_error=sums["expected_error"],
        parts=_with_rest(parts, sums),
    )


def _with_rest(parts: list[PartSum], sums: dict[str, Any]) -> tuple[PartSum, ...]:
    """The parts and what they do not explain of the total on their side."""
    made = list(parts)
    for side in ("input", "output"):
        own = [part.tokens for part in parts if part.side == side]
        rest = (sums[f"{side}_tokens"] or 0) - sum(own)
        if rest:
            made.append(PartSum(side, RESIDUAL if own else NOT_TAKEN_APART, rest))
    return tuple(sorted(made, key=lambda part: -part.tokens))


def _ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole


def _parts(parts: pa.Table, by: Sequence[str]) -> dict[tuple[Any, ...], list[PartSum]]:
    found: dict[tuple[Any, ...], list[PartSum]] = defaultdict(list)
    keys = [*by, "side", "part"]
    summed = parts.group_by(keys).aggregate([("tokens", "sum"), ("is_estimated", "any")])
    for row in summed.to_pylist():
        key = tuple(row[name] for name in by)
        made = PartSum(row["side"], row["part"], row["tokens_sum"], bool(row["is_estimated_any"]))
        found[key].append(made)
    return found


def unpriced_models(models: Sequence[Use]) -> list[str | None]:
    """The models of calls that have tokens and no price, the most tokens first."""
    return [use.model for use in models if use.unpriced_calls]


@dataclass(frozen=True, slots=True)
class TimePoint:
    """What calls used that started from `time_ns` on; None where none has the figure."""

    time_ns: int
    calls: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    cache_share: float | None


def over_time(calls: pa.Table, *, bins: int) -> list[TimePoint]:
    """At most `bins` stretches of a whole number of minutes each, those without calls included."""
    if not calls.num_rows:
        return []
    start_ns = calls["start_ns"].to_numpy()
    step_ns = _step_ns(int(start_ns.min()), int(start_ns.max()), bins)
    at = start_ns // step_ns
    first, count = int(at.min()), int(at.max() - at.min()) + 1
    names = ("input_tokens", "output_tokens", "cost_usd", "cached_tokens", "cacheable_tokens")
    sums = {name: sum_by(calls[name], at - first, count) for name in names}
    number = np.bincount(at - first, minlength=count)
    return [
        TimePoint(
            (first + place) * step_ns,
            int(number[place]),
            sums["input_tokens"][place],
            sums["output_tokens"][place],
            sums["cost_usd"][place],
            _ratio(sums["cached_tokens"][place], sums["cacheable_tokens"][place]),
        )
        for place in range(count)
    ]


def _step_ns(first_ns: int, last_ns: int, bins: int) -> int:
    minute_ns = 60_000_000_000
    minutes = max((last_ns - first_ns) // (bins - 1) // minute_ns + 1, 1)
    return int(minutes * minute_ns)
