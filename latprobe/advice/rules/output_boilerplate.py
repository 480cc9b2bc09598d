"""Answers that nearly all begin or end with the same words."""

from __future__ import annotations

from collections.abc import Iterator

from latprobe.advice.compress.meter import Meter
from latprobe.advice.context import Context
from latprobe.advice.outputs.answer_saving import answer_saving
from latprobe.advice.outputs.json_answers import find_json
from latprobe.advice.outputs.shared_ends import shared_end, shared_start
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import FEW_CALLS, token_suggestion
from latprobe.advice.suggestion import Evidence, Sample, Suggestion

NAME = "output_boilerplate"

# "Yes, you can" is how people talk; a sentence of greeting or disclaimer is longer.
_LEAST_TOKENS = 10
_LEAST_SHARE = 0.1
# Where answers are few different texts, they are labels (`enum_words`) or could be cached.
_LEAST_DISTINCT = 0.3
# Words that belong to what follows: an opening ends where a sentence or line does.
_ENDS = (".", "!", "?", ":", "\n")


def find(context: Context) -> Iterator[Suggestion]:
    """Each template whose answers in prose share an opening or a closing."""
    for group in context.templates:
        answers = group.answers
        if len(answers) < FEW_CALLS or len(set(answers)) < _LEAST_DISTINCT * len(answers):
            continue
        if sum(find_json(text) is not None for text in answers) > 0.2 * len(answers):
            continue  # the skeleton of JSON is `output_format`'s
        start = _whole(shared_start(answers))
        end = shared_end([text.removeprefix(start) for text in answers])
        if start or end:
            yield from _suggestion(context, group, answers, start, end)


def _whole(start: str) -> str:
    """The opening up to its last sentence's or line's end."""
    return start[: max(start.rfind(each) for each in _ENDS) + 1]


def _suggestion(
    context: Context, group: TemplateCalls, answers: tuple[str, ...], start: str, end: str
) -> Iterator[Suggestion]:
    meter = Meter(group.model)
    cut = [text.removeprefix(start).removesuffix(end).strip() for text in answers]
    before, after = meter.count_many(answers), meter.count_many(cut)
    now = sum(before) / len(answers)
    saved = now - sum(after) / len(answers)
    if saved < max(_LEAST_TOKENS, _LEAST_SHARE * now):
        return
    less = answer_saving(group, now=now, saved=saved)
    shares = [text.startswith(start) and text.endswith(end) for text in answers]
    at = shares.index(True) if True in shares else 0
    yield token_suggestion(
        context,
        group,
        less.fewer(is_exact=meter.is_exact),
        rule=NAME,
        title=f"Add the standing words of {group.subject} in code: {less.change}",
        evidence=(
            Evidence("answers looked at", len(answers)),
            Evidence("answers with them", sum(shares), f"of {len(answers)}"),
            Evidence("opening", start.strip() or None),
            Evidence("closing", end.strip() or None),
            Evidence("their tokens", round(saved, 1), f"tokens {less.each}"),
            *less.evidence,
        ),
        how="Say in the prompt: Answer directly, without an introduction, offer or disclaimer.\n"
        "Put the standing words in where the answer is shown, if they are wanted.",
        verify=less.verify,
        link="https://developers.openai.com/api/docs/guides/latency-optimization",
        sample=Sample(
            before=answers[at],
            after=cut[at],
            before_tokens=before[at],
            after_tokens=after[at],
            meaning="near",
            check="put back in, they give the recorded answer again, but for blanks",
        ),
        seen=len(answers),
    )
