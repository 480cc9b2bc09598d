"""What a call used, and what does not add up."""

from __future__ import annotations

from typing import Any

import pytest

from latprobe.otel.semconv import promote
from latprobe.tokens.anatomy import Anatomy, PartCount
from latprobe.tokens.ledger import (
    COUNTED,
    ESTIMATED,
    FAILED,
    ONLY_TOTAL,
    OVERFULL,
    UNKNOWN,
    UNREPORTED,
    UNREPORTED_STREAM,
    LedgerRow,
    refused_count,
    settle_call,
)
from latprobe.tokens.reported_media import NOTHING, reported_media


def row(kind: str, tokens: int | None, *, side: str = "input", guess: bool = False) -> PartCount:
    return PartCount(0, side, kind, None, None, tokens, guess, None, None, None, None)


def anatomy_of(*rows: PartCount, billed: int | None = None, exact: bool = True) -> Anatomy:
    given = sum(r.tokens or 0 for r in rows if r.side == "input")
    made = sum(r.tokens or 0 for r in rows if r.side == "output")
    residual = None if billed is None else billed - given
    return Anatomy(rows, given, made, residual, None, "o200k_base", exact, 0.0 if exact else 0.1)


PARTS = (row("system", 20), row("tools", 30), row("user", 45), row("overhead", 5))
ANSWER = row("output", 7, side="output")
COUNTED_FIELDS = {
    "tool_tokens": 30,
    "image_input_tokens": 0,
    "audio_input_tokens": 0,
    "counted_input_tokens": 100,
    "counted_output_tokens": 7,
    "overhead_tokens": 5,
    "encoding": "o200k_base",
    "is_exact": True,
    "expected_error": 0.0,
}


def test_what_was_reported_wins_and_the_parts_stand_beside_it() -> None:
    said = promote({"gen_ai.usage.input_tokens": 103, "gen_ai.usage.output_tokens": 9})

    assert settle_call(said, anatomy_of(*PARTS, ANSWER, billed=103)) == LedgerRow(
        input_tokens=103,
        uncached_input_tokens=103,
        output_tokens=9,
        text_input_tokens=103,
        total_tokens=112,
        input_origin="provider",
        output_origin="provider",
        origin="provider",
        residual_input_tokens=3,
        **COUNTED_FIELDS,  # type: ignore[arg-type]  # values of several types
    )


def test_what_was_not_reported_is_counted() -> None:
    assert settle_call(promote({}), anatomy_of(*PARTS, ANSWER)) == LedgerRow(
        input_tokens=100,
        output_tokens=7,
        text_input_tokens=100,
        total_tokens=107,
        input_origin=COUNTED,
        output_origin=COUNTED,
        origin=COUNTED,
        problem=UNREPORTED,
        **COUNTED_FIELDS,  # type: ignore[arg-type]  # values of several types
    )


@pytest.mark.parametrize(
    ("anatomy", "origins"),
    [
        (anatomy_of(*PARTS, ANSWER, exact=False), (ESTIMATED, ESTIMATED, ESTIMATED)),
        (anatomy_of(row("tools", 9, guess=True), ANSWER), (ESTIMATED, COUNTED, ESTIMATED)),
        (anatomy_of(*PARTS, row("image", None), ANSWER), (ESTIMATED, COUNTED, ESTIMATED)),
    ],
)
def test_a_count_that_is_not_certain_is_an_estimate(
    anatomy: Anatomy, origins: tuple[str, str, str]
) -> None:
    found = settle_call(promote({}), anatomy)

    assert (found.input_origin, found.output_origin, found.origin) == origins


@pytest.mark.parametrize(
    ("attributes", "anatomy", "how", "problem"),
    [
        ({}, anatomy_of(*PARTS), {"is_stream": True}, UNREPORTED_STREAM),
        ({}, anatomy_of(*PARTS), {"is_error": True}, FAILED),
        ({}, None, {}, UNKNOWN),
        ({"gen_ai.usage.total_tokens": 50}, anatomy_of(*PARTS), {}, ONLY_TOTAL),
        ({"input_tokens": 50}, anatomy_of(*PARTS, billed=50), {}, OVERFULL),
        ({"input_tokens": 50}, anatomy_of(*PARTS, billed=50, exact=False), {}, None),
        ({"input_tokens": 98}, anatomy_of(*PARTS, billed=98), {}, None),
        (
            {"input_tokens": 5, "gen_ai.usage.cache_read.input_tokens": 9},
            None, {}, "cached tokens exceed input tokens",
        ),
        (
            {"output_tokens": 5, "gen_ai.usage.reasoning.output_tokens": 9},
            None, {}, "reasoning tokens exceed output tokens",
        ),
        (
            {"input_tokens": 5, "output_tokens": 5, "gen_ai.usage.total_tokens": 11},
            None, {}, "total tokens are not input plus output",
        ),
    ],
)  # fmt: skip
def test_what_does_not_add_up_is_named(
    attributes: dict[str, object],
    anatomy: Anatomy | None,
    how: dict[str, Any],
    problem: str | None,
) -> None:
    assert settle_call(promote(attributes), anatomy, **how).problem == problem


def test_images_and_sound_are_no_text() -> None:
    said = promote({"gen_ai.usage.input_tokens": 1000})
    found = settle_call(said, anatomy_of(*PARTS, row("image", 700), row("audio", 50)))
    unknown = settle_call(said, anatomy_of(*PARTS, row("image", None)))

    assert (found.text_input_tokens, found.image_input_tokens, found.audio_input_tokens) == (
        250,
        700,
        50,
    )
    assert (unknown.text_input_tokens, unknown.image_input_tokens) == (None, None)


def test_what_was_reported_of_images_and_sound_wins_over_the_formulas() -> None:
    parts = anatomy_of(row("user", 20), row("image", 85), row("audio", 30), billed=200)
    said = {"input_tokens": 200, "output_tokens": 7, "gen_ai.usage.image.input_tokens": 90}
    found = settle_call(promote(said), parts, media=reported_media(said))
    assert (found.image_input_tokens, found.audio_input_tokens) == (90, 30)
    assert found.text_input_tokens == 200 - 90 - 30
    said["llm.token_count.prompt_details.audio"] = 40
    found = settle_call(promote(said), None, media=reported_media(said))
    assert (found.image_input_tokens, found.audio_input_tokens) == (90, 40)
    assert reported_media({"gen_ai.usage.image.input_tokens": -1}) is NOTHING


def test_an_embedding_needs_no_output_to_have_a_total() -> None:
    said = promote({"gen_ai.usage.input_tokens": 12})

    assert settle_call(said, None, operation="embeddings").total_tokens == 12
    assert settle_call(said, None, operation="chat").total_tokens is None


@pytest.mark.parametrize("value", [-1, 1 << 63, 1.5, "7", True])
def test_a_count_that_cannot_be_meant_is_named(value: object) -> None:
    name = "gen_ai.usage.output_tokens"

    assert refused_count({name: value}) == f"{name} = {value} cannot be a count"
    assert refused_count({name: 7, "other": value}) is None
