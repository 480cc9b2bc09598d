"""Turns that stand before one question after the other are examples; a conversation is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from latprobe.tokens.dissect import dissect, dissect_request
from latprobe.tokens.part import Dissected, Part, part_hash
from latprobe.tokens.repeated_examples import RepeatedExamples

Turns = list[tuple[str, str]]

EXAMPLES: Turns = [
    ("user", "I loved every minute of it"),
    ("assistant", "positive"),
    ("user", "I want my money back"),
    ("assistant", "negative"),
]
QUESTIONS = ["It was fine", "Never again", "What a mess", "My best day", "So so"]
SYSTEM = "You judge reviews in one word."


def openai_chat(turns: Turns, answer: str) -> Dissected:
    messages = [{"role": role, "content": text} for role, text in [("system", SYSTEM), *turns]]
    reply = {"choices": [{"message": {"role": "assistant", "content": answer}}]}
    return dissect_request({"model": "m", "messages": messages}, reply)


def openai_responses(turns: Turns, answer: str) -> Dissected:
    given = [{"role": role, "content": text} for role, text in turns]
    content = [{"type": "output_text", "text": answer}]
    reply = {"output": [{"type": "message", "role": "assistant", "content": content}]}
    return dissect_request({"model": "m", "instructions": SYSTEM, "input": given}, reply)


def anthropic(turns: Turns, answer: str) -> Dissected:
    messages = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in turns]
    reply = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": answer}]}
    request = {"model": "claude-sonnet-4-5", "max_tokens": 9, "system": SYSTEM}
    return dissect_request({**request, "messages": messages}, reply)


def gemini(turns: Turns, answer: str) -> Dissected:
    names = {"user": "user", "assistant": "model"}
    contents = [{"role": names[role], "parts": [{"text": text}]} for role, text in turns]
    reply = {"candidates": [{"content": {"role": "model", "parts": [{"text": answer}]}}]}
    request = {"systemInstruction": {"parts": [{"text": SYSTEM}]}, "contents": contents}
    return dissect_request(request, reply)


def langchain(turns: Turns, answer: str) -> Dissected:
    names = {"user": "human", "assistant": "ai", "system": "system"}
    messages = [
        {"type": names[role], "data": {"content": text}}
        for role, text in [("system", SYSTEM), *turns]
    ]
    reply = {"generations": [[{"text": answer}]]}
    return dissect_request([messages], reply)


def llama_index(turns: Turns, answer: str) -> Dissected:
    messages = [
        {"role": role, "blocks": [{"block_type": "text", "text": text}]}
        for role, text in [("system", SYSTEM), *turns]
    ]
    return dissect_request(messages, {"message": {"role": "assistant", "content": answer}})


def gen_ai(turns: Turns, answer: str) -> Dissected:
    def message(role: str, text: str) -> dict[str, Any]:
        return {"role": role, "parts": [{"type": "text", "content": text}]}

    found = dissect(
        {
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": SYSTEM}]),
            "gen_ai.input.messages": json.dumps([message(*turn) for turn in turns]),
            "gen_ai.output.messages": json.dumps([message("assistant", answer)]),
        }
    )
    assert found is not None
    return found


FORMATS = [openai_chat, openai_responses, anthropic, gemini, langchain, llama_index, gen_ai]


class Calls:
    """Calls one after the other, and the kinds that their input's parts have in the end."""

    def __init__(
        self,
        make: Callable[[Turns, str], Dissected] = openai_chat,
        examples: RepeatedExamples | None = None,
    ) -> None:
        self._make = make
        self.examples = examples or RepeatedExamples()
        self._kinds: list[list[str]] = []

    def call(self, turns: Turns, answer: str = "positive", *, stage: str = "chat") -> None:
        reference = (bytes(16), len(self._kinds))
        found = self.examples.mark(stage, self._make(turns, answer), reference, part_hash)
        self._kinds.append([part.kind for part in found.parts if part.side == "input"])
        for (_, number), positions in self.examples.take_found():
            for position in positions:
                self._kinds[number][position] = "few_shot"

    def kinds(self) -> list[list[str]]:
        """Those of messages that are no system text."""
        return [[kind for kind in kinds if kind != "system"] for kinds in self._kinds]


def hashes_of(turns: Turns) -> list[bytes]:
    return [part_hash(part) for part in openai_chat(turns, "x").parts if part.kind != "system"][
        : len(turns)
    ]


def asked(questions: Sequence[str], before: Turns = EXAMPLES) -> list[Turns]:
    return [[*before, ("user", each)] for each in questions]


