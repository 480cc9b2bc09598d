"""Examples that are sent as messages and look like a conversation, told by their repetition.

A conversation goes on: its earlier turns are sent before one next question, or a few that were
asked again. Examples are written once: the same turns stand before one question after the other,
and nobody ever got their last answer to their last question. So turns before the user's message
are examples once three different questions have followed them and no call of this store had their
last question and answer. What a program forgets to record can only make a conversation that was
gone on with in three ways look like examples. `repeated_pairs` finds examples in other orders.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from latprobe.tokens.part import Dissected, Part, text_hash
from latprobe.tokens.repeated_pairs import FOLLOWING_QUESTIONS, Found, Reference, RepeatedPairs

# What is remembered: answers that were given, turns that may be examples, examples.
_MAX_ANSWERS = 32_768
_MAX_PENDING = 4_096
_MAX_KNOWN = 16_384
_MAX_CALLS = 64
_MAX_TURNS = 64
_MAX_PAIRS = 8

_BEFORE = frozenset({"system", "tools", "few_shot", "other"})
_ASKED = frozenset({"user", "retrieved"})
_ASKING = frozenset({"user", "human"})

_Pair = tuple[bytes, bytes]


@dataclass(slots=True)
class _Pending:
    """Turns that may be examples: the questions that followed, and the calls that had them."""

    questions: set[bytes] = field(default_factory=set)
    calls: list[Found] = field(default_factory=list)


class RepeatedExamples:
    """Not for several threads.

    `known` are earlier examples: the stage, and the hashes of their parts in order.
    `was_said(question, answer)` tells from their hashes whether the store has a call with both.
    """

    def __init__(
        self,
        known: Iterable[tuple[str, Sequence[bytes]]] = (),
        was_said: Callable[[bytes, bytes], bool] = lambda question, answer: False,
    ) -> None:
        # By the key of all their turns, whether the store was asked since for their last answer.
        known = list(known)
        self._known: OrderedDict[bytes, bool] = OrderedDict(
            (_prefix_keys(stage, hashes)[-1], False) for stage, hashes in known if hashes
        )
        self._was_said = was_said
        self._pairs = RepeatedPairs(known, self._is_answer, self._was_given)
        self._answers: OrderedDict[bytes, None] = OrderedDict()
        self._pending: OrderedDict[bytes, _Pending] = OrderedDict()
        self._found: list[Found] = []

    def mark(
        self,
        stage: str,
        dissected: Dissected,
        reference: Reference,
        hash_of: Callable[[Part], bytes],
    ) -> Dissected:
        """The same with its examples as few_shot; learns from the call."""
        parts = dissected.parts
        asked, answer, has_history = _said(parts)
        if not asked or (answer is None and not has_history):
            return dissected
        question = _question(asked, hash_of)
        if question is None:
            return dissected
        turns = _turns_before(parts) if has_history else range(0)
        count = self._count(stage, parts, turns, question, reference, hash_of) if turns else 0
        if answer is not None:
            self._remember(question + hash_of(answer))
        if not count:
            return dissected
        examples = range(turns.start, turns.start + count)
        return replace(
            dissected,
            parts=tuple(
                part._replace(kind="few_shot") if number in examples else part
                for number, part in enumerate(parts)
            ),
        )

    def take_found(self) -> list[Found]:
        """Earlier calls' parts that turned out to be examples since the last call of this."""
        found, self._found = self._found + self._pairs.take_found(), []
        return found

    def _count(
        self,
        stage: str,
        parts: Sequence[Part],
        turns: range,
        question: bytes,
        reference: Reference,
        hash_of: Callable[[Part], bytes],
    ) -> int:
        """How many of the turns' parts are examples."""
        hashes = [hash_of(parts[number]) for number in turns]
        roles = [parts[number].role for number in turns]
        repeated = self._repeated(stage, turns, hashes, roles, question, reference)
        chosen = self._pairs.count(stage, turns, hashes, roles, question, reference)
        return max(repeated, chosen)

    def _repeated(
        self,
        stage: str,
        turns: range,
        hashes: Sequence[bytes],
        roles: Sequence[str | None],
        question: bytes,
        reference: Reference,
    ) -> int:
        """How many of them stand before several questions in this very order."""
        keys = _prefix_keys(stage, hashes)
        known = self._known_ahead(keys, hashes, roles)
        if known:
            return known
        pairs = _last_pairs(hashes, roles)
        was_answered = self._was_answered(pairs)
        for number, key in enumerate(keys[:-1], 1):
            pending = self._pending.get(key)
            if pending is not None and len(pending.calls) < _MAX_CALLS:
                pending.calls.append((reference, range(turns.start, turns.start + number)))
        if was_answered:
            self._pending.pop(keys[-1], None)
        if was_answered or not pairs:
            return 0
        is_shown = self._consider(keys[-1], pairs, question, (reference, turns))
        return self._learn(keys) if is_shown else 0

    def _consider(self, key: bytes, pairs: Sequence[_Pair], question: bytes, found: Found) -> bool:
        """Whether this call shows its turns to be examples; the calls before it are found then."""
        pending = self._pending.setdefault(key, _Pending())
        self._pending.move_to_end(key)
        pending.questions.add(question)
        if len(pending.questions) >= FOLLOWING_QUESTIONS:
            del self._pending[key]
            if any(self._was_said(*pair) for pair in pairs):
                self._remember(b"".join(pairs[0]))
                return False
            self._found += pending.calls
            return True
        if len(pending.calls) < _MAX_CALLS:
            pending.calls.append(found)
        while len(self._pending) > _MAX_PENDING:
            self._pending.popitem(last=False)
        return False

    def _learn(self, keys: Sequence[bytes]) -> int:
        """Remembers examples; gives how many parts they are."""
        self._known[keys[-1]] = True
        while len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)
        return len(keys)

    def _known_ahead(
        self, keys: Sequence[bytes], hashes: Sequence[bytes], roles: Sequence[str | None]
    ) -> int:
        """How many parts from the first one on are known examples, whose last answer nobody got.

        Those that somebody got are forgotten.
        """
        for count in range(len(keys), 0, -1):
            is_checked = self._known.get(keys[count - 1])
            if is_checked is None:
                continue
            pairs = _last_pairs(hashes[:count], roles[:count])
            if self._was_answered(pairs) or not (
                is_checked or self._is_unsaid(keys[count - 1], pairs)
            ):
                del self._known[keys[count - 1]]
                continue
            self._known.move_to_end(keys[count - 1])
            return count
        return 0

    def _is_unsaid(self, key: bytes, pairs: Sequence[_Pair]) -> bool:
        """Whether the store has no call with one of the pairs; it is asked once for each key."""
        self._known[key] = True
        if any(self._was_said(*pair) for pair in pairs):
            self._remember(b"".join(pairs[0]))
            return False
        return True

    def _was_answered(self, pairs: Sequence[_Pair]) -> bool:
        return any(question + answer in self._answers for question, answer in pairs)

    def _is_answer(self, question: bytes, answer: bytes) -> bool:
        return question + answer in self._answers

    def _was_given(self, question: bytes, answer: bytes) -> bool:
        """What the store says, remembered where it says yes."""
        is_given = self._was_said(question, answer)
        if is_given:
            self._remember(question + answer)
        return is_given

    def _remember(self, answered: bytes) -> None:
        self._answers[answered] = None
        if len(self._answers) > _MAX_ANSWERS:
            self._answers.popitem(last=False)


