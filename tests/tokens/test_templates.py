"""Calls are grouped by the stable text of their prompts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from latprobe.tokens.part import Part
from latprobe.tokens.templates import CallKey, TemplateMiner, TemplateRow
from tests.tokens.prompt_corpus import (
    Maker,
    Planted,
    Words,
    adjusted_rand_index,
    call,
    conversation,
    dated_system,
    few_shots,
    in_line,
    one_user_message,
    planted,
    shared_system,
)


def grouped(calls: Sequence[Planted], *, batch: int) -> list[bytes]:
    """Each call's template after all were seen."""
    miner = TemplateMiner()
    keys = [replace(each.key, reference=number) for number, each in enumerate(calls)]
    ids: list[bytes] = []
    for start in range(0, len(keys), batch):
        ids.extend(miner.assign_many(keys[start : start + batch]))
        for number, template_id in miner.take_moved():
            assert isinstance(number, int)
            ids[number] = template_id
    merged = {row.template_id: target for row in miner.take_changed() if (target := target_of(row))}
    return [merged.get(each, each) for each in ids]


def target_of(row: TemplateRow) -> bytes | None:
    merged = json.loads(row.state)["merged_into"]
    return bytes.fromhex(merged) if merged else None


def corpora() -> dict[str, list[Maker]]:
    """Thirty templates of each kind."""
    made: dict[str, list[Maker]] = {}
    for number, (name, words) in enumerate(
        {
            "one user message": Words(1),
            "text without spaces": Words(2, is_unspaced=True),
            "a name and a time in the system text": Words(3),
            "chosen examples": Words(4),
            "a conversation": Words(5),
            "names and numbers in a line": Words(6),
            "the same system text": Words(7),
            "long fillings": Words(8),
        }.items()
    ):
        chance = words.random
        system = words.text(60)

        def filling(long: bool = name == "long fillings", words: Words = words) -> int:
            return words.random.randint(80, 160) if long else words.random.randint(5, 40)

        makers = {
            "a name and a time in the system text": dated_system,
            "chosen examples": few_shots,
            "a conversation": conversation,
            "names and numbers in a line": in_line,
        }
        if name == "the same system text":
            made[name] = [shared_system(words, system, filling) for _ in range(30)]
        else:
            maker = makers.get(name, one_user_message)
            made[name] = [maker(words, filling) for _ in range(30)]
        chance.seed(number)
    return made


CORPORA = corpora()


@pytest.mark.parametrize("name", CORPORA)
@pytest.mark.parametrize("batch", [1, 500])
def test_thirty_planted_templates_are_found_with(name: str, batch: int) -> None:
    calls = planted(CORPORA[name], 1_200, seed=9)
    found = grouped(calls, batch=batch)
    assert adjusted_rand_index([each.template for each in calls], found) >= 0.98
    assert len(set(found)) <= 33


def test_the_order_of_the_calls_does_not_matter() -> None:
    calls = planted(CORPORA["one user message"], 900, seed=3)
    calls.sort(key=lambda each: each.template or 0)
    found = grouped(calls, batch=100)
    assert adjusted_rand_index([each.template for each in calls], found) >= 0.98


def test_prompts_that_occur_once_are_one_group_beside_the_templates() -> None:
    calls = planted(CORPORA["one user message"][:10], 600, seed=4, one_offs=600)
    found = grouped(calls, batch=200)
    assert adjusted_rand_index([each.template for each in calls], found) >= 0.98
    assert len({one for one, each in zip(found, calls, strict=True) if each.template is None}) <= 2


def test_a_prompts_name_is_the_template_whatever_it_says() -> None:
    miner = TemplateMiner()
    ids = miner.assign_many(
        [
            call([("user", "user", "Sum up cats")], name="sum"),
            call([("user", "user", "Sum up dogs")], name="sum", stage="other"),
            call([("user", "user", "Sum up dogs")], name="more"),
        ]
    )
    assert ids[0] == ids[1] != ids[2]
    rows = {row.name: (row.source, row.text) for row in miner.take_changed()}
    assert rows == {
        "sum": ("prompt name", "Sum up{…}"),
        "more": ("prompt name", "Sum up dogs"),
    }


def test_stages_and_tool_sets_are_told_apart() -> None:
    prompt = ("system", "system", "You answer questions about trains.")
    search = ("tools", None, '{"name": "search"}')
    keys = [
        call([prompt], stage="a"),
        call([prompt], stage="b"),
        call([prompt, search], stage="a"),
    ]
    assert len(set(TemplateMiner().assign_many(keys))) == 3


def test_later_turns_of_a_chat_stay_with_its_first_prompt() -> None:
    miner = TemplateMiner()
    miner.assign_many([each.key for each in planted(CORPORA["one user message"][:3], 60, seed=2)])
    for maker in CORPORA["one user message"][:3]:
        first = maker()[0]
        later = [
            ("history", "user", first[2]),
            ("history", "assistant", "I think so."),
            ("user", "user", "And why is that the case?"),
        ]
        assert miner.assign(call(later)) == miner.assign(call([first]))


