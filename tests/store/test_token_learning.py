"""What recorded calls teach the counting of later ones, and what is one document in the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from latprobe.store.owner import StoreOwner
from latprobe.tokens.encoding import load
from tests.journal.building import MONOTONIC_NS, SegmentBuilder

MODEL = "nobody-9b"
PLANTED = 1.3
DOCUMENT = "The pump in hall 4 was last serviced on the third of May by two people."


def tokens(text: str) -> int:
    return len(load("o200k_base").encode_ordinary(text))


def question(number: int) -> str:
    return f"Question {number}: " + "how many people were there, and when was it? " * (number + 1)


def call(text: str, **more: object) -> dict[str, object]:
    message = {"role": "user", "parts": [{"type": "text", "content": text}]}
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": MODEL,
        "gen_ai.input.messages": json.dumps([message]),
        **more,
    }


def record(home: Path, name: str, calls: list[dict[str, object]]) -> None:
    """Finished requests of one call each."""
    build = SegmentBuilder(home / "journal" / name, heap_bytes=1 << 20, capacity=256)
    first = sum(name.encode()) << 8
    for number, details in enumerate(calls, first):
        start = MONOTONIC_NS + number
        build.span("chat", trace=number, span=number, start=start, details=details)
    build.close()


def rows(owner: StoreOwner, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in owner.query(sql).to_pylist()]


def test_what_a_model_bills_is_learned_and_counts_for_its_later_calls(tmp_path: Path) -> None:
    texts = [question(number) for number in range(40)]
    billed = [round(tokens(text) * PLANTED) for text in texts]
    usage = "gen_ai.usage.input_tokens"
    calls = [call(text, **{usage: n}) for text, n in zip(texts, billed, strict=True)]
    record(tmp_path, "a.lpj", calls)
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        learned = rows(owner, "SELECT provider, model, calls, ratio, error FROM calibrations")
        first, *_, last = rows(
            owner, "SELECT counted_input_tokens, residual_input_tokens FROM usage ORDER BY start_ns"
        )
    record(tmp_path, "b.lpj", [call(question(7))])
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        later = rows(
            owner,
            "SELECT input_tokens, input_origin, is_exact, expected_error < 0.02 FROM usage "
            "ORDER BY start_ns DESC LIMIT 1",
        )

    assert learned == [
        (None, MODEL, 40, pytest.approx(PLANTED, rel=0.01), pytest.approx(0, abs=0.02))
    ]
    assert first == (tokens(texts[0]), billed[0] - tokens(texts[0]))
    assert abs(last[1]) <= 1 + 0.01 * billed[-1]
    assert later == [
        (pytest.approx(tokens(question(7)) * PLANTED, rel=0.01), "estimated", False, True)
    ]


def test_a_document_is_one_whatever_follows_it_and_no_token_is_lost(tmp_path: Path) -> None:
    texts = [f"{DOCUMENT}\n\n\nWhen?", f"{DOCUMENT}\nBy whom?", f"Read {DOCUMENT} Where?"]
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj", heap_bytes=1 << 20, capacity=64)
    retrieval = {
        "openinference.span.kind": "RETRIEVER",
        "retrieval.documents.0.document.content": f"{DOCUMENT}\n",
    }
    build.span("ask", span=1)
    build.span("search", span=2, parent=1, details=retrieval)
    for number, text in enumerate(texts):
        start = MONOTONIC_NS + 1_000_000_000 + number
        build.span("chat", span=3 + number, parent=1, start=start, details=call(text))
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        stored = rows(owner, "SELECT text, bytes, characters FROM prompts WHERE part = 'retrieved'")
        used = rows(owner, "SELECT count(*) FROM call_parts WHERE part = 'retrieved'")
        counted = rows(owner, "SELECT counted_input_tokens FROM usage ORDER BY start_ns")

    assert stored == [(DOCUMENT, len(DOCUMENT), len(DOCUMENT))]
    assert used == [(3,)]
    assert counted == [(tokens(text),) for text in texts]


def test_the_status_says_how_many_calls_wait_to_be_counted(tmp_path: Path) -> None:
    record(tmp_path, "a.lpj", [call(question(number)) for number in range(3)])
    with StoreOwner(tmp_path) as owner:
        owner.ingest_journal()
        before = owner.status().uncounted_calls
        owner.count_tokens()
        after = owner.status().uncounted_calls

    assert (before, after) == (3, 0)


def test_an_images_thumbnail_stands_with_its_size(tmp_path: Path) -> None:
    known = {"mime_type": "image/png", "bytes": 71, "sha256": "ab" * 16, "width": 30, "height": 20}
    small = "data:image/jpeg;base64,AAAA"
    placeholder = "latprobe-media:" + json.dumps({**known, "thumbnail": small})
    record(tmp_path, "a.lpj", [call(placeholder)])
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        ((part, media),) = rows(owner, "SELECT part, media FROM prompts")

    said = {name: value for name, value in json.loads(media).items() if value is not None}
    assert (part, said) == ("image", {**known, "kind": "image", "thumbnail": small})
