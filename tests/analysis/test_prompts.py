"""The heaviest calls, and one call taken apart."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from latprobe.analysis.prompts import AnatomyPart, CallRow, call_anatomy, heaviest_calls
from latprobe.analysis.scope import Scope
from latprobe.errors import NoDataError, UsageError
from tests.analysis.seeded_calls import CallStore, system_and_user, template_uuid
from tests.analysis.seeding import EPOCH_NS, trace_hex

S = 1_000_000_000
HEX_1 = template_uuid(1).replace("-", "")


def filled() -> CallStore:
    store = CallStore()
    store.add_template(1, "answer")
    store.add_text(1, "You are kind.")
    store.add_text(2, "Why?")
    store.add_text(9, None)
    store.add_text(3, None, media=json.dumps({"kind": "image", "width": 64, "height": 32}))
    store.add_call(
        1, system_and_user(1, 2, 4), input_tokens=17, output_tokens=5, template_id=template_uuid(1)
    )
    store.add_call(
        2,
        [("input", "system", 1, 10), ("input", "image", 3, 85)],
        input_tokens=100,
        residual_input_tokens=5,
        cost_usd=0.5,
    )
    return store


HEAVY = CallRow(
    trace_id=trace_hex(2),
    span_id="0000000000000001",
    start_ns=EPOCH_NS + 2 * S,
    stage="llm",
    provider=None,
    model=None,
    template_id=None,
    template_name=None,
    input_tokens=100,
    cache_read_tokens=None,
    output_tokens=None,
    reasoning_tokens=None,
    cost_usd=0.5,
    cost_origin=None,
    input_origin="provider",
    output_origin="provider",
    residual_input_tokens=5,
    residual_output_tokens=None,
    is_exact=True,
    expected_error=None,
    stops_early=None,
    problem=None,
    content_problem=None,
    heaviest_part="image",
    heaviest_part_tokens=85,
)
LIGHT = replace(
    HEAVY,
    trace_id=trace_hex(1),
    start_ns=EPOCH_NS + S,
    template_id=HEX_1,
    template_name="answer",
    input_tokens=17,
    output_tokens=5,
    cost_usd=None,
    residual_input_tokens=None,
    heaviest_part="system",
    heaviest_part_tokens=10,
)


def test_the_call_with_the_most_tokens_comes_first() -> None:
    assert heaviest_calls(filled()) == [HEAVY, LIGHT]
    assert heaviest_calls(filled(), order="cost", limit=1) == [HEAVY]


def test_a_scope_and_a_template_choose_the_calls() -> None:
    store = filled()
    assert heaviest_calls(store, Scope(to_ns=EPOCH_NS + 2 * S)) == [LIGHT]
    assert heaviest_calls(store, template_id=HEX_1) == [LIGHT]
    assert heaviest_calls(store, Scope(model="other")) == []


def part(position: int, side: str, kind: str, tokens: int, **known: object) -> AnatomyPart:
    unknown = dict.fromkeys(("role", "name", "bytes", "characters", "hash", "text", "media"))
    fixed = {"is_estimated": False, "is_truncated": False, "sent_before": 0}
    return AnatomyPart(position, side, kind, tokens=tokens, **{**unknown, **fixed, **known})  # type: ignore[arg-type]  # by name


def test_a_call_is_its_parts_in_order_with_their_texts() -> None:
    found = call_anatomy(filled(), trace_hex(1), "1")
    assert found.call == LIGHT
    assert found.parts == (
        part(0, "input", "system", 10, bytes=13, characters=13, hash=f"{1:032x}",
             text="You are kind."),
        part(1, "input", "user", 4, bytes=4, characters=4, hash=f"{2:032x}", text="Why?"),
        part(2, "input", "overhead", 3),
        part(3, "output", "output", 5, bytes=100, characters=100, hash=f"{9:032x}"),
    )  # fmt: skip


def test_an_image_has_its_size_and_a_repeated_text_says_so() -> None:
    system, image = call_anatomy(filled(), trace_hex(2), "0000000000000001").parts
    assert system.sent_before == 1
    assert image.media == {"kind": "image", "width": 64, "height": 32}


def test_a_call_that_is_not_there_is_no_data() -> None:
    with pytest.raises(NoDataError, match="latprobe prompts"):
        call_anatomy(filled(), "ffff", "1")


@pytest.mark.parametrize(("trace", "span"), [("zz", "1"), ("", "1"), ("1", "x"), ("1", "1" * 17)])
def test_what_is_no_id_is_refused(trace: str, span: str) -> None:
    with pytest.raises(UsageError, match="is not a"):
        call_anatomy(filled(), trace, span)
