"""Which pages a segment is given: large ones only where they were seen to be cheaper."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from latprobe.journal import prefault as module
from latprobe.journal.prefault import LARGE_BYTES, PAUSE, Prefault

pytestmark = pytest.mark.skipif("sys.platform != 'linux'", reason="madvise is Linux's")
SMALL, LARGE = 0.5, 0.2


class Machine:
    """A buffer and a CPU clock: populating costs what the machine says, in ns a byte."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, size: int = 2 * LARGE_BYTES + 4096):
        self.size = size
        self.large_cost: float | None = LARGE
        self.knows_populate = True
        self.is_large = False
        self.populated: list[tuple[int, int, bool]] = []
        self.now_ns = 0.0
        monkeypatch.setattr(module, "thread_cpu_ns", lambda: self.now_ns)

    def __len__(self) -> int:
        return self.size

    def madvise(self, advice: int, start: int, size: int) -> None:
        assert 0 <= start < start + size <= self.size
        if advice == module.MADV_POPULATE_WRITE:
            if not self.knows_populate:
                raise OSError(errno.EINVAL, "Invalid argument")
            self.populated.append((start, size, self.is_large))
            self.now_ns += size * (self.large_cost or 0 if self.is_large else SMALL)
            return
        if self.large_cost is None:
            raise OSError(errno.EINVAL, "Invalid argument")
        self.is_large = advice == module.MADV_HUGEPAGE

    def given(self, prefault: Prefault, *, is_filled_soon: bool = True) -> list[tuple[Any, ...]]:
        """(start, bytes, with large pages) of the next mapping."""
        self.is_large = False
        self.populated.clear()
        prefault.run(self, is_filled_soon=is_filled_soon)  # type: ignore[arg-type]
        return list(self.populated)


def test_large_pages_come_once_small_ones_were_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, prefault = Machine(monkeypatch), Prefault()
    whole = (0, machine.size, False)
    assert machine.given(prefault) == [whole]
    assert machine.given(prefault) == [
        (0, LARGE_BYTES, True),
        (LARGE_BYTES, LARGE_BYTES, True),
        (2 * LARGE_BYTES, 4096, False),
    ]
    assert machine.given(prefault, is_filled_soon=False) == [whole]


def test_where_large_pages_are_dearer_the_rest_and_the_next_get_small_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine, prefault = Machine(monkeypatch), Prefault()
    machine.large_cost = 2 * SMALL
    whole = (0, machine.size, False)
    tried = [(0, LARGE_BYTES, True), (LARGE_BYTES, LARGE_BYTES + 4096, False)]
    rounds = [machine.given(prefault) for _ in range(PAUSE + 4)]
    assert rounds == [[whole], tried, *[[whole]] * PAUSE, tried, [whole]]


def test_a_system_without_large_pages_populates_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, prefault = Machine(monkeypatch), Prefault()
    machine.large_cost = None
    assert [machine.given(prefault) for _ in range(3)] == [[(0, machine.size, False)]] * 3


def test_a_system_that_cannot_populate_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, prefault = Machine(monkeypatch), Prefault()
    machine.knows_populate = False
    assert [machine.given(prefault) for _ in range(3)] == [[], [], []]


def test_a_small_mapping_never_gets_large_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, prefault = Machine(monkeypatch, size=LARGE_BYTES - 4096), Prefault()
    assert [machine.given(prefault) for _ in range(2)] == [[(0, machine.size, False)]] * 2


def test_what_a_signal_handler_raises_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)

    def interrupted(advice: int, start: int, size: int) -> None:
        raise TimeoutError("the handler's")

    monkeypatch.setattr(machine, "madvise", interrupted)
    with pytest.raises(TimeoutError, match="the handler's"):
        machine.given(Prefault())
