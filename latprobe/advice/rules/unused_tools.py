"""Tools that are offered with each call and never called: their schemas are paid for each time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from latprobe.advice.context import Context
from latprobe.advice.outputs.cached_input import cached_shares, loses_cache, mean
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import Fewer, falls_to, token_suggestion
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.analysis.counted_calls import calls_sql

NAME = "unused_tools"

# Never called in n calls, a tool is called in at most 3/n of them (95 %): 5 % for 60 calls.
_FEWEST_OFFERS = 60
_LEAST_SHARE = 0.05
_LEAST_TOKENS = 60

_SQL = """
SELECT replace(c.template::VARCHAR, '-', '') AS template, c.stage, u.name,
       count(*) FILTER (u.offered) AS offered, count(*) FILTER (u.called) AS called
FROM tool_use u JOIN (SELECT DISTINCT ON (trace_id, span_id) * FROM calls) c
  ON c.trace_id = u.trace_id AND c.span_id = u.span_id
GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class _Offer:
    name: str
    offered: int
    called: int


def find(context: Context) -> Iterator[Suggestion]:
    """Each template that offers such tools."""
    offers: dict[tuple[str | None, str], list[_Offer]] = defaultdict(list)
    before, parameters = calls_sql(context.scope)
    for row in context.query(before + _SQL, parameters).to_pylist():
        offer = _Offer(row["name"], row["offered"], row["called"])
        offers[row["template"], row["stage"]].append(offer)
    for group in context.templates:
        offered = [each for each in offers[group.template, group.stage] if each.offered]
        unused = [each for each in offered if not each.called]
        if unused:
            yield from _of(context, group, offered, unused)


def _of(
    context: Context, group: TemplateCalls, offered: list[_Offer], unused: list[_Offer]
) -> Iterator[Suggestion]:
    names = {each.name for each in unused}
    saved, cached, is_estimated = _schema_tokens(group, names, len(offered))
    if saved < max(_LEAST_TOKENS, _LEAST_SHARE * group.input_tokens):
        return
    seen = min(each.offered for each in unused)
    shown = ", ".join(sorted(names)[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    now = group.input_tokens
    made = token_suggestion(
        context,
        group,
        Fewer(input_tokens=saved, cached_share=cached / saved, is_estimated=is_estimated),
        rule=NAME,
        title=f"Do not offer {shown} in {group.subject}: {now:.0f} -> {now - saved:.0f} input "
        "tokens",
        evidence=(
            Evidence("tools offered", len(offered)),
            Evidence("never called", len(unused)),
            Evidence("calls that offered them", seen),
            Evidence("at most called in (95 %)", round(3 / max(seen, 1), 3), "of calls"),
            Evidence("tokens of their schemas", round(saved, 1), "tokens a call"),
            Evidence("of them cached today", round(cached, 1), "tokens a call"),
        ),
        how="Leave their schemas out of `tools`, or offer them where the request is of the kind "
        "that needs them (a router, tool search).\n"
        "Keep the order of those that stay, so that the prefix stays cached.",
        verify=falls_to(group.stage, "input", now - saved),
        link="https://developers.openai.com/api/docs/guides/function-calling",
        preconditions=("They are not for rare cases that the recording happens not to hold.",),
        seen=seen,
        enough=_FEWEST_OFFERS,
    )
    reason = loses_cache(group, saved=saved, saved_cached=cached)
    yield made if reason is None else replace(made, verdict="don't", reason=reason)


def _schema_tokens(
    group: TemplateCalls, names: set[str], offered: int
) -> tuple[float, float, bool]:
    """(tokens of the tools' schemas a call, of them cached, whether that is an estimate)."""
    saved, cached, is_split = [], [], False
    for call in group.texts:
        tokens = read = 0.0
        for part, share in zip(call.side("input"), cached_shares(call), strict=True):
            if part.kind != "tools" or not part.tokens:
                continue
            if part.name in names:
                own = float(part.tokens)
            elif part.name is None:
                # All schemas in one text: each is taken to be as long as the others.
                own, is_split = part.tokens * len(names) / max(offered, 1), True
            else:
                continue
            tokens += own
            read += own * share
        saved.append(tokens)
        cached.append(read)
    return mean(saved), mean(cached), is_split
