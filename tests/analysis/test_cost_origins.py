"""Where the costs of a scope's calls come from."""

from __future__ import annotations

import pyarrow as pa
import pytest

from latprobe.analysis.call_table import CallTable


@pytest.mark.parametrize(
    ("rows", "origins"),
    [
        ([], ()),
        ([(None, None)], ()),
        ([(0.1, 2), (0.2, 2), (None, None)], ("prices",)),
        ([(0.1, 3), (0.2, 1), (0.2, 2)], ("provider", "prices", "override")),
        ([(0.1, None), (0.2, 1)], ()),
    ],
)
def test_the_origins_of_costs_are_those_of_calls_with_a_cost(
    rows: list[tuple[float | None, int | None]], origins: tuple[str, ...]
) -> None:
    table = pa.table(
        {
            "cost_usd": pa.array([cost for cost, _ in rows], pa.float64()),
            "cost_origin": pa.array([origin for _, origin in rows], pa.uint8()),
        }
    )
    assert CallTable(table).cost_origins() == origins
