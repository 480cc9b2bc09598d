"""Answers that give a whole document back with small changes, where the changes would do."""

from __future__ import annotations

from collections.abc import Iterator

from latprobe.advice.compress.meter import Meter
from latprobe.advice.context import Context
from latprobe.advice.outputs.answer_saving import answer_saving
from latprobe.advice.outputs.rewritten import Rewritten, rewritten
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import FEW_CALLS, token_suggestion
from latprobe.advice.suggestion import Evidence, Sample, Suggestion

NAME = "whole_rewrite"

# Edits of nearly everything are as long as the document.
_LEAST_SAVED = 0.4
_MOSTLY = 0.6


def find(context: Context) -> Iterator[Suggestion]:
    """Each template most of whose answers are a document of the prompt, changed."""
    for group in context.templates:
        answered = group.answered
        found = [each for each in (rewritten(call, text) for call, text in answered) if each]
        if len(found) >= max(FEW_CALLS, _MOSTLY * len(answered)):
            yield from _suggestion(context, group, found, len(answered))


def _suggestion(
    context: Context, group: TemplateCalls, found: list[Rewritten], answers: int
) -> Iterator[Suggestion]:
    meter = Meter(group.model)
    before = meter.count_many([each.answer for each in found])
    after = meter.count_many([each.edits for each in found])
    # Answers that are no rewriting stay as they are.
    saved = (sum(before) - sum(after)) / answers
    if saved < _LEAST_SAVED * sum(before) / answers:
        return
    less = answer_saving(group, now=sum(before) / answers, saved=saved)
    now = group.output_tokens
    at = sorted(range(len(found)), key=lambda place: before[place])[len(found) // 2]
    yield token_suggestion(
        context,
        group,
        less.fewer(is_exact=meter.is_exact),
        rule=NAME,
        title=f"Ask {group.subject} for edits, not for the whole document: {now:.0f} -> "
        f"{max(now - less.saved_a_call, 0):.0f} output tokens a call",
        evidence=(
            Evidence("answers that give a document back", len(found), f"of {answers}"),
            Evidence(
                "share of them that stood in the prompt",
                round(sum(each.kept_share for each in found) / len(found), 2),
                "share",
            ),
            Evidence("output tokens now", round(sum(before) / len(found), 1), "tokens"),
            Evidence("as edits", round(sum(after) / len(found), 1), "tokens"),
            *less.evidence,
        ),
        how="Ask for search/replace blocks (old text, new text) of what changes only.\n"
        "Apply them in code; ask again where a block's old text is not found exactly once. "
        "Predicted outputs are the alternative where the provider has them.",
        verify=f"`latprobe prompts`: output tokens of {group.stage} fall by about "
        f"{less.saved_a_call:.0f} a call.",
        link="https://developers.openai.com/api/docs/guides/predicted-outputs",
        effort="medium",
        sample=Sample(
            before=found[at].answer,
            after=found[at].edits,
            before_tokens=before[at],
            after_tokens=after[at],
            meaning="lossless",
            check="the edits were put into the prompt's document and gave the recorded answer",
        ),
        seen=answers,
    )
