"""`latprobe traces`."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import GOLDEN, Cli
from tests.cli.seeded_store import trace_id


@pytest.mark.usefixtures("store")
def test_the_newest_request_comes_first(cli: Cli) -> None:
    assert cli("traces") == (0, (GOLDEN / "traces.txt").read_text("utf-8"), "")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("order", "numbers"),
    [("recent", [3, 2]), ("slowest", [3, 2]), ("errors", [1, 3])],
)
def test_order_and_limit_choose_the_requests(cli: Cli, order: str, numbers: list[int]) -> None:
    found = json.loads(cli("traces", "--json", "--order", order, "--limit", "2").out)
    assert [row["trace_id"] for row in found] == [trace_id(number) for number in numbers]


@pytest.mark.usefixtures("store")
def test_no_request_in_the_window_is_no_data(cli: Cli) -> None:
    found = cli("traces", "--since", "2026-12-01")
    assert (found.code, found.out) == (3, "")
    assert "No request fits these filters; widen --since" in found.err


def test_an_unknown_order_is_refused_with_the_known_ones(cli: Cli) -> None:
    found = cli("traces", "--order", "longest")
    assert found.code == 2
    assert "'longest' is not one of 'recent', 'slowest', 'tokens', 'errors'" in found.err
