"""`latprobe prompts`."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import duckdb
import pytest

from tests.cli.conftest import GOLDEN, Cli
from tests.cli.seeded_store import trace_id

TEMPLATE = uuid.UUID(int=0xABCD << 112)
SYSTEM = "You answer questions about pages.\nBe brief."
CALL = f"{trace_id(0)[:6]}/{104:x}"


@pytest.fixture
def prompted(store: Path) -> Path:
    """The store's four calls with their prompts: a system text, a page each, an answer."""
    with duckdb.connect(str(store / "latprobe.duckdb")) as con:
        con.execute(
            "UPDATE usage SET template_id = ?, is_exact = TRUE, input_origin = 'provider', "
            "residual_input_tokens = 2",
            [TEMPLATE],
        )
        con.execute(
            "INSERT INTO templates VALUES (?, 'You answer questions', 'llm.answer', 'found', ?, 1, "
            "'{}')",
            [TEMPLATE, SYSTEM + "\n\n{…}"],
        )
        texts = {1: SYSTEM, **{10 + n: f"Page {n}: " + "lorem " * 100 for n in range(4)}}
        for number, text in texts.items():
            con.execute(
                "INSERT INTO prompts VALUES (?, 'user', ?, ?, ?, FALSE, NULL)",
                [uuid.UUID(int=number), len(text), len(text), text],
            )
        for number in range(4):
            parts = [("system", 1, 98), ("retrieved", 10 + number, 1100), ("overhead", None, 0)]
            for position, (kind, text_number, tokens) in enumerate(parts):
                part_hash = None if text_number is None else uuid.UUID(int=text_number)
                con.execute(
                    "INSERT INTO call_parts VALUES (?, ?, ?, 'input', ?, NULL, NULL, ?, ?, FALSE)",
                    [trace_id(number), number * 100 + 104, position, kind, part_hash, tokens],
                )
            con.execute(
                "INSERT INTO tool_use VALUES (?, ?, 'zoom', TRUE, FALSE)",
                [trace_id(number), number * 100 + 104],
            )
    return store


@pytest.mark.usefixtures("prompted")
@pytest.mark.parametrize(
    ("name", "argv"),
    [
        ("prompts", []),
        ("prompts_template", ["--template", "abcd", "-n", "1"]),
        ("prompts_call", ["--call", CALL]),
    ],
)
def test_what_is_printed_is_the_golden_text(cli: Cli, name: str, argv: list[str]) -> None:
    assert cli("prompts", *argv) == (0, (GOLDEN / f"{name}.txt").read_text("utf-8"), "")


@pytest.mark.usefixtures("prompted")
def test_full_shows_texts_whole(cli: Cli) -> None:
    assert "characters left out" in cli("prompts", "--call", CALL).out
    found = cli("prompts", "--call", CALL, "--full").out
    assert "characters left out" not in found
    assert "lorem " * 100 in found


@pytest.mark.usefixtures("prompted")
def test_json_holds_templates_and_calls(cli: Cli) -> None:
    listed = json.loads(cli("prompts", "--json", "--limit", "2").out)
    assert [one["template_id"] for one in listed["templates"]] == [TEMPLATE.hex]
    assert [one["trace_id"] for one in listed["calls"]] == [trace_id(0), trace_id(1)]
    template = json.loads(cli("prompts", "--json", "--template", TEMPLATE.hex).out)
    assert (template["text"], len(template["calls"])) == (SYSTEM + "\n\n{…}", 4)
    call = json.loads(cli("prompts", "--json", "--call", CALL).out)
    assert [part["text"] is None for part in call["parts"]] == [False, False, True]


@pytest.mark.usefixtures("prompted")
def test_the_report_names_templates_and_models(cli: Cli) -> None:
    found = json.loads(cli("report", "--json").out)
    assert [one["name"] for one in found["templates"]] == ["You answer questions"]
    assert [one["model"] for one in found["models"]] == ["sim-1"]
    assert "abcd0000  You answer" in cli("report").out


@pytest.mark.usefixtures("store")
def test_calls_without_prompts_say_how_to_record_them(cli: Cli) -> None:
    found = cli("prompts")
    assert (found.code, "(not recorded)" in found.out) == (0, True)
    assert "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY" in found.err


@pytest.mark.usefixtures("prompted")
@pytest.mark.parametrize(
    ("argv", "code", "sentence"),
    [
        (["--since", "2026-12-01"], 3, "No model call is recorded here. Run your program with"),
        (["--template", "77"], 3, "No template '77' has calls here"),
        (["--call", "7777/1"], 3, "No model call 7777/1 is recorded"),
        (["--call", "7777"], 2, "--call '7777' is not TRACE/SPAN"),
        (["--call", "x/y"], 2, "'x' is not a trace id"),
        (["--call", "1/2", "--template", "3"], 2, "give one of them"),
    ],
)
def test_what_is_not_there_or_means_nothing_says_so(
    cli: Cli, argv: list[str], code: int, sentence: str
) -> None:
    found = cli("prompts", *argv)
    assert (found.code, found.out) == (code, "")
    assert sentence in found.err


def test_a_store_without_spans_is_no_data(cli: Cli, tmp_path: Path) -> None:
    found = cli("prompts", "--home", str(tmp_path / "nothing"))
    assert (found.code, found.out) == (3, "")
