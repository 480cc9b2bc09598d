"""A pipeline with one model call, whose time is mostly that of its output tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from latprobe.advice.context import Context
from latprobe.advice.rule import Rule
from latprobe.advice.suggestion import Suggestion
from tests.advice.pipelines import Recording, _tokens

Prompt = Sequence[tuple[str, str]]
# What an output and an input token take in these pipelines, and a call without any.
MS_A_TOKEN = 10.0
MS_AN_INPUT_TOKEN = 0.05
MS_A_CALL = 100.0

WORDS = tuple(
    word
    for line in (
        "river stone amber window ladder copper meadow signal harbor lantern orchard pebble",
        "quarry saddle timber velvet walnut anchor bridge candle dragon ember falcon garden",
        "hollow island jacket kettle lemon marble needle oyster pillow rabbit silver tunnel",
        "umbra valley wagon yarn beacon cactus dagger easel fiddle goblet hammer igloo jungle",
    )
    for word in line.split()
)


def prose(recording: Recording, words: int) -> str:
    """So many words, drawn anew each time, in sentences."""
    drawn = recording.random.choices(WORDS, k=words)
    sentences = [" ".join(drawn[at : at + 9]).capitalize() for at in range(0, words, 9)]
    return ". ".join(sentences) + "."


def recorded(
    output: Callable[[Recording, int], str],
    *,
    prompt: Callable[[Recording, int], Prompt] | None = None,
    requests: int = 80,
    seed: int = 3,
    other_ms: float = 40,
    **call: Any,
) -> Recording:
    """The pipeline: a step of `other_ms`, then the call with what `output` and `prompt` give."""
    recording = Recording(seed=seed)
    for number in range(requests):
        parts = prompt(recording, number) if prompt else _question(recording, number)
        text = output(recording, number)
        ms = MS_A_CALL + MS_A_TOKEN * _tokens(text)
        ms += MS_AN_INPUT_TOKEN * sum(_tokens(part) for _, part in parts)
        with recording.request("answer") as request:
            request.stage("parse", other_ms)
            ms *= recording.random.lognormvariate(0, 0.03)
            request.call("llm", ms, exact=True, prompt=parts, output=text, **call)
    return recording


def _question(recording: Recording, number: int) -> Prompt:
    return [
        ("system", "You answer questions of customers about their orders, in few words."),
        ("user", f"Question {number}: {prose(recording, 12)}"),
    ]


def suggestions(rule: object, recording: Recording) -> list[Suggestion]:
    """What a rule's module finds in the recording."""
    return list(cast(Rule, rule).find(Context(recording.query())))


def one(rule: object, recording: Recording) -> Suggestion:
    """The only thing that it finds."""
    (found,) = suggestions(rule, recording)
    return found


def figures(suggestion: Suggestion) -> dict[str, object]:
    """Its evidence by name."""
    return {each.what: each.value for each in suggestion.evidence}
