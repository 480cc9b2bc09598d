"""`latprobe sql`."""

from __future__ import annotations

import io
import json

import pytest

from tests.cli.conftest import Cli

SPANS = "SELECT name, duration_ns, cpu_ns FROM spans ORDER BY start_ns, span_id LIMIT 2"


@pytest.mark.usefixtures("store")
def test_rows_are_printed_as_a_table(cli: Cli) -> None:
    assert cli("sql", SPANS).out == (
        "name          duration_ns  cpu_ns\n"
        "─────────────────────────────────\n"
        "answer          820000000       -\n"
        "pages.decode     40000000       -\n"
    )


@pytest.mark.usefixtures("store")
def test_csv_leaves_null_empty(cli: Cli) -> None:
    assert cli("sql", SPANS, "--csv").out == (
        "name,duration_ns,cpu_ns\nanswer,820000000,\npages.decode,40000000,\n"
    )


@pytest.mark.usefixtures("store")
def test_json_keeps_numbers_and_nulls(cli: Cli) -> None:
    query = (
        "SELECT 'a' AS text, 1 AS whole, 'NaN'::DOUBLE AS none, sum(duration_ns) AS big FROM spans"
    )
    assert json.loads(cli("sql", query, "--json").out) == [
        {"text": "a", "whole": 1, "none": None, "big": 7800000000}
    ]


@pytest.mark.usefixtures("store")
def test_the_statement_can_come_from_stdin(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 41 + 1 AS x"))
    assert cli("sql", "-", "--csv").out == "x\n42\n"


@pytest.mark.usefixtures("store")
def test_a_wide_row_becomes_a_record(cli: Cli) -> None:
    found = cli("sql", "SELECT * FROM runs").out
    assert found.startswith("row 1\n")
    assert "  service       doc-qa\n" in found


@pytest.mark.usefixtures("store")
def test_more_rows_than_the_limit_are_announced(cli: Cli) -> None:
    found = cli("sql", "SELECT * FROM range(5)", "--limit", "2")
    assert len(found.out.splitlines()) == 4
    assert found.err == "latprobe: 2 of 5 rows shown; --csv and --json print all of them.\n"


@pytest.mark.usefixtures("store")
def test_escape_sequences_in_recorded_text_do_not_reach_the_terminal(cli: Cli) -> None:
    assert "\x1b" not in cli("sql", "SELECT chr(27) || '[2J' AS name").out


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DELETE FROM spans", "the store is read-only here"),
        ("SELECT 1; SELECT 2", "One SQL statement at a time"),
        ("SELECT nothing FROM nowhere", "The SQL is not right"),
        ("COPY spans TO '/tmp/x'", "read-only"),
        ("  ", "The SQL is empty"),
    ],
)
def test_what_writes_or_is_wrong_is_refused(cli: Cli, statement: str, sentence: str) -> None:
    found = cli("sql", statement)
    assert (found.code, found.out) == (2, "")
    assert sentence in found.err


def test_csv_and_json_exclude_each_other(cli: Cli) -> None:
    assert cli("sql", "SELECT 1", "--csv", "--json").code == 2
