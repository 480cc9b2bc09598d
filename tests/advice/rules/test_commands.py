"""The commands that suggestions name are commands of this version, with their arguments."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.exceptions import TyperException

import latprobe.advice
from latprobe.cli.main import app

FOLDER = Path(latprobe.advice.__file__).parent
CLI = typer.main.get_command(app)
QUOTED = re.compile(r"`(latprobe [^`]*)`")
BARE = re.compile(r"\blatprobe ([a-z]+)")


def sources() -> list[Path]:
    """Every module that a suggestion's words may come from."""
    return sorted([*FOLDER.glob("*.py"), *FOLDER.glob("rules/*.py"), *FOLDER.glob("outputs/*.py")])


def texts(tree: ast.AST) -> Iterator[str]:
    """Every string of a module that is no docstring, with X for what is filled in."""
    if isinstance(tree, ast.Expr):
        return  # a string on its own says nothing to anybody
    if isinstance(tree, ast.JoinedStr):
        yield "".join(
            str(each.value) if isinstance(each, ast.Constant) else "X" for each in tree.values
        )
        return
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        yield tree.value
    for child in ast.iter_child_nodes(tree):
        yield from texts(child)


def fault(command: str) -> str | None:
    """Why the command line would be refused; None where it would run."""
    _, name, *arguments = shlex.split(command)
    known = CLI.commands.get(name)  # type: ignore[attr-defined]  # a group has commands
    if known is None:
        return f"no command {name}"
    try:
        known.make_context(name, arguments)
    except TyperException as error:
        return str(error) or type(error).__name__
    return None


def faults(text: str) -> list[str]:
    """What is wrong with the commands in a text: each is in backquotes, and would run."""
    found = [f"{each}: {why}" for each in QUOTED.findall(text) if (why := fault(each))]
    names = BARE.findall(QUOTED.sub("", text))
    return found + [f"{name} not in backquotes" for name in names if name in CLI.commands]  # type: ignore[attr-defined]


@pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)
def test_every_command_that_is_named_would_run(source: Path) -> None:
    found = [why for text in texts(ast.parse(source.read_text())) for why in faults(text)]
    assert found == []


def test_a_command_that_lacks_its_argument_or_does_not_exist_is_found() -> None:
    assert faults("See `latprobe report` and `latprobe show latest`; latprobe does so.") == []
    assert faults("`latprobe tokens`: fewer.") == ["latprobe tokens: Missing parameter: file"]
    assert faults("`latprobe nothing`.") == ["latprobe nothing: no command nothing"]
    assert "--nope" in faults("`latprobe report --nope`.")[0]
    assert faults("latprobe prompts: fewer.") == ["prompts not in backquotes"]
