from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis import requests
from latprobe.analysis.request_paths import slowest_5_percent, walk_requests
from latprobe.analysis.scope import EVERYTHING
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, seed


def filled() -> MemoryStore:
    store = MemoryStore()
    for trace in range(1, 8):
        store.add_spans(
            [
                seed(1, None, "root", trace * 100, trace * 100 + 50, trace),
                seed(2, 1, "child", trace * 100 - 5, trace * 100 + trace, trace),
            ]
        )
    return store


def test_a_request_goes_by_its_root_even_if_a_child_started_before() -> None:
    found = requests.fetch_requests(filled(), EVERYTHING)
    assert (found.start_ns - EPOCH_NS).tolist() == [t * 100 * MS for t in range(1, 8)]
    assert found.first_ns.tolist() == (found.start_ns - 5 * MS).tolist()
    assert (found.spans.tolist(), found.duration_ns.tolist()) == ([2] * 7, [50 * MS] * 7)


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 100])
def test_the_size_of_the_batches_does_not_matter(
    batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "BATCH_TRACES", batch)
    store = filled()
    found = requests.fetch_requests(store, EVERYTHING)
    batches = list(requests.fetch_batches(store, found))
    assert [len(part) for part, _ in batches] == [batch] * (7 // batch) + [7 % batch] * bool(
        7 % batch
    )
    paths = walk_requests(store, found)
    child = paths.stages["child"]
    assert (paths.traces, paths.wall_ns) == (7, 350 * MS)
    assert (child.critical_ns, paths.explained_ns) == (28 * MS, 28 * MS)


def test_many_spans_make_a_batch_of_few_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BATCH_SPANS", 4)
    store = filled()
    found = requests.fetch_requests(store, EVERYTHING)
    assert max(table.num_rows for _, table in requests.fetch_batches(store, found)) <= 4


def test_the_slowest_5_percent_are_at_least_one_request() -> None:
    assert slowest_5_percent(np.array([3, 9, 5])).tolist() == [False, True, False]
    assert slowest_5_percent(np.arange(100)).sum() == 5
    assert slowest_5_percent(np.zeros(0, np.int64)).tolist() == []
