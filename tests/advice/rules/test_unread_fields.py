from __future__ import annotations

import json

import pytest

from latprobe.advice.rules import unread_fields
from tests.advice.answers import MS_A_TOKEN, figures, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording

FIELDS = ["name", "items", "items[].id", "items[].history", "summary"]


def answer(r: Recording, _: int) -> str:
    items = [{"id": at, "history": prose(r, 12)} for at in range(r.random.randint(0, 9))]
    return json.dumps({"name": prose(r, 2), "items": items, "summary": prose(r, 10)})


def watched(*read: str, requests: int = 80) -> Recording:
    recording = recorded(answer, requests=requests)
    for span in recording.spans:
        if span["name"] == "parse":  # whichever stage it was watched in
            span["attributes"] = json.dumps(
                {"latprobe.answer.fields": FIELDS, "latprobe.answer.read": list(read)}
            )
    return recording


def test_fields_that_no_request_reads_are_left_out() -> None:
    found = one(unread_fields, watched("name", "items", "items[].id"))
    saving = found.saving
    assert found.verdict == "do"
    assert figures(found)["fields never read"] == "items[].history, summary"
    assert saving is not None
    assert saving.output_tokens is not None
    assert saving.p50_ms is not None
    assert saving.p50_ms.value == pytest.approx(MS_A_TOKEN * saving.output_tokens, rel=0.15)
    assert found.sample is not None
    kept = json.loads(found.sample.after)
    assert list(kept) == ["name", "items"]
    assert list(kept["items"][0]) == ["id"]


def test_nothing_where_all_are_read_or_none_was_seen_being_read() -> None:
    assert suggestions(unread_fields, watched(*FIELDS)) == []
    assert suggestions(unread_fields, watched()) == []
    assert suggestions(unread_fields, recorded(answer)) == []


def test_a_few_watched_answers_are_not_enough() -> None:
    found = one(unread_fields, watched("name", "items", "items[].id", requests=8))
    assert found.verdict == "not enough data"
