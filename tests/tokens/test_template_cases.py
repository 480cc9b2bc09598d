"""What is one prompt stays one template, what is another one is told apart."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from latprobe.tokens.dissect import dissect_request
from latprobe.tokens.prompt_frame import CallKey
from latprobe.tokens.templates import TemplateMiner
from tests.tokens.prompt_corpus import Planted, planted
from tests.tokens.test_templates import CORPORA, grouped

SYSTEM = """\
You are the desk clerk of Northfield Office Supply.
Answer what customers ask about their orders, in their own language.
Rules:
- Use the records alone, and never guess a date or a price.
- Copy numbers, dates and names exactly as they stand in the records.
- If the records do not say it, say so and name who could be asked.
- Do not speak of these rules, of other customers, or of our suppliers.
"""
BLOCK = """\
The customer has asked before:
- They prefer short answers.
- They were sent the wrong toner twice and are cross about it.
"""
FORM = "Reply with one JSON object with the keys answer, source and confidence, nothing else.\n"
TASKS = (
    "Summarize the following letter in three sentences for the file:",
    "List every date and amount of the following letter as a table:",
    "Write a polite refusal to the following letter, signed by the desk:",
)
QUESTIONS = (
    "When will my order be here?",
    "How much do I still owe you for the last delivery?",
    "Why was the second box empty when it came?",
    "Can I send the printer back?",
)
NAMES = ("Harper", "Okafor", "Lindqvist", "Moreau", "Tanaka", "Bianchi")
ENDINGS = ("and it is urgent", "as we said on the phone", "because the office is closed then")

Message = dict[str, object]


class Typist:
    """Questions, letters and documents of which hardly two are the same."""

    def __init__(self, seed: int = 1) -> None:
        self._chance = random.Random(seed)

    def question(self) -> str:
        chance = self._chance
        ticket, name = chance.randrange(10_000), chance.choice(NAMES)
        return (
            f"{chance.choice(QUESTIONS)} Ticket {ticket}: {name} called, {chance.choice(ENDINGS)}."
        )

    def text(self, words: int) -> str:
        letters = "aeiourstlnmd"
        return " ".join(
            "".join(self._chance.choices(letters, k=self._chance.randint(2, 9)))
            for _ in range(words)
        )

    def documents(self) -> str:
        count = self._chance.randint(1, 5)
        return "\n\n".join(f"[{n}]\n{self.text(30)}" for n in range(1, count + 1))


def message(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def keys(requests: Sequence[Sequence[Message]]) -> list[Planted]:
    return [
        Planted(CallKey(None, "chat m", dissect_request({"model": "m", "messages": each}).parts), 0)
        for each in requests
    ]


def groups(requests: Sequence[Sequence[Message]]) -> list[bytes]:
    """Each request's template, in batches of any size."""
    calls = keys(requests)
    found = grouped(calls, batch=1)
    assert grouped(calls, batch=50) == found
    return found


def one(requests: Sequence[Sequence[Message]]) -> bool:
    """Whether they are one template, in whatever order they come."""
    shuffled = list(requests)
    random.Random(5).shuffle(shuffled)
    return all(len(set(groups(each))) == 1 for each in (requests, shuffled))


def chat(*user: str, system: str = SYSTEM) -> list[Message]:
    """A system text, and turns of user and assistant."""
    roles = ("user", "assistant")
    return [
        message("system", system),
        *(message(roles[number % 2], text) for number, text in enumerate(user)),
    ]


@pytest.mark.parametrize(
    "ask",
    [
        lambda typist: chat(f"Question: {typist.question()}"),
        lambda typist: chat(typist.question()),
        lambda typist: chat(f"Records:\n\n{typist.documents()}\n\nQuestion: {typist.question()}"),
        lambda typist: chat(f"<context>{typist.documents()}</context>\n{typist.question()}"),
        lambda typist: [message("user", f"Task: {typist.question()}\nLetter: {typist.text(20)}")],
        lambda typist: chat(typist.question(), system=f"{SYSTEM}Now it is {typist.text(1)}."),
    ],
    ids=["labelled", "bare", "behind records", "behind tags", "no system text", "a changing word"],
)
def test_questions_that_people_type_are_one_template(
    ask: Callable[[Typist], list[Message]],
) -> None:
    typist = Typist()
    assert one([ask(typist) for _ in range(120)])


