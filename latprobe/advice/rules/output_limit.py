"""Answers cut off at their limit, and a few answers that run on where nothing limits them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from latprobe.advice.context import Context
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import Fewer, cost_saved
from latprobe.advice.saving import predicted, with_tokens
from latprobe.advice.suggestion import Evidence, Saving, Suggestion, not_enough
from latprobe.analysis.intervals import Floats
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.whatif import Tokens

NAME = "output_limit"

# One answer in twenty that is cut is no accident.
_CUT_SHARE = 0.05
_FEWEST_CUT = 5
# A tail is told from a wide spread by what runs on: the longest are many times the median, and
# the calls between are few.
_FEWEST_CALLS = 100
_TAIL_TIMES = 8.0
_LIMIT_TIMES = 4.0
_LEAST_TAIL_TOKENS = 400
_LEAST_TAIL_SHARE = 0.005
_MOST_TAIL_SHARE = 0.15
_LIMITS = (
    "gen_ai.request.max_tokens",
    "gen_ai.request.max_output_tokens",
    "llm.request.max_tokens",
    "max_tokens",
    "max_output_tokens",
    "max_new_tokens",
)
_LINK = "https://developers.openai.com/api/docs/guides/latency-optimization"


def find(context: Context) -> Iterator[Suggestion]:
    """Each template with cut answers, or with a tail and no limit."""
    for group in context.templates:
        cut = group.cut_calls or 0
        if cut >= max(_FEWEST_CUT, _CUT_SHARE * group.calls):
            yield _cut(group, cut)
        elif group.calls >= _FEWEST_CALLS:
            yield from _tail(context, group)


def _cut(group: TemplateCalls, cut: int) -> Suggestion:
    """What a cut answer costs is known to whoever reads it alone, so that nothing is promised."""
    share = cut / group.calls
    return not_enough(
        rule=NAME,
        subject=group.subject,
        title=f"Look at the answers of {group.subject} that are cut at their limit ({share:.0%})",
        refusal=Refusal(
            f"{cut} of {group.calls} answers ended at their token limit, and whether a cut answer "
            "is of use is not recorded: raise the limit, or ask for shorter answers."
        ),
        evidence=(
            Evidence("answers cut at their limit", cut, f"of {group.calls}"),
            Evidence("output tokens", round(group.output_tokens, 1), "tokens a call"),
        ),
        stage=group.stage,
    )


def _tail(context: Context, group: TemplateCalls) -> Iterator[Suggestion]:
    every = _output_tokens(context, group)
    tokens = every[~np.isnan(every)]
    if len(tokens) < _FEWEST_CALLS:
        return
    usual, longest = np.quantile(tokens, [0.5, 0.99]).tolist()
    limit = round(_LIMIT_TIMES * usual)
    share = float(np.mean(tokens > limit))
    has_tail = longest >= max(_TAIL_TIMES * usual, _LEAST_TAIL_TOKENS)
    if not has_tail or not _LEAST_TAIL_SHARE <= share <= _MOST_TAIL_SHARE:
        return
    if _has_limit(context, group):
        return
    # Calls that wrote nothing, such as those that failed, have nothing to save.
    saved = float(np.sum(np.maximum(tokens - limit, 0))) / len(every)
    yield _suggestion(context, group, limit, saved, evidence=(
        Evidence("output tokens, median", round(usual), "tokens"),
        Evidence("output tokens, 99th percentile", round(longest), "tokens"),
        Evidence(f"answers over {limit} tokens", round(share, 3), "share"),
        Evidence("limit in the requests", "none"),
    ))  # fmt: skip


def _suggestion(
    context: Context,
    group: TemplateCalls,
    limit: int,
    saved: float,
    *,
    evidence: tuple[Evidence, ...],
) -> Suggestion:
    change = Tokens(group.stage, output_limit=limit)
    is_alone = group.calls == group.stage_calls
    found = predicted(context, change) if is_alone else "Other templates share the stage."
    if isinstance(found, str):
        evidence = (*evidence, Evidence("latency saved", found))
    fewer = Fewer(output_tokens=saved)
    return Suggestion(
        rule=NAME,
        subject=group.subject,
        title=f"Limit the answers of {group.subject} to {limit} tokens: few need more, and those "
        "that do run on",
        evidence=evidence,
        how=f"Set max_tokens={limit} (max_output_tokens, max_new_tokens), and a stop sequence "
        "where the format has one.\nHandle an answer that ends by its length as a failure.",
        verify=f"`latprobe report`: p99 of {group.stage} falls; hardly any answer is cut.",
        effort="low",
        saving=with_tokens(
            Saving(basis="simulation") if isinstance(found, str) else found,
            output_tokens=saved * group.per_request,
            cost_usd_per_1000=cost_saved(group, fewer),
        ),
        link=_LINK,
        stage=group.stage,
        preconditions=("The longest answers are not the ones that are needed whole.",),
        changes=(change,) if is_alone else (),
        claims=frozenset({("output_tokens", group.claim)}),
    )


def _output_tokens(context: Context, group: TemplateCalls) -> Floats:
    """Of each of the newest calls; NaN where not known."""
    calls = context.calls
    rows = zip(
        calls["stage"].to_pylist(),
        calls["template"].to_pylist(),
        calls["output_tokens"].to_pylist(),
        strict=True,
    )
    return np.array(
        [
            np.nan if tokens is None else tokens
            for stage, template, tokens in rows
            if stage == group.stage
            and (None if template is None else str(template).replace("-", "")) in group.members
        ],
        np.float64,
    )


def _has_limit(context: Context, group: TemplateCalls) -> bool:
    """Whether requests of the stage say a limit; one that was not recorded is taken as none."""
    table = context.sampled.table
    for name, text in zip(table["name"].to_pylist(), table["attributes"].to_pylist(), strict=True):
        if name == group.stage and text:
            attributes = json.loads(text)
            if any(attributes.get(limit) for limit in _LIMITS):
                return True
    return False
