"""Clocks of other processes, told from all calls between two of them."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.intervals import Floats
from latprobe.analysis.whatif.recording import Names, Recording, recording_of
from tests.analysis.seeding import MS, Seed, seed, table_of


def recorded(waits_ms: list[float], behind_ms: float, *, took_ms: float = 30) -> Recording:
    """Calls of 100 ms to another process, `behind_ms` late by its clock: each is answered after a
    wait of its own, with 2 ms on the way there and back."""
    seeds: list[Seed] = []
    for trace, wait in enumerate(waits_ms, 1):
        came = trace * 1000 + 2 + wait - behind_ms
        seeds += [
            seed(3 * trace, None, "request", trace * 1000 - 10, trace * 1000 + 110, trace),
            seed(3 * trace + 1, 3 * trace, "call", trace * 1000, trace * 1000 + took_ms + wait + 4,
                 trace),
            seed(3 * trace + 2, 3 * trace + 1, "served", came, came + took_ms, trace),
        ]  # fmt: skip
    table = table_of(seeds).append_column("pid", [[1, 1, 2] * len(waits_ms)])
    return recording_of(table, Names())


def waits_ms(found: Recording) -> Floats:
    """How long after its caller each served call began."""
    rows = np.flatnonzero(found.name == found.name[found.spans.span_id % 3 == 2][0])
    start, parent = found.spans.start_ns, found.parent
    wait = start[rows] - start[parent[rows]]
    return np.asarray(wait[np.argsort(start[rows])] / MS)


@pytest.mark.parametrize("behind_ms", [5, 40, 3000])
def test_calls_that_start_late_as_they_waited_still_start_late(behind_ms: float) -> None:
    waits = [0.0, 30.0, 3.0, 50.0, 0.0, 12.0]
    found = waits_ms(recorded(waits, behind_ms))
    assert found.tolist() == pytest.approx([2 + wait for wait in waits], abs=0.01)


def test_clocks_that_agree_are_left_alone() -> None:
    waits = [0.0, 30.0, 3.0]
    assert waits_ms(recorded(waits, 0)).tolist() == pytest.approx([2 + wait for wait in waits])


def test_where_no_offset_fits_all_calls_each_is_put_inside_its_caller() -> None:
    seeds = [
        seed(1, None, "call", 0, 100),
        seed(2, 1, "served", -50, -10),
        seed(3, None, "call", 1000, 1100, 2),
        seed(4, 3, "served", 700, 740, 2),
    ]
    table = table_of(seeds).append_column("pid", [[1, 2, 1, 2]])
    found = recording_of(table, Names())
    by_id = dict(zip(found.spans.span_id.tolist(), found.spans.start_ns.tolist(), strict=True))
    assert [(by_id[each + 1] - by_id[each]) / MS for each in (1, 3)] == [30, 30]