def test_a_changing_place_found_later_keeps_the_id() -> None:
    miner = TemplateMiner()
    make = "You are a clerk. Today is {}. File the letter under the right number.".format
    ids = [
        miner.assign(call([("system", "system", make(day)), ("user", "user", f"letter {n}")]))
        for n, day in enumerate(["Monday"] * 20 + ["Tuesday"] * 20 + ["Friday"])
    ]
    assert len(set(ids)) == 1
    texts = [row.text for row in miner.take_changed() if row.template_id == ids[0]]
    assert texts == ["You are a clerk. Today is{…}. File the letter under the right number.\n\n{…}"]


def test_a_miner_goes_on_with_what_another_stored() -> None:
    calls = [each.key for each in planted(CORPORA["the same system text"], 900, seed=5)]
    first = TemplateMiner()
    before = first.assign_many(calls)
    rows = first.take_changed()
    assert first.take_changed() == []
    again = TemplateMiner(rows)
    assert again.assign_many(calls[-300:]) == before[-300:]
    assert TemplateMiner().assign_many(calls) == before


def test_what_was_stored_by_something_else_is_left_alone() -> None:
    rows = [
        TemplateRow(bytes(16), "x", "s", "found", None, 0, state)
        for state in ("", "[]", "{}", '{"kind": "odd"}', '{"kind": "rest", "pieces": 3}')
    ]
    miner = TemplateMiner(rows)
    miner.assign(call([("user", "user", "hello")]))
    assert [row.stage for row in miner.take_changed()] == ["chat model-1"]


def test_without_texts_the_same_system_text_is_the_template() -> None:
    def hashed(system: str, user: str, stage: str = "chat") -> CallKey:
        parts = (
            Part("input", "system", "system", None, hash=system * 32),
            Part("input", "user", "user", None, hash=user * 32),
        )
        return CallKey(None, stage, parts)

    miner = TemplateMiner()
    ids = miner.assign_many([hashed("a", "1"), hashed("a", "2"), hashed("b", "1")])
    assert ids[0] == ids[1] != ids[2]
    assert {row.text for row in miner.take_changed()} == {None}
    many = [hashed(f"{n:032x}"[:1] + "", "1", stage=f"s{n % 2}") for n in range(40)]
    assert len(set(miner.assign_many(many))) <= 33


def test_memory_is_bounded_whatever_comes() -> None:
    miner = TemplateMiner(max_templates=50)
    keys = [
        call([("system", "system", f"You are number {n}"), ("user", "user", "x")], stage=f"s{n}")
        for n in range(200)
    ]
    ids = miner.assign_many(keys)
    assert len(set(ids)) == 200
    assert miner._count() <= 51
    assert len(miner.take_changed()) == 200
    assert miner.assign(keys[0]) == ids[0]


def test_a_stage_that_offers_other_tools_each_time_has_few_groups() -> None:
    miner = TemplateMiner()
    keys = [
        call([("tools", None, f'{{"name": "t{n}"}}'), ("system", "system", "You use tools well.")])
        for n in range(100)
    ]
    assert len(set(miner.assign_many(keys))) <= 17


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [("user", "user", "")],
        [("user", "user", "\x02\x03\x04\x05")],
        [("user", "user", "\ud800 lone \udfff")],
        [("user", "user", " " * 100_000)],
        [("user", "user", "a " * 100_000)],
        [("history", "user", "only history")],
        [("system", "system", "s"), ("image", "user", "x"), ("retrieved", None, "r")],
    ],
)
def test_odd_prompts_are_grouped_too(texts: list[tuple[str, str | None, str]]) -> None:
    miner = TemplateMiner()
    ids = {miner.assign(call(texts)) for _ in range(8)}
    assert 1 <= len(ids) <= 2
    for row in miner.take_changed():
        json.loads(row.state)
        assert len(row.template_id) == 16


@pytest.mark.parametrize("batch", [1, 10, 1000])
def test_questions_that_are_asked_again_are_no_templates_of_their_own(batch: int) -> None:
    system = "You answer questions about scanned documents from numbered passages only. " * 8
    questions = ("When is the payment due?", "Who signed it?", "Where does the order ship to?")
    keys = [
        CallKey(
            None,
            "chat",
            (
                Part("input", "system", "system", system),
                Part("input", "retrieved", "user", f"[1] Document {number % 7}\n\n"),
                Part("input", "user", "user", f"Question: {questions[number * 5 % 3]}"),
            ),
            reference=number,
        )
        for number in range(120)
    ]
    miner, ids = TemplateMiner(), list[bytes]()
    for start in range(0, len(keys), batch):
        ids += miner.assign_many(keys[start : start + batch])
        for number, template_id in miner.take_moved():
            assert isinstance(number, int)
            ids[number] = template_id
    assert len(set(ids)) == 1
