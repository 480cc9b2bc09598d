"""Each model call's tokens once: by hand over the leaves, and by the rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latprobe.analysis.tokens import COUNTED_USAGE, UnpricedModel, unpriced_models
from latprobe.store.owner import StoreOwner
from tests.journal.building import SegmentBuilder


def call(given: int, made: int, model: str | None = "gpt-4o", operation: str = "chat") -> Any:
    said: dict[str, object] = {
        "gen_ai.operation.name": operation,
        "gen_ai.usage.input_tokens": given,
        "gen_ai.usage.output_tokens": made,
    }
    return said if model is None else {**said, "gen_ai.request.model": model}


def fill(home: Path) -> None:
    """Two requests: an agent that repeats what its calls used, with an unknown model and a call of
    its own inside a gateway's span; and one call alone."""
    build = SegmentBuilder(home / "journal" / "a.lpj")
    build.span("agent", trace=1, span=1, details=call(300, 30, None, "invoke_agent"))
    build.span("gateway", trace=1, span=2, parent=1, details=call(100, 10))
    build.span("client", trace=1, span=3, parent=2, details=call(100, 10))
    build.span("local", trace=1, span=4, parent=1, details=call(200, 20, None))
    build.span("chat", trace=2, span=5, details=call(50, 5))
    build.span("lookup", trace=2, span=6, parent=5, details=call(7, 0, "e", "embeddings"))
    failed = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    build.span("cache", trace=3, span=7, details=call(9, 1))
    build.span("asked", trace=3, span=8, parent=7, flags=2 << 3, details=failed)
    build.close()


# By hand: the leaves that have counts, and the chat whose lookup is of another kind.
COUNTED = {"client": 100, "local": 200, "chat": 50, "lookup": 7, "cache": 9}


def test_the_rule_and_the_leaves_by_hand_give_the_same_sums(tmp_path: Path) -> None:
    fill(tmp_path)
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()

        def sums(key: str) -> dict[Any, int]:
            found = owner.query(
                f"SELECT {key} AS key, sum(input_tokens)::BIGINT AS n FROM counted_usage "
                "WHERE input_tokens IS NOT NULL GROUP BY ALL ORDER BY ALL"
            ).to_pylist()
            return {row["key"]: row["n"] for row in found}

        by_stage = sums("stage")
        by_model = sums("model")
        by_trace = sums("right(trace_id::VARCHAR, 1)")
        one_trace = owner.query(
            "WITH RECURSIVE wanted AS (SELECT trace_id FROM spans WHERE span_id = 1), "
            f"{COUNTED_USAGE} SELECT sum(input_tokens)::BIGINT AS n, count(*) AS calls "
            "FROM counted_usage"
        ).to_pylist()

    assert by_stage == COUNTED
    assert by_model == {None: 200, "e": 7, "gpt-4o": 159}
    assert by_trace == {"1": 300, "2": 57, "3": 9}
    assert one_trace == [{"n": 300, "calls": 2}]


def test_models_without_a_price_are_listed_and_not_free(tmp_path: Path) -> None:
    fill(tmp_path)
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = unpriced_models(owner.query)

    assert found == [UnpricedModel(None, None, 1, 200, 20), UnpricedModel(None, "e", 1, 7, 0)]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_tree_of_repeating_spans_has_the_sum_of_its_leaves(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    count = data.draw(st.integers(1, 25))
    parents = [0, *(data.draw(st.integers(1, n)) for n in range(1, count))]
    tokens = {span: data.draw(st.integers(1, 1000)) for span in range(1, count + 1)}
    leaves = set(tokens) - set(parents)
    home = tmp_path_factory.mktemp("tree")
    build = SegmentBuilder(home / "journal" / "a.lpj")
    for span, parent in enumerate(parents, 1):
        build.span(f"s{span % 3}", span=span, parent=parent, details=call(tokens[span], 1))
    build.close()
    with StoreOwner(home) as owner:
        owner.ingest_pending()
        counted = owner.query("SELECT span_id, input_tokens FROM counted_usage").to_pylist()

    assert {row["span_id"]: row["input_tokens"] for row in counted} == {
        span: tokens[span] for span in leaves
    }
