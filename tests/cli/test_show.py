"""`latprobe show TRACE`."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import GOLDEN, Cli
from tests.cli.seeded_store import trace_id


@pytest.mark.usefixtures("store")
def test_a_failed_request_is_drawn_as_a_waterfall_with_its_reason(cli: Cli) -> None:
    assert cli("show", "abc1") == (0, (GOLDEN / "show.txt").read_text("utf-8"), "")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("wanted", "number"), [("latest", 3), ("slowest", 3), ("abc2", 2), (trace_id(0), 0)]
)
def test_a_trace_is_named_by_a_prefix_or_a_word(cli: Cli, wanted: str, number: int) -> None:
    found = json.loads(cli("show", wanted, "--json").out)
    assert found["trace_id"] == trace_id(number)
    assert [span["name"] for span in found["spans"]] == [
        "answer",
        "pages.decode",
        "ocr",
        "retrieve",
        "llm.answer",
    ]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("wanted", "code", "sentence"),
    [
        ("abc", 2, "Several traces start with abc"),
        ("last", 2, "'last' is not the start of a trace id."),
        ("ffff", 3, "No trace starts with ffff."),
    ],
)
def test_an_unclear_or_unknown_id_is_refused(
    cli: Cli, wanted: str, code: int, sentence: str
) -> None:
    found = cli("show", wanted)
    assert (found.code, found.out) == (code, "")
    assert sentence in found.err
