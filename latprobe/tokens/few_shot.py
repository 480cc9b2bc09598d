"""Examples that are sent as messages before the real conversation; clear cases only."""

from __future__ import annotations

import re
from collections.abc import Sequence

from latprobe.tokens.reading import Turn

# The names that OpenAI's guide gives to messages which are examples.
EXAMPLE_NAMES = frozenset({"example_user", "example_assistant", "example"})

_LABEL = re.compile(r"\s*([^\W\d_][^:\n]{0,29}):")
_FEWEST_PAIRS = 2


def few_shot_turns(turns: Sequence[Turn], last: range) -> frozenset[int]:
    """The numbers of the messages that are examples.

    Those named so; else pairs of user and assistant right after the system's messages, two at
    least, whose users' texts all begin with the label that the last user's text begins with.
    """
    for turn in turns:
        if turn.name in EXAMPLE_NAMES:
            return frozenset(n for n, one in enumerate(turns) if one.name in EXAMPLE_NAMES)
    if last.start < 2 * _FEWEST_PAIRS or len(last) != 1 or last.stop != len(turns):
        return frozenset()
    return _labelled_pairs(turns, last)


def _labelled_pairs(turns: Sequence[Turn], last: range) -> frozenset[int]:
    start = 0
    while start < len(turns) and turns[start].role in ("system", "developer"):
        start += 1
    pairs, odd = divmod(last.start - start, 2)
    if odd or pairs < _FEWEST_PAIRS:
        return frozenset()
    label = _label(turns[last.start])
    if label is None:
        return frozenset()
    for number in range(start, last.start, 2):
        asked, answered = turns[number], turns[number + 1]
        if asked.role != "user" or answered.role not in ("assistant", "model"):
            return frozenset()
        if _label(asked) != label or any(p.kind != "text" for p in answered.pieces):
            return frozenset()
    return frozenset(range(start, last.start))


def _label(turn: Turn) -> str | None:
    """The word before a colon that a message of one text begins with."""
    if len(turn.pieces) != 1 or turn.pieces[0].text is None:
        return None
    found = _LABEL.match(turn.pieces[0].text, 0, 64)
    return found.group(1).strip().lower() if found else None
