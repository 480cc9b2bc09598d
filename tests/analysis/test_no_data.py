from __future__ import annotations

import pytest

from latprobe.analysis.no_data import nothing_found
from latprobe.analysis.scope import Scope
from tests.analysis.seeding import MemoryStore, seed


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        (
            Scope(stage="retreive"),
            "Nothing is recorded here on a stage 'retreive'. Did you mean 'retrieve'?",
        ),
        (
            Scope(stage="xyz"),
            "Nothing is recorded here on a stage 'xyz'. `latprobe report` lists the stages.",
        ),
        (
            Scope(service="other"),
            "Nothing recorded matches. Widen the time window or drop a filter.",
        ),
    ],
)
def test_the_error_says_what_to_ask_instead(scope: Scope, message: str) -> None:
    store = MemoryStore()
    store.add_spans([seed(1, None, "retrieve", 0, 1)])
    assert str(nothing_found(store, scope)) == message


def test_an_empty_store_says_how_to_fill_it() -> None:
    assert "latprobe run" in str(nothing_found(MemoryStore(), Scope(stage="a")))
