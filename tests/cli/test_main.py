"""Parsing, exit codes, and what reaches which stream."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command_from_info
from typer.models import CommandInfo

from latprobe.cli.main import main
from latprobe.errors import LatprobeError, NoDataError, SegmentError, StoreError, UsageError
from latprobe.version import __version__
from tests.cli.conftest import Cli

COMMANDS = (
    *("run", "report", "traces", "show", "sql", "export", "import", "dashboard", "agent"),
    *("doctor", "prune", "demo"),
)


def test_version_is_printed(cli: Cli) -> None:
    assert cli("--version") == (0, f"latprobe {__version__}\n", "")


def test_help_lists_every_command(cli: Cli) -> None:
    found = cli("--help")
    assert found.code == 0
    assert [name for name in COMMANDS if f" {name} " not in found.out] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(cli: Cli, command: str) -> None:
    found = cli(command, "--help")
    assert (found.code, found.err) == (0, "")
    assert f"latprobe {command} " in found.out


def test_no_command_prints_help_and_is_a_usage_error(cli: Cli) -> None:
    found = cli()
    assert found.code == 2
    assert "Usage: latprobe" in found.out


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (
            ["reprot"],
            "No such command 'reprot'. Did you mean 'report', 'export', 'prompts'? "
            "See `latprobe --help`.",
        ),
        (["zzz"], "No such command 'zzz'. See `latprobe --help`."),
        (
            ["report", "--sinse", "1h"],
            "No such option --sinse. Did you mean --since? See `latprobe report --help`.",
        ),
        (["show"], "Missing argument 'TRACE'. See `latprobe show --help`."),
        (
            ["traces", "--limit", "many"],
            "Invalid value for '--limit' / '-n': Input should be a valid integer, "
            "unable to parse string as an integer. See `latprobe traces --help`.",
        ),
    ],
)
def test_a_wrong_command_line_is_one_sentence_with_the_way_out(
    cli: Cli, argv: list[str], sentence: str
) -> None:
    assert cli(*argv) == (2, "", f"latprobe: error: {sentence}\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("Write it so."), 2),
        (NoDataError("Nothing there."), 3),
        (StoreError("The disk is full."), 4),
        (SegmentError("A segment is torn."), 4),
        (LatprobeError("Something else."), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_kind_of_error_has_its_exit_code(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("latprobe.cli.options.Filters", fail)
    text = str(error)
    assert cli("report") == (code, "", f"latprobe: error: {text}\n" if text else "")


def test_an_error_message_cannot_move_the_cursor(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("bad \x1b[2J name")

    monkeypatch.setattr("latprobe.cli.options.Filters", fail)
    assert cli("report").err == "latprobe: error: bad \\x1b[2J name\n"


def test_a_reader_of_stdout_that_leaves_ends_the_command_quietly(store: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "latprobe.cli", "sql", "--csv", "SELECT * FROM range(500000)"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"range\n"
    process.stdout.close()
    assert (process.stderr.read(), process.wait(timeout=30)) == (b"", 0)
    process.stderr.close()


def test_a_missing_extra_is_named_with_its_pip_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def without(*_: object, **__: object) -> int:
        raise ModuleNotFoundError("No module named 'google'", name="google.protobuf")

    monkeypatch.setattr("latprobe.cli.main.app", without)
    assert main(["export"]) == 2
    assert "pip install 'latprobe[otlp]'" in capsys.readouterr().err


@pytest.mark.parametrize(("word", "is_alone"), [("report", True), ("repot", False)])
def test_only_the_command_that_is_asked_for_is_built(
    word: str, is_alone: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built: list[str | None] = []

    def named(*, command_info: CommandInfo, **options: Any) -> Any:
        built.append(command_info.name)
        return get_command_from_info(command_info=command_info, **options)

    monkeypatch.setattr("typer.main.get_command_from_info", named)
    main([word, "--nope"])
    assert capsys.readouterr().err.startswith("latprobe: error: No such ")
    assert "report" in built
    assert (built == ["report"]) == is_alone


def test_an_ascii_terminal_gets_question_marks_and_no_stack_trace(store: Path) -> None:
    """Prompts and titles have characters that it cannot carry; JSON has them all."""
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for command, words in (("report", b" ? "), ("report --json", b'"stages"')):
        argv = [sys.executable, "-m", "latprobe.cli", *command.split(), "--home", str(store)]
        found = subprocess.run(argv, env=environment, capture_output=True, check=False)
        assert (found.returncode, found.stderr) == (0, b"")
        assert words in found.stdout
        assert found.stdout.isascii()
