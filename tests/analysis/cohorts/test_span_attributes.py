"""Amounts are added up over a request; what only names something is not."""

from __future__ import annotations

import json

import pytest

from latprobe.analysis.cohorts.attributes import Attribute
from latprobe.analysis.cohorts.quantities import is_identifier, is_quantity
from latprobe.analysis.cohorts.span_attributes import span_attributes
from latprobe.analysis.cohorts.units import fetch_units, source
from latprobe.analysis.scope import EVERYTHING
from tests.analysis.seeding import MemoryStore, seed

_REQUESTS = 60


@pytest.mark.parametrize(
    "key",
    [
        "http.status_code", "http.response.status_code", "server.port", "enduser.id", "user_id",
        "gen_ai.request.seed", "version", "process.pid", "index", "response.statusCode",
    ],
)  # fmt: skip
def test_codes_ports_and_ids_are_no_quantities(key: str) -> None:
    assert is_identifier(key)
    assert not is_quantity(key)


@pytest.mark.parametrize(
    "key", ["file.bytes", "tool_calls", "took_ms", "body.size", "page.count", "usedTokens"]
)
def test_names_of_amounts_and_units_are_quantities(key: str) -> None:
    assert is_quantity(key)
    assert not is_identifier(key)


@pytest.mark.parametrize("key", ["gen_ai.request.max_tokens", "batch_size", "temperature", "."])
def test_settings_and_unknown_names_are_neither(key: str) -> None:
    assert not is_quantity(key)
    assert not is_identifier(key)


def test_of_two_calls_in_a_request_only_amounts_are_summed() -> None:
    found = _found()
    status = found["POST: http.status_code"]
    assert status.kind == "category"
    assert set(status.levels) == {"200", "200 + 503"}
    assert "POST: server.port" not in found  # the same in all: nothing to tell apart
    assert set(found["POST: file.bytes"].values.tolist()) == {201.0, 202.0}
    assert set(found["POST: effort"].values.tolist()) == {2.0, 3.0}


def _found() -> dict[str, Attribute]:
    """Requests of two calls each; in every second one the first call failed."""
    store = MemoryStore()
    store.add_run()
    for at in range(_REQUESTS):
        flag = at % 2
        calls = [
            {"http.status_code": 503 if flag else 200, "file.bytes": 100, "effort": 1},
            {"http.status_code": 200, "file.bytes": 101 + flag, "effort": 2 + flag},
        ]
        spans = [
            seed(2 + place, 1, "POST", at * 10 + place, at * 10 + place + 1, at + 1,
                 attributes=json.dumps({**each, "server.port": 45_639}))
            for place, each in enumerate(calls)
        ]  # fmt: skip
        store.add_spans([seed(1, None, "chat", at * 10, at * 10 + 3, at + 1), *spans])
    wanted = source(EVERYTHING, None)
    every = span_attributes(store, wanted, fetch_units(store, wanted))
    return {each.name: each for each in every if each is not None}
