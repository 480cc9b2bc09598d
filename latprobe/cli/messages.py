"""The one writer of stderr: sentences for people that say what to do, and progress.

stdout carries data only. Colour and moving lines appear only on a terminal without NO_COLOR.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from latprobe.cli.plain_text import plain

_RED, _YELLOW, _OFF = "\x1b[31m", "\x1b[33m", "\x1b[0m"


def say(text: str) -> None:
    """A line of information."""
    _write(f"latprobe: {plain(text)}")


def warn(text: str) -> None:
    """Something is not as it should be; the command goes on."""
    _write(f"{_tint('warning:', _YELLOW)} {plain(text)}")


def fail(text: str) -> None:
    """Why the command ends here, and the way out."""
    _write(f"{_tint('error:', _RED)} {plain(text)}")


@contextmanager
def working(text: str) -> Iterator[None]:
    """Shows that something takes a while; nothing where stderr is not a terminal."""
    if not is_terminal():
        yield
        return
    from rich.console import Console

    with Console(stderr=True, markup=False).status(f"{text} ..."):
        yield


@contextmanager
def progress(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar over `total` steps; the yielded call moves it on by so many."""
    if not is_terminal() or total <= 0:
        yield _advance_nothing
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(text, total=total)
        yield lambda steps: bar.update(task, advance=steps)


def is_terminal() -> bool:
    """Whether a person watches stderr."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _advance_nothing(_steps: int) -> None:
    pass


def _tint(word: str, colour: str) -> str:
    if is_terminal() and not os.environ.get("NO_COLOR"):
        return f"latprobe: {colour}{word}{_OFF}"
    return f"latprobe: {word}"


def _write(line: str) -> None:
    # With nobody reading stderr any more, the exit code still says what happened.
    with suppress(BrokenPipeError):
        print(line, file=sys.stderr, flush=True)
