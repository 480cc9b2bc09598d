"""Examples that are sent as messages and look like a conversation, told by their repetition.

A conversation goes on: its earlier turns are sent before one next question, or a few that were
asked again. Examples are written once: the same turns stand before one question after the other,
and nobody ever got their last answer to their last question. So turns before the user's message
are examples once three different questions have followed them and no call of this store had their
last question and answer. What a program forgets to record can only make a conversation that was
gone on with in three ways look like examples.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from latprobe.tokens.part import Dissected, Part, text_hash

FOLLOWING_QUESTIONS = 3
# What is remembered: answers that were given, turns that may be examples, examples.
_MAX_ANSWERS = 32_768
_MAX_PENDING = 4_096
_MAX_KNOWN = 16_384
_MAX_CALLS = 64
_MAX_TURNS = 64
_MAX_PAIRS = 8

_BEFORE = frozenset({"system", "tools", "few_shot", "other"})
_ASKING = frozenset({"user", "human"})

Reference = tuple[bytes, int]
_Pair = tuple[bytes, bytes]
# A call, and the numbers of its parts that are examples.
Found = tuple[Reference, range]


@dataclass(slots=True)
class _Pending:
    """Turns that may be examples: the questions that followed, and the calls that had them."""

    questions: set[bytes] = field(default_factory=set)
    calls: list[Found] = field(default_factory=list)


class RepeatedExamples:
    """Not for several threads.

    `known` are the hashes of earlier examples' parts; `was_said(question, answer)` tells from
    their hashes whether the store has a call with both.
    """

    def __init__(
        self,
        known: Iterable[bytes] = (),
        was_said: Callable[[bytes, bytes], bool] = lambda question, answer: False,
    ) -> None:
        self._known = OrderedDict.fromkeys(known)
        self._was_said = was_said
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
        question = _question(parts, hash_of)
        if question is None:
            return dissected
        turns = _turns_before(parts)
        count = self._count(stage, parts, turns, question, reference, hash_of) if turns else 0
        self._note_answer(parts, question, hash_of)
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
        found, self._found = self._found, []
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
        known = self._known_ahead(hashes, roles)
        if known:
            return known
        pairs = _last_pairs(hashes, roles)
        was_answered = any(_joined(*pair) in self._answers for pair in pairs)
        if not self._pending and (was_answered or not pairs):
            return 0
        keys = _prefix_keys(stage, hashes)
        for number, key in enumerate(keys[:-1], 1):
            pending = self._pending.get(key)
            if pending is not None and len(pending.calls) < _MAX_CALLS:
                pending.calls.append((reference, range(turns.start, turns.start + number)))
        if was_answered:
            self._pending.pop(keys[-1], None)
        if was_answered or not pairs:
            return 0
        is_shown = self._consider(keys[-1], pairs, question, (reference, turns))
        return self._learn(hashes) if is_shown else 0

    def _consider(self, key: bytes, pairs: Sequence[_Pair], question: bytes, found: Found) -> bool:
        """Whether this call shows its turns to be examples; the calls before it are found then."""
        pending = self._pending.setdefault(key, _Pending())
        self._pending.move_to_end(key)
        pending.questions.add(question)
        if len(pending.questions) >= FOLLOWING_QUESTIONS:
            del self._pending[key]
            if any(self._was_said(*pair) for pair in pairs):
                self._remember(_joined(*pairs[0]))
                return False
            self._found += pending.calls
            return True
        if len(pending.calls) < _MAX_CALLS:
            pending.calls.append(found)
        while len(self._pending) > _MAX_PENDING:
            self._pending.popitem(last=False)
        return False

    def _learn(self, hashes: Sequence[bytes]) -> int:
        """Remembers examples; gives how many parts they are."""
        self._known.update(OrderedDict.fromkeys(hashes))
        while len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)
        return len(hashes)

    def _known_ahead(self, hashes: Sequence[bytes], roles: Sequence[str | None]) -> int:
        """How many parts from the first one on are known examples, up to an answer's end."""
        known = 0
        for number, each in enumerate(hashes):
            if each not in self._known:
                break
            if not _asks(roles[number]) and (number + 1 == len(roles) or _asks(roles[number + 1])):
                known = number + 1
        for each in hashes[:known]:
            self._known.move_to_end(each)
        return known

    def _note_answer(
        self, parts: Sequence[Part], question: bytes, hash_of: Callable[[Part], bytes]
    ) -> None:
        answer = next((each for each in parts if each.kind == "output"), None)
        if answer is None:
            return
        self._remember(_joined(question, hash_of(answer)))

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
    is_whole = end < len(parts) and parts[end].side == "input" and _asks(parts[end].role)
    if not is_whole or end == start or end - start > _MAX_TURNS or not _asks(parts[start].role):
        return range(0)
    return range(start, end)


def _question(parts: Sequence[Part], hash_of: Callable[[Part], bytes]) -> bytes | None:
    """The hash of the user's last message, whatever was cut out of it; None without one."""
    asked = [
        part
        for part in parts
        if part.side == "input" and part.kind in ("user", "retrieved") and _asks(part.role)
    ]
    if len(asked) == 1 and (asked[0].hash is None or asked[0].text is None):
        return hash_of(asked[0])
    texts = [part.text for part in asked if part.text is not None]
    return text_hash("".join(texts)) if texts else None


def _asks(role: str | None) -> bool:
    return role is not None and role.lower() in _ASKING


def _last_pairs(hashes: Sequence[bytes], roles: Sequence[str | None]) -> list[_Pair]:
    """The last answer with the questions that it may be of, the likeliest first; none if the turns
    end with a question. (Some vendors put tools' results into user messages.)"""
    if _asks(roles[-1]):
        return []
    asked = [each for each, role in zip(hashes, roles, strict=True) if _asks(role)]
    return [(each, hashes[-1]) for each in asked[: -_MAX_PAIRS - 1 : -1]]


def _joined(question: bytes, answer: bytes) -> bytes:
    return blake2b(question + answer, digest_size=16).digest()


def _prefix_keys(stage: str, hashes: Sequence[bytes]) -> list[bytes]:
    """A key for the first turn, for the first two and so on."""
    running = blake2b(stage.encode("utf-8", "surrogatepass"), digest_size=16)
    keys = []
    for each in hashes:
        running.update(each)
        keys.append(running.copy().digest())
    return keys
