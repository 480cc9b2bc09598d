"""Tokens of a request's calls, added up."""

from __future__ import annotations

import math

from latprobe.analysis.compare.request_tokens import fetch_tokens
from tests.analysis.seeding import MemoryStore, seed


def test_embeddings_give_no_tokens_which_is_known() -> None:
    store = MemoryStore()
    for number in (1, 2):
        spans = [
            seed(1, None, "answer", 0, 100, number),
            seed(2, 1, "embeddings m", 0, 10, number),
            seed(3, 1, "chat m", 10, 90, number),
        ]
        store.add_spans(spans)
        store.add_usage(
            number, 2, stage="embeddings m", operation="embeddings",
            input_tokens=10, output_tokens=None, cost_usd=0.1,
        )  # fmt: skip
        answer = 50 if number == 1 else None
        store.add_usage(
            number, 3, stage="chat m", operation="chat",
            input_tokens=100, output_tokens=answer, cost_usd=1.0,
        )  # fmt: skip
    traces = [row["t"] for row in store(
        "SELECT DISTINCT trace_id::VARCHAR AS t FROM spans ORDER BY 1"
    ).to_pylist()]  # fmt: skip

    found = fetch_tokens(store, traces).requests

    assert found is not None
    assert found.input_tokens.tolist() == [110.0, 110.0]
    assert found.output_tokens[0] == 50.0
    assert math.isnan(found.output_tokens[1])
