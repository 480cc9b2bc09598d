"""Answers that take longer than a page may: worked on in the background, drawn when they are there.

A page shows a grey box in the answer's place, looks for the answer every LOOK_S and is drawn again
once when it has come. While rows are being added such an answer is kept for HELD_S, not for one
version of the data: else it would be out of date before it is drawn.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import streamlit as st

from latprobe.clock import monotonic_ns
from latprobe.errors import LatprobeError, NoDataError
from latprobe_dashboard import asking, calm, connection, shown_text
from latprobe_dashboard.answers import Answers

T = TypeVar("T")

LOOK_S = 0.4
# Answers of small stores come so soon that a grey box would only flicker: a page waits for so long,
# for all of them together.
PATIENCE_S = 0.15
_WAITED = "latprobe_waited"
RESTS = 4
HELD_S = 20.0
MOST_HELD_S = 120.0


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[T]):
    """An answer, or the error that is the answer; `Answers` keeps no failures."""

    value: T | None = None
    error: LatprobeError | None = None


@dataclass(frozen=True, slots=True)
class Later(Generic[T]):
    """A question and how to answer it. The same question is worked on once."""

    question: Hashable
    work: Callable[[], T]

    @property
    def is_there(self) -> bool:
        """Whether `get` returns at once."""
        return _kept.is_there(self.question)

    def begin(self) -> Later[T]:
        """Starts the work in the background, unless it was."""
        if not self.is_there:
            asking.begin_slow(self._outcome)
        return self

    def get(self) -> T:
        """The answer, waited for. Raises the LatprobeError that the work ended with."""
        with calm.pages.waiting():
            found = self._outcome()
        if found.error is not None:
            raise found.error
        return found.value  # type: ignore[return-value]  # None only where T has it

    def comes_within(self, seconds: float) -> bool:
        """Whether the answer is there, or gets there in the next seconds."""
        until = monotonic_ns() + int(seconds * 1e9)
        pause = threading.Event()
        with calm.pages.waiting():
            while not self.is_there:
                if monotonic_ns() >= until:
                    return False
                pause.wait(0.005)
        return True

    def _outcome(self) -> _Outcome[T]:
        found: _Outcome[T] = _kept.get(self.question, self._tried)
        return found

    def _tried(self) -> _Outcome[T]:
        started = monotonic_ns()
        try:
            return _Outcome(self.work())
        except LatprobeError as error:
            return _Outcome(error=error)
        finally:
            _hold(monotonic_ns() - started)


def later(what: str, asked: tuple[Hashable, ...], work: Callable[[], T]) -> Later[T]:
    """The question `what` about the store as it is now, or was some seconds ago."""
    return Later((what, asked, str(connection.home()), _held_version()), work)


def fill(
    answer: Later[T],
    draw: Callable[[T], None],
    *,
    height: int,
    gives_way: bool = False,
    words: str = "",
) -> None:
    """Draws the answer here, or a grey box of `height` pixels with `words` until it is there.

    Where it `gives_way`, work on it begins when the page has been left alone for RESTS looks:
    begun at once it took 200 ms from the page's own answers, or from those to the next click.
    """
    if not gives_way:
        answer.begin()
    if not (answer.is_there if gives_way else comes_soon(answer)):
        _look_again(answer, height, _Looks(RESTS if gives_way else 0), words)
        return
    try:
        draw(answer.get())
    except NoDataError as error:
        st.info(shown_text.block(str(error)))
    except LatprobeError as error:
        st.error(shown_text.block(str(error)))


def be_patient() -> None:
    """A page begins: what it waits for all its late answers together is counted from here."""
    st.session_state[_WAITED] = 0.0


def comes_soon(answer: Later[T]) -> bool:
    """Whether the answer, which was begun, comes in what is left of the page's patience."""
    if answer.is_there:
        return True
    waited_s = float(st.session_state.get(_WAITED, 0.0))
    started = monotonic_ns()
    came = answer.comes_within(max(PATIENCE_S - waited_s, 0.0))
    st.session_state[_WAITED] = waited_s + (monotonic_ns() - started) / 1e9
    return came


@dataclass(slots=True)
class _Looks:
    """How often to look for an answer before work on it begins; kept from look to look."""

    left: int


@st.fragment(run_every=LOOK_S)
def _look_again(answer: Later[T], height: int, looks: _Looks, words: str) -> None:
    if answer.is_there:
        st.rerun()
    looks.left -= 1
    if looks.left < 0:
        answer.begin()
    st.html(
        f'<div class="lp-later" style="height:{int(height)}px" role="status"'
        f' aria-label="Being worked out">{html.escape(words)}</div>'
    )


@dataclass(slots=True)
class _Held:
    """The data version that answers are asked for, since when, and when one last came.

    The page that asked has to see it: so the version is held on for HELD_S after each answer.
    """

    home: Path | None = None
    version: int = 0
    since_ns: int = 0
    answered_ns: int = 0
    worked_ns: int = 0  # on all answers so far


_held = _Held()
_lock = threading.Lock()
_kept = Answers(128)


def _held_version() -> int:
    newest, now_ns = connection.version(), monotonic_ns()
    with _lock:
        is_other = _held.home != connection.home() or newest < _held.version
        is_old = now_ns - _held.answered_ns > HELD_S * 1e9 and not _kept.is_working()
        if is_other or is_old or now_ns - _held.since_ns > MOST_HELD_S * 1e9:
            _held.home, _held.version = connection.home(), newest
            _held.since_ns = _held.answered_ns = now_ns
        return _held.version


def _hold(worked_ns: int) -> None:
    with _lock:
        _held.answered_ns = monotonic_ns()
        _held.worked_ns += worked_ns


def hold_on() -> bool:
    """Keeps the answers for another HELD_S; False where they are too old for that by now."""
    now_ns = monotonic_ns()
    with _lock:
        is_young = now_ns - _held.since_ns < (MOST_HELD_S - HELD_S) * 1e9
        if is_young:
            _held.answered_ns = max(_held.answered_ns, now_ns)
        return is_young


def worked_s() -> float:
    """How long late answers were worked on so far, those side by side added up."""
    return _held.worked_ns / 1e9
