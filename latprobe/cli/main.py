"""The `latprobe` entry point: parses, calls one command, turns errors into exit codes.

The command modules import only typer and the standard library at the top, so that `--help` and
`--version` answer without loading DuckDB, Arrow or NumPy; a fresh-interpreter test checks it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from copy import copy
from difflib import get_close_matches
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from latprobe.cli import (
    advise,
    agent,
    applied,
    cache,
    compare,
    compress,
    dashboard,
    demo,
    doctor,
    gate,
    gpu,
    latency,
    load,
    messages,
    probe,
    prompts,
    prune,
    replay,
    report,
    run,
    show,
    slow,
    sql,
    tokens,
    traces,
    transfer,
    whatif,
)
from latprobe.cli.output import ReaderLeftError, is_unicode
from latprobe.errors import LatprobeError


class Commands(typer.Typer):
    """The commands, of which only the one that is asked for is built.

    Typer builds them all anew for each command line, which takes longer than many of them run.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the command line, whose words are in `args=` or else those of the process."""
        words = sys.argv[1:] if kwargs.get("args") is None else kwargs["args"]
        asked = [each for each in self.registered_commands if words and each.name == words[0]]
        # Help and refusals list all commands: they get them all.
        only = copy(self)
        only.registered_commands = asked or self.registered_commands
        return super(Commands, only).__call__(*args, **kwargs)


app = Commands(
    name="latprobe",
    help="Finds what makes an AI pipeline slow or token-hungry. Everything stays on this machine.",
    epilog="Exit codes: 0 fine, 1 a gate failed, 2 usage, 3 no data, 4 store or agent fault.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    run,
    report,
    advise,
    replay,
    applied,
    whatif,
    slow,
    compare,
    gate,
    traces,
    show,
    sql,
    tokens,
    compress,
    prompts,
    gpu,
    cache,
    latency,
    load,
    probe,
    transfer,
    dashboard,
    agent,
    doctor,
    prune,
    demo,
):
    module.add_to(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from latprobe.version import __version__

        typer.echo(f"latprobe {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and leave."
        ),
    ] = False,
) -> None:
    pass


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of one command line. Nothing else catches LatprobeError."""
    _let_any_text_through()
    try:
        code = app(args=argv, prog_name="latprobe", standalone_mode=False)
        sys.stdout.flush()
    except LatprobeError as error:
        messages.fail(str(error))
        return error.exit_code
    except ModuleNotFoundError as error:
        return _name_extra(error)
    except TyperException as error:
        return _refuse(error)
    except (BrokenPipeError, ReaderLeftError):
        _silence_stdout()
        return 0
    except KeyboardInterrupt:
        return 130
    return code if isinstance(code, int) else 0


def _let_any_text_through() -> None:
    """Where stdout cannot carry a character (an ASCII locale), a question mark stands for it."""
    if isinstance(sys.stdout, TextIOWrapper) and not is_unicode():
        sys.stdout.reconfigure(errors="replace")


# The extra that brings a module which plain latprobe goes without.
EXTRAS = {"google": "otlp", "grpc": "otlp", "orjson": "otlp", "streamlit": "dashboard"}


def _name_extra(error: ModuleNotFoundError) -> int:
    """Says which extra brings the missing module; one of no extra is a fault, and is raised."""
    top = (error.name or "").partition(".")[0]
    extra = "otlp" if (error.name or "").startswith("opentelemetry.proto") else EXTRAS.get(top)
    if extra is None:
        raise error
    messages.fail(f"This needs packages that are not installed: pip install 'latprobe[{extra}]'")
    return 2


def _refuse(error: TyperException) -> int:
    """Says what is wrong with the command line; an empty message is help already printed."""
    text = _reason(error)
    if text:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "latprobe"
        messages.fail(
            f"{text.rstrip('.')}{'' if text.endswith('?') else '.'} See `{command} --help`."
        )
    return 2


def _reason(error: TyperException) -> str:
    text = error.format_message().replace("Value error, ", "")
    name = getattr(error, "option_name", None)
    if name is None or not text.startswith("No such option"):
        return text
    near = get_close_matches(name, getattr(error, "possibilities", None) or [], n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"No such option {name}.{hint}"


def _silence_stdout() -> None:
    """After `| head` has left: keeps the interpreter's last flush from complaining."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