@pytest.mark.parametrize("make", FORMATS)
def test_the_same_turns_before_different_questions_are_examples(
    make: Callable[[Turns, str], Dissected],
) -> None:
    calls = Calls(make)
    for turns in asked(QUESTIONS):
        calls.call(turns)
    assert calls.kinds() == [["few_shot"] * 4 + ["user"]] * 5


@pytest.mark.parametrize("make", FORMATS)
def test_a_conversation_whose_answers_were_recorded_is_history(
    make: Callable[[Turns, str], Dissected],
) -> None:
    calls = Calls(make)
    turns: Turns = []
    for question in QUESTIONS:
        calls.call([*turns, ("user", question)], f"About {question}: yes")
        turns += [("user", question), ("assistant", f"About {question}: yes")]
    for question in QUESTIONS:  # gone on with in five ways
        calls.call([*turns, ("user", f"{question}, but why?")])
    kinds = {kind for found in calls.kinds() for kind in found[:-1]}
    assert kinds == {"history"}


def test_a_conversation_whose_answers_were_not_recorded_is_history() -> None:
    calls = Calls()
    turns: Turns = []
    for question in QUESTIONS:
        calls.call([*turns, ("user", question)], "")
        turns += [("user", question), ("assistant", f"About {question}: yes")]
    assert {kind for found in calls.kinds() for kind in found[:-1]} == {"history"}


def test_two_questions_that_followed_are_not_enough_and_one_asked_again_is_one() -> None:
    calls = Calls()
    for turns in asked([QUESTIONS[0]] * 5 + [QUESTIONS[1]] * 2):
        calls.call(turns)
    assert calls.kinds() == [["history"] * 4 + ["user"]] * 7


def test_a_conversation_behind_examples_stays_history() -> None:
    calls = Calls()
    for question in QUESTIONS:
        turns = [*EXAMPLES, ("user", question)]
        calls.call(turns)
        calls.call([*turns, ("assistant", "positive"), ("user", "Are you sure?")])
    first = ["few_shot"] * 4 + ["user"]
    later = ["few_shot"] * 4 + ["history"] * 2 + ["user"]
    assert calls.kinds() == [first, later] * 5


def test_an_examples_answer_is_given_to_other_questions_too() -> None:
    calls = Calls()
    calls.call([("user", "A review of another stage")], "negative", stage="other")
    for turns in asked(QUESTIONS):
        calls.call(turns, "negative")
    assert calls.kinds()[1:] == [["few_shot"] * 4 + ["user"]] * 5


def test_turns_whose_last_answer_somebody_got_are_a_conversation() -> None:
    calls = Calls()
    calls.call(EXAMPLES[2:3], "negative")
    for turns in asked(QUESTIONS):
        calls.call(turns)
    assert {kind for found in calls.kinds() for kind in found[:-1]} == {"history"}
    asked_store: list[tuple[bytes, bytes]] = []

    def was_said(question: bytes, answer: bytes) -> bool:
        asked_store.append((question, answer))
        return True

    calls = Calls(examples=RepeatedExamples(was_said=was_said))
    for turns in asked(QUESTIONS):
        calls.call(turns)
    assert {kind for found in calls.kinds() for kind in found[:-1]} == {"history"}
    assert len(asked_store) == 1


@pytest.mark.parametrize(
    "before",
    [
        [("assistant", "Welcome to the shop, what can I do?")],
        [("user", "Hello"), ("user", "Is anybody there?")],
    ],
    ids=["a greeting", "no answer"],
)
def test_turns_that_are_no_pairs_are_history(before: Turns) -> None:
    calls = Calls()
    for question in QUESTIONS:
        turns = [*before, ("assistant", "Yes?"), ("user", question)] if len(before) == 1 else []
        calls.call(turns or [*before, ("user", question)])
    assert "few_shot" not in {kind for found in calls.kinds() for kind in found}


def test_examples_that_are_chosen_for_each_call_are_history() -> None:
    calls = Calls()
    for number, question in enumerate(QUESTIONS):
        chosen = [("user", f"review {number}"), ("assistant", "positive")]
        calls.call([*chosen, ("user", question)])
    assert {kind for found in calls.kinds() for kind in found[:-1]} == {"history"}


