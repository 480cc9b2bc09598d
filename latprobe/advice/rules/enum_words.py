"""Answers out of a few long labels, for which codes would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from latprobe.advice.compress.meter import Meter
from latprobe.advice.context import Context
from latprobe.advice.outputs.answer_saving import answer_saving
from latprobe.advice.outputs.fields import leaves, replaced
from latprobe.advice.outputs.json_answers import in_style_of
from latprobe.advice.outputs.reading_answers import JsonAnswers, json_answers
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import token_suggestion
from latprobe.advice.suggestion import Evidence, Sample, Suggestion

NAME = "enum_words"

# Values that come from a list have all been seen, several times each, in so many calls.
_FEWEST_ANSWERS = 30
_MOST_LABELS = 12
_FEWEST_TIMES_EACH = 3
# A name of three or four tokens is as short as it is clear: what a letter saves is under 50 ms.
_LEAST_TOKENS = 5
_LEAST_SHARE = 0.15
# Longer ones are answers that were given again, for a cache to keep.
_MOST_LABEL_TOKENS = 40
_WHOLE = ""


@dataclass(frozen=True, slots=True)
class _Labels:
    """Answers before and after their labels became codes; `where` is the field, "" for all."""

    where: str
    codes: dict[str, str]
    before: list[str]
    after: list[str]


def find(context: Context) -> Iterator[Suggestion]:
    """Each template whose answers, or a field of them, are one of a few long labels."""
    for group in context.templates:
        meter = Meter(group.model)
        # The keys of JSON are what a parser asks for: its values alone become codes.
        answers = json_answers(group)
        found = list(_whole_answers(group)) if answers is None else _fields(answers)
        for labels in found:
            suggestion = _suggestion(context, group, labels, meter)
            if suggestion is not None:
                yield suggestion
                break  # the first is the one that most is saved by; the rest can follow


def _whole_answers(group: TemplateCalls) -> Iterator[_Labels]:
    answers = [text.strip() for text in group.answers]
    codes = _codes(answers)
    if codes:
        yield _Labels(_WHOLE, codes, answers, [codes[text] for text in answers])


def _fields(answers: JsonAnswers) -> list[_Labels]:
    values: dict[str, list[str]] = {}
    for found in answers.found:
        for path, item in leaves(found.value):
            if isinstance(item, str):
                values.setdefault(path, []).append(item)
    made = []
    for path, items in values.items():
        codes = _codes(items)
        if codes:
            before = [in_style_of(f.value, f.text) for f in answers.found]
            after = [in_style_of(replaced(f.value, path, codes), f.text) for f in answers.found]
            made.append(_Labels(path, codes, before, after))
    return sorted(made, key=lambda each: sum(map(len, each.after)) - sum(map(len, each.before)))


def _codes(items: Sequence[str]) -> dict[str, str]:
    """A letter for each label; empty where these are no labels out of a list."""
    seen = Counter(items)
    if len(items) < _FEWEST_ANSWERS or not 2 <= len(seen) <= _MOST_LABELS:
        return {}
    if min(seen.values()) < _FEWEST_TIMES_EACH:
        return {}
    return dict(zip(sorted(seen), ascii_uppercase, strict=False))


def _suggestion(
    context: Context, group: TemplateCalls, labels: _Labels, meter: Meter
) -> Suggestion | None:
    before, after = meter.count_many(labels.before), meter.count_many(labels.after)
    now = sum(before) / len(before)
    saved = now - sum(after) / len(after)
    longest = max(meter.count_many(list(labels.codes)))
    if saved < max(_LEAST_TOKENS, _LEAST_SHARE * now) or longest > _MOST_LABEL_TOKENS:
        return None
    legend = ", ".join(f"{code}={label}" for label, code in labels.codes.items())
    where = f"in {labels.where!r} " if labels.where else ""
    sentence = f"Write {where}one letter: {legend}."
    (more,) = meter.count_many([sentence])
    less = answer_saving(group, now=now, saved=saved, answers=len(before))
    at = sorted(range(len(before)), key=lambda place: before[place])[len(before) // 2]
    return token_suggestion(
        context,
        group,
        less.fewer(is_exact=meter.is_exact, sentence=more),
        rule=NAME,
        title=f"Let {group.subject} answer {where}with codes for {len(labels.codes)} labels: "
        f"{less.change}",
        evidence=(
            Evidence("answers looked at", len(before)),
            Evidence("different labels", len(labels.codes)),
            Evidence("output tokens now", round(now, 1), f"tokens {less.each}"),
            Evidence("with codes", round(now - saved, 1), "tokens"),
            *less.evidence,
            Evidence("tokens of the new sentence in the prompt", more, "tokens"),
        ),
        how=f"Say in the prompt: {sentence}\nMap the letter back to the label in code.",
        verify=less.verify,
        link="https://developers.openai.com/api/docs/guides/latency-optimization",
        preconditions=("Try it on some recorded requests: a label's words can help a model.",),
        sample=Sample(
            before=labels.before[at],
            after=labels.after[at],
            before_tokens=before[at],
            after_tokens=after[at],
            meaning="lossless",
            check="each label has its own code, so that the code gives the label back",
        ),
        seen=len(before),
        enough=_FEWEST_ANSWERS,
    )
