from __future__ import annotations

import json

import pytest

from latprobe.advice.rules import enum_words
from tests.advice.answers import MS_A_CALL, MS_A_TOKEN, one, prose, recorded, suggestions
from tests.advice.gains import p50_ms
from tests.advice.pipelines import Recording, _tokens

LABELS = (
    "Customer complaint regarding delayed shipment",
    "Request for refund of a cancelled subscription",
    "Technical question about the mobile application",
    "General feedback without need for an answer",
)


def label(r: Recording, _: int) -> str:
    return r.random.choice(LABELS)


def test_whole_answers_out_of_a_list_become_letters() -> None:
    found = one(enum_words, recorded(label, ttft_ns=int(MS_A_CALL * 1e6)))
    assert found.verdict == "do"
    assert "A=Customer complaint regarding delayed shipment" in found.how
    assert found.sample is not None
    assert found.sample.after in "ABCD"
    saving = found.saving
    assert saving is not None
    assert saving.output_tokens is not None
    typical = sum(map(_tokens, LABELS)) / 4
    assert typical - 1.5 < saving.output_tokens < typical - 0.5
    assert saving.input_tokens is not None
    assert saving.input_tokens < 0
    # Short answers: what comes before the first token is not theirs to save.
    assert p50_ms(found) == pytest.approx(MS_A_TOKEN * saving.output_tokens, rel=0.2)


def test_a_field_out_of_a_list_becomes_a_letter() -> None:
    def answer(r: Recording, number: int) -> str:
        return json.dumps({"id": number, "labels": [label(r, 0), label(r, 0)]})

    found = one(enum_words, recorded(answer))
    assert "in 'labels[]'" in found.title
    assert found.sample is not None
    assert set(json.loads(found.sample.after)["labels"]) <= set("ABCD")


def test_short_labels_and_free_texts_are_fine() -> None:
    short = recorded(
        lambda r, _: json.dumps({"tool": r.random.choice(["refund_order", "track_parcel", "no"])})
    )
    assert suggestions(enum_words, short) == []
    assert suggestions(enum_words, recorded(lambda r, _: prose(r, 12))) == []
    again = [prose(Recording(seed=at), 50) for at in range(4)]
    assert suggestions(enum_words, recorded(lambda r, _: r.random.choice(again))) == []
    one_of_many = recorded(lambda r, _: f"Article number {r.random.randint(1, 50)} of the list")
    assert suggestions(enum_words, one_of_many) == []


def test_a_few_calls_show_no_list() -> None:
    assert suggestions(enum_words, recorded(label, requests=20)) == []
