"""Messages that turn out to be examples are so in the calls that were stored before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latprobe.store.owner import StoreOwner
from tests.journal.building import WALL_NS
from tests.store.test_token_pass import (
    Clock,
    answer,
    billed,
    chat,
    pass_of,
    rows,
    segment,
)

SHOWN = [
    ("user", "I loved every minute of it"),
    ("assistant", "positive"),
    ("user", "I want my money back"),
    ("assistant", "negative"),
]
KINDS = (
    "SELECT span_id, string_agg(part, ' ' ORDER BY position) FROM call_parts "
    "WHERE side = 'input' GROUP BY 1 ORDER BY 1"
)


def judged(*questions: str, before: list[tuple[str, str]] = SHOWN) -> list[dict[str, object]]:
    """What each call gave to the model and got from it."""
    calls = []
    for question in questions:
        turns = [("system", "You judge reviews in one word."), *before, ("user", question)]
        messages = [
            {"role": role, "parts": [{"type": "text", "content": text}]} for role, text in turns
        ]
        content = {"gen_ai.input.messages": json.dumps(messages)}
        calls.append({**chat(), **billed(), **content, "gen_ai.output.messages": answer("good")})
    return calls


def store(home: Path, calls: list[dict[str, object]], name: str = "a.lpj") -> None:
    build = segment(home, name)
    for number, call in enumerate(calls, 1):
        span = number + 100 * ord(name[0])
        build.span("chat gpt-4o", span=span, trace=span, details=call)
    build.close()


@pytest.mark.parametrize("batch_calls", [1, 2, 1_000])
def test_examples_are_examples_in_every_call(tmp_path: Path, batch_calls: int) -> None:
    store(tmp_path, judged("fine", "never", "a mess", "my day", "so so"))
    with StoreOwner(tmp_path) as owner:
        owner.ingest_journal()
        pass_of(owner, Clock(WALL_NS), batch_calls).run(force=True)
        kinds = [row[1] for row in rows(owner, KINDS)]
        templates = rows(owner, "SELECT count(DISTINCT template_id) FROM usage")
    assert kinds == ["system few_shot few_shot few_shot few_shot user overhead"] * 5
    assert templates == [(1,)]


def test_a_later_agent_knows_what_an_earlier_one_found(tmp_path: Path) -> None:
    store(tmp_path, judged("fine", "never", "a mess"))
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
    store(tmp_path, judged("my day"), "b.lpj")
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        kinds = [row[1] for row in rows(owner, KINDS)]
    assert kinds == ["system few_shot few_shot few_shot few_shot user overhead"] * 4


def test_what_an_earlier_agent_stored_as_said_stays_history(tmp_path: Path) -> None:
    first = judged("Who are you?", before=[])
    first[0]["gen_ai.output.messages"] = answer("The desk clerk.")
    store(tmp_path, first)
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
    before = [("user", "Who are you?"), ("assistant", "The desk clerk.")]
    store(tmp_path, judged("Since when?", "Really?", "Why?", "So?", before=before), "b.lpj")
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        kinds = [row[1] for row in rows(owner, KINDS)]
    assert kinds[1:] == ["system history history user overhead"] * 4


def test_examples_chosen_anew_are_examples_in_every_call_and_for_later_agents(
    tmp_path: Path,
) -> None:
    pairs = [[("user", f"Review {n}"), ("assistant", f"label {n}")] for n in range(3)]
    orders = [(0, 1), (1, 2), (2, 0), (0, 2), (1, 0), (2, 1)]
    calls = [
        call
        for number, (first, second) in enumerate(orders)
        for call in judged(f"new review {number}", before=pairs[first] + pairs[second])
    ]
    store(tmp_path, calls)
    with StoreOwner(tmp_path) as owner:
        owner.ingest_journal()
        pass_of(owner, Clock(WALL_NS), 2).run(force=True)
        kinds = [row[1] for row in rows(owner, KINDS)]
    assert kinds == ["system few_shot few_shot few_shot few_shot user overhead"] * 6
    store(tmp_path, judged("a late review", before=pairs[2] + pairs[0] + pairs[1]), "b.lpj")
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        last = rows(owner, KINDS)[-1][1]
    assert last == "system" + " few_shot" * 6 + " user overhead"
