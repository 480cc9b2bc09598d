"""Stages that one caller runs, in the order of their starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from latprobe.advice.context import SampledSpans

# Clocks and thread switches let two stages overlap by a hair that mean to run in turn.
TOUCH_SHARE = 0.02


def families(sampled: SampledSpans) -> Iterator[list[int]]:
    """The rows of the children of each span that has two or more, by their starts."""
    parent = sampled.tree.parent
    rows = np.flatnonzero(parent >= 0)
    rows = rows[np.argsort(parent[rows], kind="stable")]
    for group in np.split(rows, np.flatnonzero(np.diff(parent[rows])) + 1):
        if len(group) > 1:
            yield group.tolist()


@dataclass(frozen=True, slots=True)
class Times:
    """Starts and ends of the sampled spans as plain integers, for loops over families."""

    start_ns: list[int]
    end_ns: list[int]

    @classmethod
    def of(cls, sampled: SampledSpans) -> Times:
        return cls(sampled.spans.start_ns.tolist(), sampled.spans.end_ns.tolist())

    def in_turn(self, first: int, second: int) -> bool:
        """Whether the second started once the first had ended."""
        shorter = min(self._length(first), self._length(second))
        return self.start_ns[second] >= self.end_ns[first] - TOUCH_SHARE * shorter

    def together(self, first: int, second: int) -> bool:
        """Whether half of the shorter one or more ran beside the other."""
        common = min(self.end_ns[first], self.end_ns[second]) - max(
            self.start_ns[first], self.start_ns[second]
        )
        return common >= 0.5 * min(self._length(first), self._length(second)) > 0

    def _length(self, row: int) -> int:
        return self.end_ns[row] - self.start_ns[row]


def runs_of_one_stage(
    family: Sequence[int], stage: Sequence[int], times: Times
) -> Iterator[list[int]]:
    """Two or more siblings of one stage that ran one after another with no other between."""
    run = [family[0]]
    for row in family[1:]:
        if stage[row] == stage[run[-1]] and times.in_turn(run[-1], row):
            run.append(row)
            continue
        if len(run) > 1:
            yield run
        run = [row]
    if len(run) > 1:
        yield run
