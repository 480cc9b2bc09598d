"""Asks once: answers are kept by what was asked and by the store's data version, and can be begun
before a page needs them.

A second look at the same rows costs nothing, and new rows are seen at once. The answers are frozen,
so they can be handed out as they are, where st.cache_data would copy them on every look.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import TypeVar

from latprobe_dashboard import connection
from latprobe_dashboard.answers import Ahead, Answers

SLOW_AT_ONCE = 2

T = TypeVar("T")

_kept = Answers(256)
_ahead = Ahead()
_slow = Ahead(SLOW_AT_ONCE)


def answer(what: str, asked: tuple[Hashable, ...], work: Callable[[], T]) -> T:
    """The answer to `what` about `asked` as the store is now; worked out once."""
    return _kept.get((what, asked, str(connection.home()), connection.version()), work)


def begin(*questions: Callable[[], object]) -> None:
    """Lets these be worked on while the page does something else; it asks for them later."""
    for ask in questions:
        _ahead.begin(partial(_ask_if_open, ask))


def begin_slow(question: Callable[[], object]) -> None:
    """The same for work of seconds: few at a time, so that pages keep their speed."""
    _slow.begin(partial(_ask_if_open, question))


def rest() -> None:
    """Returns when no question is worked on any more; drops those that were not begun."""
    _ahead.rest()
    _slow.rest()


def _ask_if_open(ask: Callable[[], object]) -> None:
    if connection.is_open():
        ask()