@pytest.mark.parametrize("result_role", ["tool", "user"])
def test_a_conversation_in_which_tools_were_used_is_history(result_role: str) -> None:
    def use(text: str, kind: str) -> dict[str, Any]:
        given = {"name": "look_up", "input": {"of": text}, "id": "t1"}
        result = {"tool_use_id": "t1", "content": f"about {text}"}
        return {"type": kind, **(given if kind == "tool_use" else result)}

    before: list[dict[str, Any]] = []
    calls = Calls(lambda turns, answer: made[0])
    made: list[Dissected] = []

    def call(messages: list[dict[str, Any]], answer: str) -> None:
        reply = {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": answer}],
        }
        request = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": messages}
        made[:] = [dissect_request(request, reply)]
        calls.call([], answer)

    for question in QUESTIONS:
        asked = [*before, {"role": "user", "content": question}]
        asked.append({"role": "assistant", "content": [use(question, "tool_use")]})
        asked.append({"role": result_role, "content": [use(question, "tool_result")]})
        call(asked, f"it is {question}")
        before = [*asked, {"role": "assistant", "content": f"it is {question}"}]
    for question in QUESTIONS:
        call([*before, {"role": "user", "content": f"{question}?"}], "yes")
    assert "few_shot" not in {kind for found in calls.kinds() for kind in found}


def test_hashes_alone_tell_it_as_well() -> None:
    def hashed(turns: Turns, answer: str) -> Dissected:
        found = openai_chat(turns, answer)
        parts = [
            part._replace(text=None, hash=part_hash(part).hex(), characters=9)
            for part in found.parts
        ]
        return replace(found, parts=tuple(parts))

    calls = Calls(hashed)
    for turns in asked(QUESTIONS):
        calls.call(turns)
    assert calls.kinds() == [["few_shot"] * 4 + ["user"]] * 5


def test_known_examples_are_examples_from_the_first_call_on() -> None:
    calls = Calls(examples=RepeatedExamples([("chat", hashes_of(EXAMPLES))]))
    calls.call(asked(QUESTIONS)[0])
    assert calls.kinds() == [["few_shot"] * 4 + ["user"]]


def test_examples_are_those_of_their_stage_and_in_their_order() -> None:
    calls = Calls()
    for turns in asked(QUESTIONS[:3]):
        calls.call(turns, stage="router")
    calls.call(asked(QUESTIONS)[3], stage="chat")
    calls.call([*EXAMPLES[2:], *EXAMPLES[:2], ("user", QUESTIONS[3])], stage="router")
    assert calls.kinds()[3:] == [["history"] * 4 + ["user"]] * 2


@pytest.mark.parametrize("stage", ["router", "chat"])
def test_a_conversation_that_begins_as_an_example_does_is_history(stage: str) -> None:
    greeting: Turns = [("user", "hello"), ("assistant", "Hi! How can I help?")]
    calls = Calls()
    for turns in asked(QUESTIONS[:3], greeting):
        calls.call(turns, stage="router")
    calls.call(greeting[:1], "Hi! How can I help?", stage=stage)
    for turns in asked(QUESTIONS, greeting):
        calls.call(turns, stage=stage)
    assert calls.kinds()[:3] == [["few_shot"] * 2 + ["user"]] * 3
    assert calls.kinds()[4:] == [["history"] * 2 + ["user"]] * 5


def test_known_examples_that_the_store_has_as_said_are_history() -> None:
    asked_store: list[tuple[bytes, bytes]] = []

    def was_said(question: bytes, answer: bytes) -> bool:
        asked_store.append((question, answer))
        return True

    calls = Calls(examples=RepeatedExamples([("chat", hashes_of(EXAMPLES))], was_said))
    for turns in asked(QUESTIONS):
        calls.call(turns)
    assert calls.kinds() == [["history"] * 4 + ["user"]] * 5
    assert asked_store == [(hashes_of(EXAMPLES)[2], hashes_of(EXAMPLES)[3])]


def test_a_call_without_earlier_messages_has_only_its_question_and_answer_hashed() -> None:
    hashed: list[str] = []

    def hash_of(part: Part) -> bytes:
        hashed.append(part.kind)
        return part_hash(part)

    examples = RepeatedExamples()
    call = openai_chat([("user", QUESTIONS[0])], "positive")
    assert examples.mark("chat", call, (bytes(16), 1), hash_of) is call
    assert hashed == ["user", "output"]
    examples.mark("chat", openai_chat([("user", QUESTIONS[0])], ""), (bytes(16), 2), hash_of)
    assert hashed == ["user", "output"]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_MAX_ANSWERS", "_MAX_PENDING", "_MAX_KNOWN"):
        monkeypatch.setattr(f"latprobe.tokens.repeated_examples.{name}", 16)
    calls = Calls()
    for number in range(200):
        turns = [("user", f"q{number // 3}"), ("assistant", f"a{number // 3}")]
        calls.call([*turns, ("user", f"and {number}?")], f"answer {number}")
    examples = calls.examples
    sizes = [len(each) for each in (examples._answers, examples._pending, examples._known)]
    assert max(sizes) <= 17
    assert calls.kinds()[0] == ["few_shot", "few_shot", "user"]
