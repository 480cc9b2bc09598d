from __future__ import annotations

import pytest

from latprobe.advice.rules import repeated_blocks
from tests.advice.answers import Prompt, figures, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording, _tokens


def answer(r: Recording, _: int) -> str:
    return prose(r, r.random.randint(10, 60))


def twice(r: Recording, _: int) -> Prompt:
    first, second = prose(r, 60), prose(r, 60)
    return [
        ("system", "Answer from the passages."),
        ("retrieved", first),
        ("retrieved", second),
        ("retrieved", first),
        ("user", prose(r, 12)),
    ]


def test_a_passage_that_stands_twice_is_sent_once() -> None:
    recording = recorded(answer, prompt=twice)
    found = one(repeated_blocks, recording)
    passages = [text for text in recording.texts.values() if text["part"] == "retrieved"]
    typical = sum(_tokens(text["text"]) for text in passages) / len(passages)
    saving = found.saving
    assert found.verdict == "do"
    assert saving is not None
    assert saving.input_tokens is not None
    assert saving.input_tokens == pytest.approx(typical, rel=0.25)
    assert found.sample is not None
    assert found.sample.meaning == "lossless"


def test_parts_without_text_beside_them_hide_nothing() -> None:
    def inside(r: Recording, _: int) -> Prompt:
        first = prose(r, 60)
        return [("retrieved", f"{first}\n---\n{prose(r, 60)}\n---\n{first}\n---"),
                ("user", prose(r, 12))]  # fmt: skip

    recording = recorded(answer, prompt=inside)
    whole = one(repeated_blocks, recording)
    firsts = [part for part in recording.parts if part["position"] == 0]
    for kind in ("overhead", "image"):
        recording.parts += [
            {**part, "position": 90, "part": kind, "hash": None, "tokens": 7} for part in firsts
        ]
    found = one(repeated_blocks, recording)
    assert found.saving is not None
    assert whole.saving is not None
    assert found.saving.input_tokens == whole.saving.input_tokens
    assert figures(found)["seen in"] == "texts"


def test_hashes_are_enough_to_see_whole_parts() -> None:
    recording = recorded(answer, prompt=twice)
    for text in recording.texts.values():
        text["text"] = None
    assert figures(one(repeated_blocks, recording))["seen in"] == "hashes of whole parts only"


def test_passages_that_differ_are_fine() -> None:
    def once(r: Recording, _: int) -> Prompt:
        return [("retrieved", prose(r, 60)), ("retrieved", prose(r, 60)), ("user", prose(r, 9))]

    assert suggestions(repeated_blocks, recorded(answer, prompt=once)) == []


def test_a_few_calls_are_not_enough() -> None:
    found = one(repeated_blocks, recorded(answer, prompt=twice, requests=9))
    assert found.verdict == "not enough data"
