from __future__ import annotations

import json

import pytest

from latprobe.advice.rules import image_resolution
from latprobe.tokens.media import media_tokens
from latprobe.tokens.part import Media
from tests.advice.answers import Prompt, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording

MODEL = "claude-sonnet-4-5"


def image(width: int, height: int) -> Media:
    return Media("image", "image/png", 900_000, None, width, height, None, None, None)


def tokens_of(width: int, height: int) -> int:
    found = media_tokens(image(width, height), MODEL, "anthropic")
    assert found is not None
    assert found.tokens is not None
    return found.tokens


def pictures(width: int, height: int, requests: int = 60) -> Recording:
    def prompt(r: Recording, number: int) -> Prompt:
        return [("image", f"picture {number}"), ("user", prose(r, 12))]

    recording = recorded(
        lambda r, _: prose(r, r.random.randint(10, 60)),
        prompt=prompt,
        requests=requests,
        model=MODEL,
        provider="anthropic",
    )
    tokens = tokens_of(width, height)
    media = image(width, height)
    fields = ("kind", "mime_type", "bytes", "width", "height")
    said = json.dumps({name: getattr(media, name) for name in fields})
    for part in recording.parts:
        if part["part"] == "image":
            part["tokens"] = tokens
            recording.texts[part["hash"]] |= {"text": None, "media": said}
    for row in recording.usage:
        row["input_tokens"] += tokens
        row["uncached_input_tokens"] += tokens
    return recording


def test_large_pictures_are_sent_smaller_by_the_vendors_formula() -> None:
    found = one(image_resolution, pictures(1_600, 1_200))
    assert found.verdict == "do"
    assert "at most 1024 pixels" in found.title
    saving = found.saving
    assert saving is not None
    assert saving.tokens_estimated
    assert saving.input_tokens == tokens_of(1_600, 1_200) - tokens_of(1_024, 768)


def test_pictures_of_a_usual_size_are_fine() -> None:
    assert suggestions(image_resolution, pictures(1_024, 768)) == []


def test_a_few_pictures_are_not_enough() -> None:
    assert one(image_resolution, pictures(1_600, 1_200, requests=9)).verdict == "not enough data"


def test_calls_without_a_picture_save_nothing() -> None:
    recording = pictures(1_600, 1_200)
    less = tokens_of(1_600, 1_200) - tokens_of(1_024, 768)
    without = {row["span_id"] for row in recording.usage[::3]}
    recording.parts = [
        part
        for part in recording.parts
        if part["part"] != "image" or part["span_id"] not in without
    ]
    for row in recording.usage[::3]:
        for column in ("input_tokens", "uncached_input_tokens"):
            row[column] -= tokens_of(1_600, 1_200)
    saving = one(image_resolution, recording).saving
    assert saving is not None
    assert saving.input_tokens == pytest.approx(less * 2 / 3)
