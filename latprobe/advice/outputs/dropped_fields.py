"""A suggestion to ask for answers without some of their fields, counted on recorded answers."""

from __future__ import annotations

from collections.abc import Sequence

from latprobe.advice.context import Context
from latprobe.advice.outputs.answer_saving import answer_saving
from latprobe.advice.outputs.fields import without
from latprobe.advice.outputs.json_answers import in_style_of
from latprobe.advice.outputs.reading_answers import JsonAnswers
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import token_suggestion
from latprobe.advice.suggestion import Evidence, Sample, Suggestion

# Two fields of a word each are not worth a change.
_LEAST_TOKENS = 5
_LEAST_SHARE = 0.05
_MOST_SHOWN = 4


def fewer_fields(
    context: Context,
    group: TemplateCalls,
    answers: JsonAnswers,
    dropped: Sequence[str],
    *,
    rule: str,
    title: str,
    evidence: Sequence[Evidence],
    preconditions: tuple[str, ...],
    seen: int,
    enough: int,
    least_tokens: float = _LEAST_TOKENS,
    least_share: float = _LEAST_SHARE,
) -> Suggestion | None:
    """None where the fields are too short to matter. `{them}` in the title fits their number."""
    if not dropped:
        return None
    styled = [in_style_of(found.value, found.text) for found in answers.found]
    cut = [in_style_of(without(f.value, dropped), f.text) for f in answers.found]
    saved = answers.mean_of(styled) - answers.mean_of(cut)
    now = answers.mean_tokens
    if saved < max(least_tokens, least_share * now):
        return None
    less = answer_saving(group, now=now, saved=saved, answers=len(answers))
    at = answers.typical()
    old_tokens, new_tokens = answers.meter.count_many([styled[at], cut[at]])
    gone = shown_fields(dropped)
    return token_suggestion(
        context,
        group,
        less.fewer(is_exact=answers.meter.is_exact),
        rule=rule,
        title=title.replace("{them}", "it" if len(dropped) == 1 else "them") + f": {less.change}",
        evidence=(
            *evidence,
            Evidence("output tokens now", round(now, 1), f"tokens {less.each}"),
            Evidence("output tokens without them", round(now - saved, 1), "tokens"),
            *less.evidence,
        ),
        how=f"Take {gone} out of the schema and the examples in the prompt.\n"
        f"Say if needed: Do not write {gone}.",
        verify=less.verify,
        link="https://developers.openai.com/api/docs/guides/structured-outputs",
        preconditions=preconditions,
        sample=Sample(
            before=styled[at],
            after=cut[at],
            before_tokens=old_tokens,
            after_tokens=new_tokens,
            meaning="lossy",
            check=f"all other fields of {len(answers)} recorded answers are equal; gone: {gone}",
        ),
        seen=seen,
        enough=enough,
    )


def shown_fields(fields: Sequence[str]) -> str:
    """The fields' names as a reader sees them, the first few of many."""
    shown = ", ".join(fields[:_MOST_SHOWN])
    more = len(fields) - _MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
