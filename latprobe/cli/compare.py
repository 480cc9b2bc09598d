"""`latprobe compare`: what changed between two recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from latprobe.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from latprobe.analysis.compare import Comparison
    from latprobe.analysis.compare.comparison import MinimalEffect
    from latprobe.cli.compared_sides import Side

SIDE_HELP = (
    "A run (number or id), a version or commit, `previous`, `latest`, `window:2h..1h`, or a "
    "baseline file or exported folder."
)


def add_to(app: typer.Typer) -> None:
    app.command("compare")(compare)


def compare(
    before: Annotated[
        str | None, typer.Option(metavar="X", help=f"{SIDE_HELP} Else the run before.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="Y", help="The same forms. Else the latest run.")
    ] = None,
    service: options.Service = None,
    min_effect: Annotated[
        float,
        typer.Option(min=0, metavar="PERCENT", help="Changes below are of no interest."),
    ] = 2.0,
    min_ms: Annotated[
        float, typer.Option(min=0, metavar="MS", help="Nor are changes of so few ms.")
    ] = 1.0,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Compare two recordings: time, tokens, cost and errors of requests and stages.

    Each change comes with its 95 % interval and a verdict: worse, better, same (shown to be less
    than the minimal effect) or unclear (too few requests to tell).
    """
    from latprobe.analysis.compare.comparison import MinimalEffect
    from latprobe.cli import output
    from latprobe.cli.compare_text import print_comparison

    minimal = MinimalEffect(share=min_effect / 100, ms=min_ms)
    sides, found = _compared(before, after, service, minimal, home)
    if as_json:
        names = {"before": sides[0].label, "after": sides[1].label}
        output.data({**names, **found.to_json()})
    else:
        print_comparison(found, sides[0].label, sides[1].label)


def _compared(
    before: str | None,
    after: str | None,
    service: str | None,
    minimal: MinimalEffect,
    home: Path | None,
) -> tuple[tuple[Side, Side], Comparison]:
    from latprobe.analysis.compare.comparison import compare_measured
    from latprobe.cli import messages
    from latprobe.cli.compared_sides import check_differ, resolve_sides
    from latprobe.cli.open_store import open_store

    with open_store(home) as store:
        sides = resolve_sides(store.query, before, after, service=service)
        with messages.working("Comparing"):
            first, second = (side.measure(store.query) for side in sides)
            check_differ(sides, first, second)
            return sides, compare_measured(first, second, minimal=minimal)