def _turns_before(parts: Sequence[Part]) -> range:
    """The numbers of the parts that are history right before the user's last message, if nothing
    else of a conversation stands before them and they begin with a question."""
    start = 0
    while start < len(parts) and parts[start].kind in _BEFORE and parts[start].side == "input":
        start += 1
    end = start
    while end < len(parts) and parts[end].kind == "history":
        end += 1
    is_whole = end < len(parts) and parts[end].side == "input" and is_asking(parts[end].role)
    if not is_whole or end == start or end - start > _MAX_TURNS or not is_asking(parts[start].role):
        return range(0)
    return range(start, end)


def _said(parts: Sequence[Part]) -> tuple[list[Part], Part | None, bool]:
    """(what the user's last message says, the answer, whether there are earlier messages).

    One look at the parts: most calls have no earlier messages, and should cost nothing here.
    """
    asked, answer, has_history = [], None, False
    for part in parts:
        kind = part.kind
        if kind == "history":
            has_history = True
        elif kind == "output":
            answer = answer or part
        elif kind in _ASKED and part.side == "input" and is_asking(part.role):
            asked.append(part)
    return asked, answer, has_history


def _question(asked: Sequence[Part], hash_of: Callable[[Part], bytes]) -> bytes | None:
    """The hash of the user's last message, whatever was cut out of it; None without one."""
    if len(asked) == 1 and (asked[0].hash is None or asked[0].text is None):
        return hash_of(asked[0])
    texts = [part.text for part in asked if part.text is not None]
    return text_hash("".join(texts)) if texts else None


def is_asking(role: str | None) -> bool:
    """Whether the role is that of somebody who asks."""
    return role is not None and (role in _ASKING or role.lower() in _ASKING)


def _last_pairs(hashes: Sequence[bytes], roles: Sequence[str | None]) -> list[_Pair]:
    """The last answer with the questions that it may be of, the likeliest first; none if the turns
    end with a question. (Some vendors put tools' results into user messages.)"""
    if is_asking(roles[-1]):
        return []
    asked = [each for each, role in zip(hashes, roles, strict=True) if is_asking(role)]
    return [(each, hashes[-1]) for each in asked[: -_MAX_PAIRS - 1 : -1]]


def _prefix_keys(stage: str, hashes: Sequence[bytes]) -> list[bytes]:
    """A key for the first turn, for the first two and so on."""
    running = blake2b(stage.encode("utf-8", "surrogatepass"), digest_size=16)
    keys = []
    for each in hashes:
        running.update(each)
        keys.append(running.copy().digest())
    return keys
