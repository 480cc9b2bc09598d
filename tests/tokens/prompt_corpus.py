"""Prompts of planted templates with random fillings, and how well groups agree with the plan."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from latprobe.tokens.part import Part
from latprobe.tokens.prompt_frame import CallKey

Texts = list[tuple[str, str | None, str]]  # kind, role, text


@dataclass(frozen=True)
class Planted:
    """A call and the number of the template that it was made from; None for a one-off."""

    key: CallKey
    template: int | None


def call(
    texts: Sequence[tuple[str, str | None, str]],
    *,
    stage: str = "chat model-1",
    name: str | None = None,
) -> CallKey:
    """A call whose input is these parts."""
    parts = tuple(Part("input", kind, role, text) for kind, role, text in texts)
    return CallKey(name, stage, parts)


class Words:
    """Random text of a made-up language in which few words are common, as in real ones."""

    def __init__(self, seed: int, *, is_unspaced: bool = False) -> None:
        self.random = random.Random(seed)
        self._is_unspaced = is_unspaced
        letters = [chr(0x4E00 + 7 * n) for n in range(900)] if is_unspaced else "aeioulnrstdkm"
        size = (1, 3) if is_unspaced else (2, 9)
        self._words = [
            "".join(self.random.choices(letters, k=self.random.randint(*size)))
            for _ in range(4_000)
        ]
        self._weights = [1 / (rank + 8) for rank in range(len(self._words))]

    def text(self, words: int) -> str:
        """So many words in sentences."""
        chosen = self.random.choices(self._words, self._weights, k=max(words, 1))
        space, stop = ("", "。") if self._is_unspaced else (" ", ". ")
        sentences = []
        while chosen:
            length = self.random.randint(5, 14)
            sentences.append(space.join(chosen[:length]).capitalize())
            chosen = chosen[length:]
        return stop.join(sentences) + stop.strip()


Maker = Callable[[], Texts]


def one_user_message(words: Words, filling: Callable[[], int]) -> Maker:
    """No system text; instructions with two or three changing places in the user's message."""
    literals = [words.text(words.random.randint(8, 30)) for _ in range(words.random.randint(2, 3))]

    def make() -> Texts:
        pieces = [f"{literal}\n{words.text(filling())}\n" for literal in literals]
        return [("user", "user", "".join(pieces) + literals[0][:20])]

    return make


def shared_system(words: Words, system: str, filling: Callable[[], int]) -> Maker:
    """The same system text for all templates, and instructions in the user's message."""
    inner = one_user_message(words, filling)
    return lambda: [("system", "system", system), *inner()]


def dated_system(words: Words, filling: Callable[[], int]) -> Maker:
    """A system text with a name and a time in it, free text from the user."""
    head, tail = words.text(30), words.text(60)

    def make() -> Texts:
        day, hour = words.random.randint(1, 28), words.random.randint(0, 23)
        name = words.text(1)
        system = f"{head} You talk to {name} Today is 2026-11-{day:02}T{hour:02}:00:07Z. {tail}"
        return [("system", "system", system), ("user", "user", words.text(filling()))]

    return make


def few_shots(words: Words, filling: Callable[[], int]) -> Maker:
    """Instructions, some of ten examples, and a question."""
    head = words.text(20)
    examples = [f"Q: {words.text(8)}\nA: {words.text(5)}" for _ in range(10)]

    def make() -> Texts:
        block = "\n\n".join(words.random.sample(examples, 3))
        return [
            ("system", "system", head),
            ("few_shot", "user", block),
            ("user", "user", f"Q: {words.text(filling())}\nA:"),
        ]

    return make


def conversation(words: Words, filling: Callable[[], int]) -> Maker:
    """A system text, and a chat of which each call resends up to twelve turns."""
    system = words.text(40)

    def make() -> Texts:
        turns = words.random.randint(0, 12)
        roles = [("user", "assistant")[turn % 2] for turn in range(2 * turns)]
        history: Texts = [("history", role, words.text(12)) for role in roles]
        return [("system", "system", system), *history, ("user", "user", words.text(filling()))]

    return make


def in_line(words: Words, filling: Callable[[], int]) -> Maker:
    """One sentence with names and numbers inside."""
    first, second, third = (words.text(words.random.randint(4, 7)).rstrip(".") for _ in range(3))

    def make() -> Texts:
        return [
            (
                "user",
                "user",
                f"{first} {words.text(2)} {second} {words.random.randint(1, 9999)} {third} "
                f'"{words.text(filling())}"',
            )
        ]

    return make


def planted(makers: Sequence[Maker], calls: int, seed: int, one_offs: int = 0) -> list[Planted]:
    """Calls of all makers mixed, and prompts that have nothing in common with any."""
    chance = random.Random(seed)
    words = Words(seed + 1)
    numbers: list[int | None] = [chance.randrange(len(makers)) for _ in range(calls)]
    numbers.extend([None] * one_offs)
    chance.shuffle(numbers)
    return [
        Planted(
            call([("user", "user", words.text(40))] if number is None else makers[number]()), number
        )
        for number in numbers
    ]


def adjusted_rand_index(planned: Sequence[object], found: Sequence[object]) -> float:
    """1 for the same grouping, about 0 for a random one."""
    if len(planned) < 2:
        return 1.0
    pairs = sum(math.comb(n, 2) for n in Counter(zip(planned, found, strict=True)).values())
    rows = sum(math.comb(n, 2) for n in Counter(planned).values())
    columns = sum(math.comb(n, 2) for n in Counter(found).values())
    expected = rows * columns / math.comb(len(planned), 2)
    largest = (rows + columns) / 2
    return 1.0 if largest == expected else (pairs - expected) / (largest - expected)
