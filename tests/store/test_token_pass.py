"""From what a program records to the rows of the token pass, each once."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latprobe.config import Settings
from latprobe.store.owner import StoreOwner
from latprobe.store.parquet import export_store
from latprobe.store.token_pass import TokenPass
from tests.journal.building import MONOTONIC_NS, WALL_NS, SegmentBuilder

SECOND_NS = 1_000_000_000
REMOTE_PARENT = 77
SYSTEM = "You answer from the documents alone. If they do not say it, you say so."
DOCUMENT = "The pump in hall 4 was last serviced on the third of May by two people."


def messages(question: str, document: str = "") -> str:
    user = f"{document}\n\n{question}" if document else question
    return json.dumps(
        [
            {"role": "system", "parts": [{"type": "text", "content": SYSTEM}]},
            {"role": "user", "parts": [{"type": "text", "content": user}]},
        ]
    )


def answer(text: str) -> str:
    parts = [{"type": "text", "content": text}]
    return json.dumps([{"role": "assistant", "parts": parts, "finish_reason": "stop"}])


def chat(question: str = "When?", **more: object) -> dict[str, object]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.input.messages": messages(question),
        "gen_ai.output.messages": answer("In May."),
        **more,
    }


def billed(given: int = 40, made: int = 3) -> dict[str, object]:
    return {"gen_ai.usage.input_tokens": given, "gen_ai.usage.output_tokens": made}


def rows(owner: StoreOwner, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in owner.query(sql).to_pylist()]


def segment(home: Path, name: str = "a.lpj", **more: Any) -> SegmentBuilder:
    return SegmentBuilder(home / "journal" / name, heap_bytes=4 << 20, capacity=4096, **more)


class Clock:
    """Wall time that stands still."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


def pass_of(owner: StoreOwner, now_ns: Callable[[], int], batch_calls: int = 1000) -> TokenPass:
    def settings() -> Settings:
        return Settings(home=owner.home)

    return TokenPass(owner._database, settings, now_ns=now_ns, batch_calls=batch_calls)


def test_a_call_becomes_usage_parts_prompts_and_a_template(tmp_path: Path) -> None:
    build = segment(tmp_path)
    build.span("answer", span=1)
    build.span("chat gpt-4o", span=2, parent=1, details={**chat(), **billed()})
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        usage = owner.query("SELECT * EXCLUDE (trace_id, template_id) FROM usage").to_pylist()
        parts = rows(
            owner,
            "SELECT c.position, c.side, c.part, c.role, c.tokens, c.tokens_estimated, p.text, "
            "p.truncated FROM call_parts c LEFT JOIN prompts p USING (hash) ORDER BY 1",
        )
        template = rows(
            owner, "SELECT t.stage, t.source, count(*) FROM usage JOIN templates t "
            "USING (template_id) GROUP BY ALL"
        )  # fmt: skip
        counted = sum(row[4] for row in parts if row[1] == "input")

    assert usage == [
        {
            "span_id": 2,
            "run_id": 1,
            "start_ns": WALL_NS,
            "stage": "chat gpt-4o",
            "provider": "openai",
            "model": "gpt-4o",
            "operation": "chat",
            "input_tokens": 40,
            "uncached_input_tokens": 40,
            "cache_read_tokens": None,
            "cache_write_tokens": None,
            "output_tokens": 3,
            "reasoning_tokens": None,
            "cost_usd": pytest.approx(40 * 2.5e-6 + 3 * 10e-6),
            "origin": "provider",
            "problem": None,
            "tool_tokens": 0,
            "text_input_tokens": 40,
            "image_input_tokens": 0,
            "audio_input_tokens": 0,
            "total_tokens": 43,
            "input_origin": "provider",
            "output_origin": "provider",
            "counted_input_tokens": counted,
            "counted_output_tokens": 3,
            "overhead_tokens": 11,
            "residual_input_tokens": 40 - counted,
            "residual_output_tokens": 0,
            "encoding": "o200k_base",
            "is_exact": True,
            "expected_error": 0.0,
            "cost_origin": "prices",
            "format": "gen_ai",
            "tools_offered": 0,
            "tools_called": 0,
            "stops_early": False,
            "content_problem": None,
        }
    ]
    assert parts == [
        (0, "input", "system", "system", 18, False, SYSTEM, False),
        (1, "input", "user", "user", 2, False, "When?", False),
        (2, "input", "overhead", None, 11, False, None, None),
        (3, "output", "output", "assistant", 3, False, "In May.", False),
    ]
    assert template == [("chat gpt-4o", "found", 1)]


