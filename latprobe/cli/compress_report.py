"""What `latprobe compress` found: a table for people, and the documented JSON."""

from __future__ import annotations

from typing import Any

from latprobe.advice.compress.meter import Meter
from latprobe.advice.compress.option import Compressed, Option
from latprobe.cli import figures, output
from latprobe.cli.output import Column

_MOST_LOST = 12
_SHOWN_CHARACTERS = 20_000


def as_document(
    found: Compressed, model: str | None, lingua: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The documented keys; `best` is None where nothing that is allowed saves a token."""
    options = [option.to_json() for option in found.options]
    return {
        "model": model,
        "tokens_before": found.tokens_before,
        "is_exact": found.is_exact,
        "estimated_because": found.reason,
        "allowed": found.allowed,
        "best": None if found.best is None else found.best.to_json(),
        "options": options + ([] if lingua is None else [lingua]),
        "notes": list(found.notes),
    }


def print_report(
    found: Compressed, meter: Meter, lingua: dict[str, Any] | None, *, is_written: bool
) -> None:
    """The options, what was checked and lost, and the best text unless it went to a file."""
    how = f"{found.tokens_before:,} tokens"
    if not found.is_exact:
        how += f" (estimated: {found.reason})"
    output.line(f"before: {how}")
    if found.options:
        columns = [
            Column("Class", "left"),
            Column("Tokens"),
            Column("Saved"),
            Column("Steps", "left"),
        ]
        output.table(columns, [_cells(option, found.tokens_before) for option in found.options])
    for option in found.options:
        _print_check(option)
    for note in found.notes:
        output.line(f"note: {note}")
    if lingua is not None:
        _print_lingua(lingua)
    if found.best is None:
        output.line(f"Nothing {found.allowed} saves a token.")
    elif not is_written:
        output.line()
        output.line(f"best, {found.best.kind}:", style="bold")
        for line in found.best.text[:_SHOWN_CHARACTERS].split("\n"):
            output.line(line)
        if len(found.best.text) > _SHOWN_CHARACTERS:
            output.line(f"... of {len(found.best.text):,} characters; --out FILE writes them all.")


def _cells(option: Option, before: int) -> list[str]:
    share = 1 - option.tokens_after / before if before else None
    kind = f"{option.kind}, advice only" if option.advisory else option.kind
    return [kind, f"{option.tokens_after:,}", figures.percent(share), ", ".join(option.steps)]


def _print_check(option: Option) -> None:
    output.line(f"{option.kind} ({', '.join(option.steps)}): {option.check.executed}.")
    if option.check.kept:
        output.line(f"  kept: {'; '.join(option.check.kept)}")
    if option.check.lost:
        shown = option.check.lost[:_MOST_LOST]
        more = len(option.check.lost) - len(shown)
        output.line(f"  lost: {'; '.join(shown)}{f'; and {more} more' if more else ''}")
    for note in option.notes:
        output.line(f"  {note}")


def _print_lingua(found: dict[str, Any]) -> None:
    pays = found["break_even"]
    line = f"llmlingua: {found['tokens_after']:,} tokens in {pays['compressor_ms']:,.0f} ms"
    if pays["net_ms"] is None:
        line += "; name --prefill (tokens a second) to see whether that pays"
    else:
        line += f", which saves {pays['saved_ms']:,.0f} ms: {pays['net_ms']:+,.0f} ms a call"
    output.line(line)
