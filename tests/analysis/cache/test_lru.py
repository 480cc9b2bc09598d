"""The simulated cache against one that is written as plainly as can be."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from latprobe.analysis.cache.lru import MISS, simulate

CALLS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 10), st.integers(0, 15)), min_size=1, max_size=40
)


def plainly(
    keys: list[int], starts: list[int], ends: list[int], size: int | None, ttl: int | None
) -> list[int]:
    """A list of [key, row that wrote it, last use], searched from end to end."""
    entries: list[list[int]] = []
    served = []
    for row, key in enumerate(keys):
        now = starts[row]
        entries = [e for e in entries if not (e[0] == key and _is_old(ends[e[1]], now, ttl))]
        mine = [e for e in entries if e[0] == key]
        served.append(mine[0][1] if mine and ends[mine[0][1]] <= now else MISS)
        if mine:
            mine[0][2] = row
            continue
        entries.append([key, row, row])
        if size is not None and len(entries) > size:
            entries.remove(min(entries, key=lambda e: e[2]))
    return served


def _is_old(stored: int, now: int, ttl: int | None) -> bool:
    return ttl is not None and now - stored > ttl


@given(CALLS, st.one_of(st.none(), st.integers(1, 6)), st.one_of(st.none(), st.integers(0, 30)))
def test_it_is_the_same_as_a_plain_cache(
    calls: list[tuple[int, int, int]], size: int | None, ttl: int | None
) -> None:
    keys = [key for key, _, _ in calls]
    starts = np.cumsum([gap for _, gap, _ in calls])
    ends = starts + [duration for _, _, duration in calls]
    found = simulate(np.array(keys), starts, ends, size=size, ttl_ns=ttl)
    assert found.tolist() == plainly(keys, starts.tolist(), ends.tolist(), size, ttl)


def served(keys: list[int], *, gap: int = 10, **limits: object) -> list[int]:
    starts = np.arange(len(keys)) * gap
    settings: dict[str, Any] = {"size": None, "ttl_ns": None, **limits}
    found: list[int] = simulate(np.array(keys), starts, starts + 1, **settings).tolist()
    return found


def test_the_least_recently_used_entry_leaves() -> None:
    assert served([1, 2, 1, 3, 1, 2], size=2) == [-1, -1, 0, -1, 0, -1]


def test_an_entry_serves_for_its_time_and_not_from_its_last_use() -> None:
    assert served([1, 1, 1, 1], ttl_ns=19) == [-1, 0, 0, -1]


def test_an_answer_that_is_not_there_yet_serves_nobody() -> None:
    starts = np.array([0, 5, 20])
    found = simulate(np.array([1, 1, 1]), starts, starts + 10, size=None, ttl_ns=None)
    assert found.tolist() == [-1, -1, 0]


def test_a_neighbour_serves_where_the_key_itself_is_not_there() -> None:
    assert served([1, 2, 2], neighbours={2: (1,)}) == [-1, 0, 0]
