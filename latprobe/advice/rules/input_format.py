"""JSON, tables, HTML and logs in prompts that can be written shorter with the same meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from latprobe.advice.call_texts import CallText, TextPart
from latprobe.advice.compress.compose import best
from latprobe.advice.compress.meter import Meter
from latprobe.advice.compress.option import Option
from latprobe.advice.context import Context
from latprobe.advice.outputs.cached_input import cached_shares, loses_cache
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import FEW_CALLS, Fewer, falls_to, token_suggestion
from latprobe.advice.suggestion import Evidence, Sample, Suggestion

NAME = "input_format"

# Schemas of tools are written by the provider's own template, whatever their JSON looks like.
_LEFT_OUT = frozenset({"tools"})
# The newest calls are enough to know a template by, and keep 10,000 calls within a minute.
_CALLS = 15
_LEAST_SHARE = 0.1
_LEAST_TOKENS = 40
# A repeated block is `repeated_blocks`' to speak of.
_NOT_FORMATS = frozenset({"repeats", "near_repeats"})


@dataclass(frozen=True, slots=True)
class _Shorter:
    """One part of one call and how it is written best; tokens as the model counts them."""

    part: TextPart
    option: Option
    before: int
    cached: float

    @property
    def saved(self) -> int:
        return self.before - self.option.tokens_after


def find(context: Context) -> Iterator[Suggestion]:
    """Each template whose prompts' parts have a shorter form that means the same."""
    for group in context.templates:
        calls = [call for call in group.texts if call.has_text][-_CALLS:]
        if not calls:
            continue
        meter = Meter(group.model)
        found = [each for call in calls for each in _shorter(call, meter)]
        saved = sum(each.saved for each in found) / len(calls)
        if saved < max(_LEAST_TOKENS, _LEAST_SHARE * group.input_tokens):
            continue
        if group.calls >= FEW_CALLS:
            yield _suggestion(context, group, found, len(calls), meter)


def _shorter(call: CallText, meter: Meter) -> Iterator[_Shorter]:
    for part, cached in zip(call.side("input"), cached_shares(call), strict=True):
        if part.kind in _LEFT_OUT or not part.text or part.is_truncated:
            continue
        found = best(part.text, allow="near", kind=part.kind, meter=meter, is_thorough=False)
        # Near is a step further from what was tried, so it has to be clearly shorter.
        option = found.lossless
        if found.near and (not option or found.near.tokens_after < 0.9 * option.tokens_after):
            option = found.near
        if option is not None and not _NOT_FORMATS.intersection(option.steps):
            yield _Shorter(part, option, found.tokens_before, cached)


def _suggestion(
    context: Context, group: TemplateCalls, found: list[_Shorter], calls: int, meter: Meter
) -> Suggestion:
    saved = sum(each.saved for each in found) / calls
    cached = sum(each.saved * each.cached for each in found) / calls
    shown = max(found, key=lambda each: each.saved)
    kinds = ", ".join(dict.fromkeys(each.part.kind for each in found))
    steps = tuple(dict.fromkeys(step for each in found for step in each.option.steps))
    is_near = any(each.option.kind == "near" for each in found)
    now = group.input_tokens
    allow = ', allow="near"' if is_near else ""
    made = token_suggestion(
        context,
        group,
        Fewer(
            input_tokens=saved, cached_share=cached / saved, is_estimated=not meter.is_exact
        ),
        rule=NAME,
        title=f"Write the {kinds} texts of {group.subject} shorter: {now:.0f} -> "
        f"{now - saved:.0f} input tokens a call",
        evidence=(
            Evidence("prompts compressed", calls),
            Evidence("parts of them", kinds),
            Evidence("how", ", ".join(steps)),
            Evidence("tokens of these parts now", round(_sum(found) / calls, 1), "tokens a call"),
            Evidence("tokens saved", round(saved, 1), "tokens a call"),
            Evidence("of them cached today", round(cached, 1), "tokens a call"),
        ),
        how=f"latprobe.compress(value, model={group.model!r}{allow}) where the prompt is built.\n"
        "`latprobe compress FILE` shows each step and its check.",
        verify=falls_to(group.stage, "input", now - saved),
        sample=Sample(
            before=shown.part.text or "",
            after=shown.option.text,
            before_tokens=shown.before,
            after_tokens=shown.option.tokens_after,
            meaning=shown.option.kind,
            check=shown.option.check.executed,
        ),
        seen=group.calls,
    )  # fmt: skip
    reason = loses_cache(group, saved=saved, saved_cached=cached)
    return made if reason is None else replace(made, verdict="don't", reason=reason)


def _sum(found: list[_Shorter]) -> int:
    return sum(each.before for each in found)