def test_a_call_without_reported_usage_is_counted_and_says_so(tmp_path: Path) -> None:
    build = segment(tmp_path)
    stream = {"gen_ai.response.time_to_first_chunk": 0.1}
    failed = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    build.span("whole", span=1, details=chat())
    build.span("stream", span=2, details={**chat(), **stream})
    build.span("failed", span=3, flags=2 << 3, details=chat())
    build.span("silent", span=4, details=failed)
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = rows(
            owner,
            "SELECT stage, input_tokens = counted_input_tokens, output_tokens, input_origin, "
            "output_origin, origin, problem, cost_usd IS NOT NULL FROM usage ORDER BY span_id",
        )

    counted = ("counted", "counted", "counted")
    assert found == [
        ("whole", True, 3, *counted, "no usage was reported", True),
        ("stream", True, 3, *counted, "the stream reported no usage", True),
        ("failed", None, None, None, None, None, "the call failed and reported no usage", False),
        (
            "silent", None, None, None, None, None,
            "no usage was reported and there is no content to count", False,
        ),
    ]  # fmt: skip


def test_counts_that_cannot_be_meant_are_named_and_not_used(tmp_path: Path) -> None:
    build = segment(tmp_path)
    for number, value in enumerate((-5, 1 << 63, float("nan"), "many"), 1):
        call = {"gen_ai.request.model": "m", "gen_ai.usage.output_tokens": 2}
        build.span(span=number, details={**call, "gen_ai.usage.input_tokens": value})
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = rows(
            owner, "SELECT input_tokens, output_tokens, problem FROM usage ORDER BY span_id"
        )

    name = "gen_ai.usage.input_tokens"
    assert found == [
        (None, 2, f"{name} = -5 cannot be a count"),
        (None, 2, f"{name} = 9223372036854775808 cannot be a count"),
        (None, 2, f"{name} = nan cannot be a count"),
        (None, 2, f"{name} = many cannot be a count"),
    ]


def test_retrieved_documents_and_marks_are_found_in_the_prompt(tmp_path: Path) -> None:
    build = segment(tmp_path)
    mark = [
        ("latprobe.part", -100, {"part": "few_shot", "text": "Q: Where? A: In hall 4, of course."})
    ]
    retrieval = {
        "openinference.span.kind": "RETRIEVER",
        "retrieval.documents.0.document.content": DOCUMENT,
    }
    question = "Q: Where? A: In hall 4, of course.\n\nWhen?"
    content = {"gen_ai.input.messages": messages(question, DOCUMENT)}
    build.span("ask", span=1, details=({}, mark, [], {}))
    build.span("search", span=2, parent=1, details=retrieval)
    later = MONOTONIC_NS + SECOND_NS
    build.span("chat", span=3, parent=1, start=later, details={**chat(), **content, **billed()})
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = rows(
            owner,
            "SELECT c.part, trim(p.text, chr(10)) FROM call_parts c JOIN prompts p USING (hash) "
            "WHERE side = 'input' ORDER BY c.position",
        )

    assert [row for row in found if row[0] in ("retrieved", "few_shot")] == [
        ("retrieved", DOCUMENT),
        ("few_shot", "Q: Where? A: In hall 4, of course."),
    ]
    assert ("user", "When?") in [(kind, text) for kind, text in found]


def test_short_names_of_a_stage_keep_the_kinds_that_stayed(tmp_path: Path) -> None:
    build = segment(tmp_path)
    call = {"model": "gpt-4o", "input_tokens": 100, "output_tokens": 9, "cache_read_tokens": 60}
    build.span("llm", span=1, details={**call, "reasoning_tokens": 4})
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = rows(
            owner,
            "SELECT input_tokens, uncached_input_tokens, cache_read_tokens, output_tokens, "
            "reasoning_tokens, total_tokens, origin, input_origin FROM usage",
        )

    assert found == [(100, 40, 60, 9, 4, 109, "stage", "stage")]