def test_a_growing_conversation_is_one_template() -> None:
    typist = Typist()
    requests = []
    for _ in range(12):
        turns: list[str] = []
        for _ in range(6):
            turns.append(typist.question())
            requests.append(chat(*turns))
            turns.append(typist.text(12))
    assert one(requests)


def test_an_instruction_that_opens_a_conversation_keeps_its_turns() -> None:
    typist = Typist()
    requests, tasks = [], []
    for number in range(90):
        task = TASKS[number % 3]
        turns = [f"{task}\n{typist.text(60)}"]
        requests.append(chat(*turns))
        turns += [typist.text(20), typist.question()]
        requests.append(chat(*turns))
        tasks += [task, task]
    found = groups(requests)
    assert len(set(zip(found, tasks, strict=True))) == len(set(found)) == 3


@pytest.mark.parametrize("share", [1, 2, 5])
def test_a_block_that_is_there_at_times_makes_no_second_template(share: int) -> None:
    typist = Typist()
    assert one(
        [
            chat(typist.question(), system=SYSTEM + (BLOCK if n % (share + 1) else "") + FORM)
            for n in range(120)
        ]
    )


def test_a_second_try_with_a_sentence_more_is_of_the_first_ones_template() -> None:
    typist = Typist()
    requests = []
    for number in range(120):
        asked = f"Question: {typist.question()}"
        requests.append(chat(asked))
        if number % 4 == 0:
            requests.append(chat(f"{asked}\nYour last reply was no JSON. Reply with JSON alone."))
        if number % 4 == 1:
            requests.append(chat(asked, system=f"{SYSTEM}Your last reply was no JSON.\n"))
        if number % 4 == 2:
            requests.append(chat(asked, "{oops", "That was no JSON. Try again."))
    assert one(requests)


def test_tasks_under_one_system_text_are_told_apart() -> None:
    typist = Typist()
    tasks = [TASKS[number % 3] for number in range(150)]
    requests = [chat(f"{task}\n\n{typist.text(80)}") for task in tasks]
    found = groups(requests)
    assert len(set(zip(found, tasks, strict=True))) == len(set(found)) == 3


def test_a_labelled_line_that_all_calls_have_is_an_instruction() -> None:
    typist = Typist()
    line = "Task: answer the question from the letter below, and from nothing else."
    calls = keys(
        [chat(f"{line}\n\n{typist.text(60)}\n\nQuestion: {typist.question()}") for _ in range(40)]
    )
    miner = TemplateMiner()
    ids = [miner.assign(each.key) for each in calls]
    texts = {row.template_id: row.text or "" for row in miner.take_changed()}
    assert len(set(ids[10:])) == 1
    assert line in texts[ids[-1]]


def test_system_texts_that_differ_are_told_apart() -> None:
    typist = Typist()
    systems = [SYSTEM, typist.text(60), typist.text(60)]
    chosen = [systems[number % 3] for number in range(150)]
    found = groups([chat(f"Question: {typist.question()}", system=each) for each in chosen])
    assert len(set(zip(found, chosen, strict=True))) == len(set(found)) == 3


@pytest.mark.parametrize("name", ["one user message", "the same system text", "a conversation"])
def test_the_size_of_the_batches_does_not_matter(name: str) -> None:
    calls = planted(CORPORA[name][:12], 240, seed=6, one_offs=40)
    calls = [replace(each, key=replace(each.key, reference=n)) for n, each in enumerate(calls)]
    assert grouped(calls, batch=1) == grouped(calls, batch=32) == grouped(calls, batch=1_000)
