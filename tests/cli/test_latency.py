"""`latprobe latency`."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pytest

from tests.cli.conftest import Cli


@pytest.fixture
def called(store: Path) -> Path:
    """The store with 80 calls of 100 ms + 10 ms an output token besides its own four."""
    rng = np.random.default_rng(1)
    with duckdb.connect(str(store / "latprobe.duckdb")) as con:
        for number in range(80):
            trace = f"{number + 0xABC000:032x}"
            read, made = int(rng.integers(100, 4000)), int(rng.integers(20, 400))
            took = int((100 + 10 * made) * 1e6 * np.exp(0.03 * rng.standard_normal()))
            con.execute(
                "INSERT INTO spans BY NAME SELECT ?::UUID AS trace_id, 1::UBIGINT AS span_id, "
                "1::UINTEGER AS run_id, 1::UINTEGER AS ingest_seq, 'chat' AS name, "
                "'client' AS kind, 'ok' AS status, ?::BIGINT AS start_ns, ?::BIGINT AS duration_ns",
                [trace, 1_700_000_000_000_000_000 + number * 10**10, took],
            )
            con.execute(
                "INSERT INTO usage BY NAME SELECT ?::UUID AS trace_id, 1::UBIGINT AS span_id, "
                "1::UINTEGER AS run_id, ?::BIGINT AS start_ns, 'chat' AS stage, 'm' AS model, "
                "? AS input_tokens, ? AS output_tokens",
                [trace, 1_700_000_000_000_000_000 + number * 10**10, read, made],
            )
    return store


@pytest.mark.usefixtures("called")
def test_json_has_figures_with_intervals_and_refusals_with_reasons(cli: Cli) -> None:
    result = cli("latency", "--json")
    assert result.code == 0
    models = json.loads(result.out)["models"]
    first = models[0]
    assert (first["model"], first["calls"], first["refused"]) == ("m", 80, None)
    output = first["fit"]["ms_per_output_token"]
    low, high = output["ci95"]
    assert low < output["value"] < high
    assert abs(output["value"] / 10 - 1) < 0.05
    assert output["finding"] == "matters"
    assert first["fit"]["ms_per_1k_input_tokens"]["finding"] == "does_not_matter"
    assert all(one["fit"] is None and "needs 50" in one["refused"] for one in models[1:])


@pytest.mark.usefixtures("called")
def test_the_table_says_what_matters_and_what_does_not(cli: Cli) -> None:
    result = cli("latency", "--stage", "chat")
    assert result.code == 0
    row = next(line for line in result.out.splitlines() if line.startswith("1"))
    assert "no effect" in row
    assert "#1: The length of the input does not matter here." in result.out


@pytest.mark.usefixtures("called")
def test_a_stage_without_calls_is_no_data(cli: Cli) -> None:
    result = cli("latency", "--stage", "chatt")
    assert result.code == 3
    assert "on a stage 'chatt'. Did you mean 'chat'?" in result.err
    result = cli("latency", "--until", "2001-01-01")
    assert (result.code, "Widen the time window" in result.err) == (3, True)