def test_a_call_waits_for_its_root_and_no_longer_than_twenty_seconds(tmp_path: Path) -> None:
    build = segment(tmp_path).hold_lock()
    build.span("chat", span=2, parent=1, trace=1, details={**chat(), **billed()})
    build.span("chat", span=4, parent=3, trace=2, details={**chat(), **billed()})
    with StoreOwner(tmp_path) as owner:
        owner.ingest_journal()
        clock = Clock(WALL_NS + SECOND_NS)
        counting = pass_of(owner, clock)
        at_once = counting.run()
        build.span("request", span=1, trace=1)
        owner.ingest_journal()
        with_root = counting.run()
        clock.now_ns += 20 * SECOND_NS
        late = counting.run()
        order = rows(owner, "SELECT span_id FROM usage")
        reached = rows(owner, "SELECT value FROM meta WHERE key = 'counted_seq'")
    build.close()

    assert (at_once, with_root, late) == (0, 1, 1)
    assert order == [(2,), (4,)]
    assert reached == [("2",)]


def test_a_pass_that_died_between_batches_is_gone_on_with_by_the_next(tmp_path: Path) -> None:
    build = segment(tmp_path)
    for number in range(1, 8):
        build.span("chat", span=number, trace=number, details={**chat(f"{number}?"), **billed()})
    build.close()

    class Killed(BaseException):
        pass

    rests = itertools.count(1)

    def die() -> None:
        if next(rests) == 10:
            raise Killed

    with StoreOwner(tmp_path) as owner:
        owner.ingest_journal()
        with pytest.raises(Killed):
            pass_of(owner, Clock(WALL_NS), batch_calls=2).run(rest=die)
        before = rows(owner, "SELECT count(*), count(DISTINCT span_id) FROM usage")
        again = pass_of(owner, Clock(WALL_NS), batch_calls=2).run()
        after = rows(owner, "SELECT count(*), count(DISTINCT span_id) FROM usage")
        parts = rows(owner, "SELECT count(*), count(DISTINCT (span_id, position)) FROM call_parts")
        prompts = rows(owner, "SELECT count(*), count(DISTINCT hash) FROM prompts")
    with StoreOwner(tmp_path) as owner:
        nothing = owner.count_tokens()

    assert (before, again, after, nothing) == ([(4, 4)], 3, [(7, 7)], 0)
    assert parts == [(28, 28)]
    assert prompts == [(9, 9)]


def test_what_was_imported_with_its_usage_is_not_counted_again(tmp_path: Path) -> None:
    build = segment(tmp_path / "from")
    build.span("chat", span=1, details={**chat(), **billed()})
    build.close()
    tables = ("usage", "call_parts", "prompts", "templates", "tool_use")
    with StoreOwner(tmp_path / "from") as owner:
        owner.ingest_pending()
        export_store(owner.query, tmp_path / "out")
        before = {table: rows(owner, f"SELECT * FROM {table} ORDER BY ALL") for table in tables}
    with StoreOwner(tmp_path / "to") as owner:
        for _ in range(2):
            owner.import_folder(tmp_path / "out")
        after = {table: rows(owner, f"SELECT * FROM {table} ORDER BY ALL") for table in tables}

    assert after == before


def test_a_long_text_is_cut_and_says_so_and_its_tokens_are_of_the_whole(tmp_path: Path) -> None:
    build = segment(tmp_path)
    build.span("chat", span=1, details=chat("word " * 300_000))
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = rows(
            owner,
            "SELECT strlen(p.text), p.truncated, p.bytes, c.tokens FROM call_parts c "
            "JOIN prompts p USING (hash) WHERE c.part = 'user'",
        )

    assert found == [(1 << 20, True, 1_500_000, 300_001)]


def test_content_that_breaks_the_counting_keeps_what_was_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from latprobe.store import token_counting

    def broken(*_: object, **__: object) -> None:
        raise ValueError("strange")

    monkeypatch.setattr(token_counting, "anatomy", broken)
    build = segment(tmp_path)
    build.span("chat", span=1, details={**chat(), **billed()})
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = rows(owner, "SELECT input_tokens, output_tokens, content_problem FROM usage")

    assert found == [(40, 3, "it could not be counted")]


def test_content_that_is_switched_off_is_counted_and_its_texts_are_nowhere(tmp_path: Path) -> None:
    build = segment(tmp_path, run={"service": "shop", "content": "off"})
    build.span("chat", span=1, details={**chat("What is in hall 4?"), **billed()})
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        parts = rows(
            owner,
            "SELECT part, tokens, p.text, p.bytes FROM call_parts LEFT JOIN prompts p "
            "USING (hash, part) ORDER BY position",
        )
        texts = rows(owner, "SELECT text FROM templates")

    assert parts == [
        ("system", 18, None, len(SYSTEM)),
        ("user", 7, None, 18),
        ("overhead", 11, None, None),
        ("output", 3, None, 7),
    ]
    assert texts == [(None,)]
