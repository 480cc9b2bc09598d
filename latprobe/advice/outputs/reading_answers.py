"""The JSON answers of a template, parsed, and counted with its model's tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from latprobe.advice.call_texts import CallText
from latprobe.advice.compress.meter import Meter
from latprobe.advice.outputs.json_answers import JsonAnswer, find_json
from latprobe.advice.outputs.template_calls import TemplateCalls

# A template answers in JSON if nearly all of its answers do.
MOST_ARE_JSON = 0.8


@dataclass(frozen=True, slots=True)
class JsonAnswers:
    """The calls that answered in JSON, with it and the tokens of the whole answer.

    `answers` counts all calls with a text.
    """

    calls: tuple[CallText, ...]
    found: tuple[JsonAnswer, ...]
    texts: tuple[str, ...]
    tokens: tuple[int, ...]
    answers: int
    meter: Meter

    def __len__(self) -> int:
        return len(self.found)

    @property
    def mean_tokens(self) -> float:
        """Tokens of an answer."""
        return sum(self.tokens) / len(self.tokens)

    def mean_of(self, texts: Sequence[str]) -> float:
        """The mean tokens of other texts, by the same count."""
        return sum(self.meter.count_many(texts)) / len(texts)

    def typical(self) -> int:
        """The place of the answer with the median number of tokens: the one to show."""
        return sorted(range(len(self)), key=lambda at: self.tokens[at])[len(self) // 2]


def json_answers(group: TemplateCalls) -> JsonAnswers | None:
    """None where not nearly all answers are JSON."""
    answered = group.answered
    parsed = [(call, text, find_json(text)) for call, text in answered]
    kept = [(call, text, found) for call, text, found in parsed if found is not None]
    if not kept or len(kept) < MOST_ARE_JSON * len(answered):
        return None
    meter = Meter(group.model)
    texts = tuple(text for _, text, _ in kept)
    return JsonAnswers(
        calls=tuple(call for call, _, _ in kept),
        found=tuple(found for _, _, found in kept),
        texts=texts,
        tokens=tuple(meter.count_many(texts)),
        answers=len(answered),
        meter=meter,
    )
