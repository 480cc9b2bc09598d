"""Examples that are chosen anew for each call: pairs of a question and its answer that come back.

In a conversation one turn follows a pair, whatever part of the conversation is sent along. An
example of a pool stands before other examples or before the real question, in ever another order.
So a pair is an example once three different questions have followed it and no call had that
question and gave that answer. A call's examples are the pairs that it begins with, two at least:
one alone may be a greeting that no model wrote.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

FOLLOWING_QUESTIONS = 3
FEWEST_PAIRS = 2
_MAX_SEEN = 16_384
_MAX_CALLS = 16

_ANSWERING = frozenset({"assistant", "model", "ai"})
_ASKING = frozenset({"user", "human"})

Reference = tuple[bytes, int]
# A call, and the numbers of its parts that are examples.
Found = tuple[Reference, range]
# The stage, and the hashes of a question and its answer.
_Key = tuple[str, bytes, bytes]


class _Opening(NamedTuple):
    """The pairs that a call begins with, from its part `start` on."""

    reference: Reference
    start: int
    keys: tuple[_Key, ...]


@dataclass(slots=True)
class _Seen:
    """A pair that may be an example: what followed it, and calls that had it."""

    questions: set[bytes] = field(default_factory=set)
    calls: list[_Opening] = field(default_factory=list)


class RepeatedPairs:
    """Not for several threads.

    `known` are earlier examples: the stage, and the hashes of parts in order. `is_answer(question,
    answer)` tells from their hashes whether a call gave that answer; `was_said` asks the store for
    it, which takes longer.
    """

    def __init__(
        self,
        known: Iterable[tuple[str, Sequence[bytes]]],
        is_answer: Callable[[bytes, bytes], bool],
        was_said: Callable[[bytes, bytes], bool],
    ) -> None:
        self._is_answer = is_answer
        self._was_said = was_said
        self._seen: OrderedDict[_Key, _Seen] = OrderedDict()
        # Whether the store was asked for it since.
        self._known: OrderedDict[_Key, bool] = OrderedDict()
        for stage, hashes in known:
            for question, answer in zip(hashes[::2], hashes[1::2], strict=False):
                self._known[stage, question, answer] = False
        self._found: list[Found] = []

    def count(
        self,
        stage: str,
        turns: range,
        hashes: Sequence[bytes],
        roles: Sequence[str | None],
        question: bytes,
        reference: Reference,
    ) -> int:
        """How many of the turns' parts, from the first on, are examples; learns from the call."""
        keys: list[_Key] = []
        for at in range(0, _paired(roles), 2):
            if self._is_answer(hashes[at], hashes[at + 1]):
                break  # a conversation begins
            keys.append((stage, hashes[at], hashes[at + 1]))
        if len(keys) < FEWEST_PAIRS:
            return 0
        opening = _Opening(reference, turns.start, tuple(keys))
        followed = [key[1] for key in keys[1:]]
        followed.append(hashes[2 * len(keys)] if 2 * len(keys) < len(hashes) else question)
        learned = [
            key
            for key, following in zip(keys, followed, strict=True)
            if key not in self._known and self._shows(key, following, opening)
        ]
        for key in learned:
            self._learn(key)
        count = self._leading(opening)
        return 2 * count if count >= FEWEST_PAIRS else 0

    def take_found(self) -> list[Found]:
        """Earlier calls' parts that turned out to be examples since the last call of this."""
        found, self._found = self._found, []
        return found

    def _shows(self, key: _Key, following: bytes, opening: _Opening) -> bool:
        """Whether this call shows the pair to be an example."""
        seen = self._seen.setdefault(key, _Seen())
        self._seen.move_to_end(key)
        seen.questions.add(following)
        if len(seen.questions) >= FOLLOWING_QUESTIONS:
            is_example = not self._was_said(key[1], key[2])
            if not is_example:
                del self._seen[key]
            return is_example
        if len(seen.calls) < _MAX_CALLS:
            seen.calls.append(opening)
        while len(self._seen) > _MAX_SEEN:
            self._seen.popitem(last=False)
        return False

    def _learn(self, key: _Key) -> None:
        """Remembers the pair; the calls that had it begin with more examples now."""
        self._known[key] = True
        while len(self._known) > _MAX_SEEN:
            self._known.popitem(last=False)
        seen = self._seen.pop(key, None)
        for opening in () if seen is None else seen.calls:
            count = self._leading(opening)
            if count >= FEWEST_PAIRS:
                end = opening.start + 2 * count
                self._found.append((opening.reference, range(opening.start, end)))

    def _leading(self, opening: _Opening) -> int:
        """How many pairs in a row are known to be examples."""
        return sum(1 for _ in takewhile(self._is_known, opening.keys))

    def _is_known(self, key: _Key) -> bool:
        is_checked = self._known.get(key)
        if is_checked is None:
            return False
        if self._is_answer(key[1], key[2]) or not (
            is_checked or not self._was_said(key[1], key[2])
        ):
            del self._known[key]
            return False
        self._known[key] = True
        self._known.move_to_end(key)
        return True


def _paired(roles: Sequence[str | None]) -> int:
    """How many parts from the first one on are question and answer in turns."""
    at = 0
    while (
        at + 1 < len(roles)
        and _is_one_of(roles[at], _ASKING)
        and _is_one_of(roles[at + 1], _ANSWERING)
    ):
        at += 2
    return at


def _is_one_of(role: str | None, roles: frozenset[str]) -> bool:
    return role is not None and (role in roles or role.lower() in roles)
