"""Rows to draw spans on: within one, a span lies inside another or beside it, never across."""

from __future__ import annotations


class Lanes:
    """Lanes of one thread. Ask in the order of starts, longer spans first where starts agree."""

    def __init__(self) -> None:
        self._open: list[list[int]] = []

    def place(self, start_ns: int, end_ns: int) -> int:
        """The number of the first lane where the span fits; spans of one call stack share it."""
        for number, ends in enumerate(self._open):
            while ends and ends[-1] <= start_ns:
                ends.pop()
            if not ends or end_ns <= ends[-1]:
                ends.append(end_ns)
                return number
        self._open.append([end_ns])
        return len(self._open) - 1
