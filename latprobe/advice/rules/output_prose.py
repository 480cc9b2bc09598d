"""Prose or a Markdown fence around JSON answers, which nothing parses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from latprobe.advice.context import Context
from latprobe.advice.outputs.answer_saving import answer_saving
from latprobe.advice.outputs.reading_answers import JsonAnswers, json_answers
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import FEW_CALLS, token_suggestion
from latprobe.advice.suggestion import Evidence, Sample, Suggestion

NAME = "output_prose"

# A fence alone is five tokens; of a long answer it is not worth a change.
_LEAST_SHARE = 0.05
_LEAST_TOKENS = 4
# Where most of the words stand outside, they may be the answer, and the JSON an example in it;
# unless they are the same phrases again and again.
_MOST_OUTSIDE = 0.7
_MOSTLY = 0.5
# What stands before the JSON and says something new each time is thinking that the JSON rests on;
# a lead-in is shorter. A phrase is new that hardly any other answer has there.
_THOUGHT_WORDS = 10
_RARE = 0.2
_WORD = re.compile(r"[^\W\d_]+")


def find(context: Context) -> Iterator[Suggestion]:
    """Each template whose answers are JSON with something around it."""
    for group in context.templates:
        answers = json_answers(group)
        if answers is None:
            continue
        wrapped = [at for at, found in enumerate(answers.found) if not found.is_bare]
        if len(wrapped) < max(FEW_CALLS, _MOSTLY * len(answers)):
            continue
        saved = answers.mean_tokens - answers.mean_of([found.text for found in answers.found])
        share = saved / answers.mean_tokens
        if _share_said_anew([found.before for found in answers.found]) > _MOSTLY:
            continue
        around = [f"{found.before} {found.after}" for found in answers.found]
        most = _MOST_OUTSIDE if _share_said_anew(around) > _MOSTLY else 1.0
        if saved >= _LEAST_TOKENS and _LEAST_SHARE <= share <= most:
            yield _suggestion(context, group, answers, wrapped, saved=saved)


def _share_said_anew(texts: Sequence[str]) -> float:
    """The share of the texts that are longer than a lead-in and of mostly new phrases; 0..1."""
    words = [_WORD.findall(text.lower()) for text in texts]
    phrases = [set(zip(each, each[1:], each[2:], strict=False)) for each in words]
    standing = Counter(phrase for each in phrases for phrase in each)
    rare = max(_RARE * len(texts), 1.0)
    new = sum(
        len(each) >= _THOUGHT_WORDS and sum(standing[p] <= rare for p in own) > _MOSTLY * len(own)
        for each, own in zip(words, phrases, strict=True)
    )
    return new / max(len(texts), 1)


def _suggestion(
    context: Context,
    group: TemplateCalls,
    answers: JsonAnswers,
    wrapped: list[int],
    *,
    saved: float,
) -> Suggestion:
    at = wrapped[len(wrapped) // 2]
    old, new = answers.texts[at], answers.found[at].text
    old_tokens, new_tokens = answers.meter.count_many([old, new])
    fenced = sum("```" in answers.texts[at] for at in wrapped) / len(answers)
    less = answer_saving(group, now=answers.mean_tokens, saved=saved, answers=len(answers))
    return token_suggestion(
        context,
        group,
        less.fewer(is_exact=answers.meter.is_exact),
        rule=NAME,
        title=f"Ask for bare JSON in {group.subject}: {less.change}",
        evidence=(
            Evidence("answers with text around their JSON", len(wrapped), f"of {len(answers)}"),
            Evidence("answers in a Markdown fence", round(fenced, 2), "share"),
            Evidence("tokens around the JSON", round(saved, 1), f"tokens {less.each}"),
            *less.evidence,
        ),
        how="Use structured output (response_format, a JSON schema), or say: Answer with the JSON "
        "object only, without Markdown or explanations.\n"
        "json.loads then reads the answer as it comes.",
        verify=less.verify,
        link="https://developers.openai.com/api/docs/guides/structured-outputs",
        sample=Sample(
            before=old,
            after=new,
            before_tokens=old_tokens,
            after_tokens=new_tokens,
            meaning="near",
            check=f"the JSON of {len(answers)} recorded answers is the same; what stood around it "
            "is gone",
        ),
        seen=len(answers),
    )
