"""Media cost what their vendors' formulas say; sizes that cannot be are labelled."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprobe.tokens.media import MediaTokens, media_tokens
from latprobe.tokens.media_formulas import grid, patches, resized_grid, tiles
from latprobe.tokens.part import Media

DISAGREE = "documentation and billing disagree"


def image(width: int | None, height: int | None, detail: str | None = None) -> Media:
    return Media("image", "image/png", 1000, "ab", width, height, None, detail, None)


def lasting(kind: str, duration_s: float | None) -> Media:
    return Media(kind, None, 1000, "ab", None, None, duration_s, None, None)


def tokens(media: Media, model: str, **options: Any) -> int | None:
    found = media_tokens(media, model, **options)
    assert found is not None
    return found.tokens


@pytest.mark.parametrize(
    ("model", "width", "height", "detail", "expected"),
    [
        # The vendors' own examples.
        ("gpt-4o", 1024, 1024, "high", 765),
        ("gpt-4o", 2048, 4096, "high", 1105),
        ("gpt-4o", 4096, 8192, "low", 85),
        ("gpt-4.1-mini", 1024, 1024, None, math.ceil(1024 * 1.62)),
        ("gpt-4.1-mini", 1800, 2400, None, math.ceil(1452 * 1.62)),
        # Billed, as measured by users.
        ("gpt-5-mini", 256, 256, None, 77),
        ("gpt-5-mini", 512, 512, None, 308),
        ("gpt-5-mini", 768, 1024, None, 922),
        ("gpt-5-mini", 1280, 720, None, 1104),
        ("gpt-5-mini", 1024, 1024, None, 1229),
        ("gpt-5-mini", 2048, 768, None, 1844),
        ("openai/gpt-4o-mini", 1024, 1024, None, 2833 + 4 * 5667),
        ("o3", 512, 512, "high", 75 + 150),
        ("gpt-5", 512, 512, None, 210),
        ("claude-sonnet-4-5", 1000, 1000, None, 36 * 36),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 28, 29, None, 2),
        ("claude-opus-4-7", 2576, 1449, None, 92 * 52),
        ("gemini-2.5-flash", 384, 384, None, 258),
        ("gemini-2.5-flash", 1536, 769, None, 4 * 258),
        ("models/gemini-1.5-pro", 4000, 4000, None, 258),
        ("gemini-3-pro", 4000, 4000, None, 1120),
        ("gemini-3-pro", 4000, 4000, "MEDIA_RESOLUTION_LOW", 280),
        ("Qwen/Qwen2.5-VL-7B-Instruct", 280, 560, None, 200),
        ("Qwen/Qwen2.5-VL-7B-Instruct", 10, 10, None, 4),
    ],
)
def test_an_image_costs_what_the_formula_says(
    model: str, width: int, height: int, detail: str | None, expected: int
) -> None:
    assert tokens(image(width, height, detail), model) == expected


def test_sounds_and_videos_cost_by_the_second() -> None:
    assert tokens(lasting("video", 10), "gemini-2.5-pro") == 2630
    assert tokens(lasting("audio", 60), "gemini-2.5-pro") == 1920
    assert tokens(lasting("audio", 2.05), "gpt-realtime") == 21
    assert tokens(lasting("audio", 2), "gpt-4o-audio-preview", side="output") == 40


def test_a_row_names_its_source_its_date_and_how_far_it_can_be_trusted() -> None:
    page = "https://community.openai.com/t/introducing-gpt-5-4-mini-and-nano-our-most-capable-small-models-yet/1377015"
    assert media_tokens(image(1024, 1024), "gpt-5-mini") == MediaTokens(
        tokens=1229,
        is_estimated=True,
        expected_error=0.35,
        source=f"{page} (read 2026-11-22)",
        confidence=DISAGREE,
    )


@pytest.mark.parametrize(("side", "confidence"), [(1024, "reported"), (2400, DISAGREE)])
def test_large_images_of_gpt_41_mini_are_labelled(side: int, confidence: str) -> None:
    found = media_tokens(image(side, side), "gpt-4.1-mini")
    assert found is not None
    assert found.confidence == confidence


@pytest.mark.parametrize(
    ("media", "model"),
    [
        (image(None, None), "gpt-4o"),
        (image(512, None), "claude-3-opus"),
        (image(None, None), "gpt-4.1-mini"),
        (lasting("video", None), "gemini-2.5-pro"),
    ],
)
def test_an_unknown_size_gives_no_tokens_and_not_zero(media: Media, model: str) -> None:
    found = media_tokens(media, model)
    assert found is not None
    assert (found.tokens, found.problem) == (None, None)


def test_low_detail_needs_no_size() -> None:
    assert tokens(image(None, None, "low"), "gpt-4o") == 85


@pytest.mark.parametrize(
    ("media", "problem"),
    [
        (image(0, 10), "0 x 10 pixels is no size"),
        (image(-5, 10), "-5 x 10 pixels is no size"),
        (image(10**9, 10**9), "1000000000 x 1000000000 pixels is no size"),
        (lasting("video", -1.0), "-1.0 s is no duration"),
        (lasting("video", math.nan), "nan s is no duration"),
        (lasting("audio", math.inf), "inf s is no duration"),
    ],
)
def test_a_size_that_cannot_be_is_labelled(media: Media, problem: str) -> None:
    found = media_tokens(media, "gemini-2.5-pro")
    assert found is not None
    assert (found.tokens, found.problem) == (None, problem)


def test_what_is_wrong_with_a_payload_is_passed_on() -> None:
    broken = Media("image", "image/png", 10, "ab", None, None, None, None, "header is cut off")
    found = media_tokens(broken, "gpt-4o")
    assert found is not None
    assert (found.tokens, found.problem) == (None, "header is cut off")


@pytest.mark.parametrize("model", ["gpt-9", "llama-4", None, ""])
def test_a_model_without_a_formula_gives_none(model: str | None) -> None:
    assert media_tokens(image(10, 10), model) is None


SIDES = st.integers(1, 100_000)


@given(SIDES, SIDES)
def test_no_image_costs_more_than_its_cap(width: int, height: int) -> None:
    assert 1 <= patches(width, height, multiplier=1.0, cap=1536) <= 1536
    assert 1 <= grid(width, height, cell=28, cap=1568, long_edge=1568) <= 1568
    assert 255 <= tiles(width, height, base=85, tile=170) <= 85 + 8 * 170
    assert resized_grid(width, height, cell=28, min_pixels=3136, max_pixels=12845056) >= 1


@given(SIDES, SIDES)
def test_an_image_costs_the_same_when_it_is_turned(width: int, height: int) -> None:
    for model in ("gpt-4o", "gpt-4.1-mini", "claude-3-opus", "gemini-2.0-flash", "qwen2.5-vl"):
        assert tokens(image(width, height), model) == tokens(image(height, width), model)
