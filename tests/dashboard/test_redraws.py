"""How often a page that follows the store is drawn anew while rows are being added."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import NoReturn

import pytest

from latprobe_dashboard import connection, frame, later

SECOND_NS = 10**9


class _DrawnAgain(Exception):  # noqa: N818 - it is no error: Streamlit ends a run by raising
    """The page is drawn once more."""


@dataclass
class Page:
    """A page, the clock and the store below it; drawing it costs `cost_s`."""

    now_s: float = 0.0
    version: int = 1
    worked_s: float = 0.0
    can_hold: bool = True
    held: int = 0
    cost_s: float = 0.1

    def draw(self, question: str = "Where?") -> None:
        frame._note_drawn(question, int(self.now_s * SECOND_NS), self.cost_s)

    def hold_on(self) -> bool:
        self.held += self.can_hold
        return self.can_hold

    def is_drawn_at(self, now_s: float) -> bool:
        """A look at that time, with new rows."""
        self.now_s = now_s
        self.version += 1
        try:
            frame.redraw_if_due()
        except _DrawnAgain:
            self.draw()
            return True
        return False


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    found = Page()

    def rerun() -> NoReturn:
        raise _DrawnAgain

    monkeypatch.setattr(frame, "st", SimpleNamespace(session_state={}, rerun=rerun))
    monkeypatch.setattr(frame, "monotonic_ns", lambda: int(found.now_s * SECOND_NS))
    monkeypatch.setattr(connection, "version", lambda: found.version)
    monkeypatch.setattr(connection, "drawn_version", lambda: found.version)
    monkeypatch.setattr(later, "worked_s", lambda: found.worked_s)
    monkeypatch.setattr(later, "hold_on", found.hold_on)
    return found


def rest_s(cost_s: float) -> float:
    return cost_s * frame.REST_FACTOR


def test_a_page_rests_from_being_drawn(page: Page) -> None:
    page.draw()
    assert not page.is_drawn_at(rest_s(0.1) * 0.99)
    assert page.is_drawn_at(rest_s(0.1) * 1.01)
    assert not page.is_drawn_at(rest_s(0.1) * 1.99)
    assert page.is_drawn_at(rest_s(0.1) * 2.02)


def test_the_same_rows_drawn_twice_cost_twice(page: Page) -> None:
    page.draw()
    page.draw()
    assert not page.is_drawn_at(rest_s(0.2) * 0.99)
    assert page.is_drawn_at(rest_s(0.2) * 1.01)


def test_without_new_rows_nothing_is_drawn(page: Page) -> None:
    page.draw()
    page.version -= 1  # the look brings it back
    assert not page.is_drawn_at(1e6)


def test_while_it_rests_from_late_work_a_page_keeps_the_late_answers(page: Page) -> None:
    page.draw()
    page.worked_s = 1.0  # worked out behind the page, which is drawn again with newer rows for it
    page.version += 1
    page.now_s = 2.0
    page.draw()
    drawn = [at for at in range(3, 150) if page.is_drawn_at(float(at))]
    assert len(drawn) == 148 // 10
    kept_until_s = 2.0 + rest_s(1.0)
    assert page.held == sum(at < kept_until_s for at in drawn)


def test_late_answers_that_are_too_old_to_keep_have_the_page_rest(page: Page) -> None:
    page.draw()
    page.worked_s, page.can_hold = 1.0, False
    page.version += 1
    page.now_s = 2.0
    page.draw()
    drawn = [at for at in range(3, 150) if page.is_drawn_at(float(at))]
    assert drawn[0] == 2 + rest_s(1.0)


def test_work_for_another_page_is_not_this_one_s(page: Page) -> None:
    page.draw("Another?")
    page.worked_s = 50.0
    page.version += 1
    page.draw()
    assert page.is_drawn_at(rest_s(0.1) * 1.01)
    assert not page.held
