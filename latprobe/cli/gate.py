"""`latprobe gate`: exit code 1 when a recording got worse than it may."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latprobe.cli import options
from latprobe.cli.compare import SIDE_HELP

if TYPE_CHECKING:
    from latprobe.analysis.compare.gate import Gate
    from latprobe.analysis.compare.limits import Budget, Limit

FAILED = 1


class OnUnclear(StrEnum):
    """What too few requests, or a figure that was not measured, lead to."""

    PASS = "pass"
    FAIL = "fail"


def add_to(app: typer.Typer) -> None:
    app.command("gate")(gate)


def gate(
    baseline: Annotated[
        str | None, typer.Option("--baseline", "--before", metavar="X", help=SIDE_HELP)
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="Y", help="What is judged. Else the latest run.")
    ] = None,
    max_: Annotated[
        list[str] | None,
        typer.Option(
            "--max",
            metavar="FIGURE=+N%",
            help="How far a figure may rise: p95=+5%, ocr:p95=+10%, cost=+10%. Repeatable.",
        ),
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIGURE=N",
            help="What a figure may be: p95_ms=800, cost_usd=0.01, errors=1%. Repeatable.",
        ),
    ] = None,
    on_unclear: Annotated[
        OnUnclear, typer.Option(help="What to do when there is too little recorded to tell.")
    ] = OnUnclear.PASS,
    markdown: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the summary as Markdown; - is stdout."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what was measured as a baseline file."),
    ] = None,
    service: options.Service = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Fail when requests got slower, dearer or wordier than allowed.

    A change fails when it is over its limit and more than chance; of 200 gates between
    recordings of the same program 0 to 3.5 % failed (see docs/gate.md). With
    --baseline alone the limits are p50=+5%, p95=+10%, input_tokens=+5%, output_tokens=+10%,
    cost_usd=+10% and errors=+1%.
    """
    from latprobe.analysis.compare.limits import DEFAULT_LIMITS, parse_budget, parse_limit
    from latprobe.cli import gate_summary

    limits = [parse_limit(text) for text in max_ or ()]
    budgets = [parse_budget(text) for text in budget or ()]
    _check(baseline, limits, budgets, save=save, markdown=markdown, as_json=as_json)
    if is_usual := baseline is not None and not limits and not budgets:
        limits = list(DEFAULT_LIMITS)
    found = _judged(baseline, after, service, home, (limits, budgets), save)
    if found is None:
        return
    gate_summary.write(found, markdown=markdown, as_json=as_json)
    # What was asked for by name and not measured is not told either.
    is_unclear = found.is_unclear or (not is_usual and bool(found.unmeasured))
    if found.has_failed or (is_unclear and on_unclear is OnUnclear.FAIL):
        raise typer.Exit(FAILED)


def _check(
    baseline: str | None,
    limits: list[Limit],
    budgets: list[Budget],
    *,
    save: Path | None,
    markdown: str | None,
    as_json: bool,
) -> None:
    """Raises UsageError for options that make no sense together."""
    from latprobe.errors import UsageError

    if baseline is None and limits:
        raise UsageError("--max compares with something: name it with --baseline X.")
    if baseline is None and not budgets and save is None:
        raise UsageError("Say what to check: --baseline X, --budget p95_ms=800, or --save FILE.")
    if markdown == "-" and as_json:
        raise UsageError("--json and --markdown - both write to stdout; give --markdown a file.")
    if len({(each.stage, each.metric) for each in limits}) < len(limits):
        raise UsageError("Two --max are of the same figure; leave one of them out.")


def _judged(
    baseline: str | None,
    after: str | None,
    service: str | None,
    home: Path | None,
    allowed: tuple[list[Limit], list[Budget]],
    save: Path | None,
) -> Gate | None:
    """The gate; None if a baseline was only to be saved."""
    from latprobe.analysis.compare.gate import judge
    from latprobe.cli import figures, messages
    from latprobe.cli.baseline_file import save_baseline
    from latprobe.cli.compared_sides import check_differ, resolve_after, resolve_sides
    from latprobe.cli.open_store import open_store

    with open_store(home) as store:
        with messages.working("Comparing"):
            first = None
            if baseline is None:
                second = resolve_after(store.query, after, service=service)
            else:
                first, second = resolve_sides(
                    store.query, baseline, after, service=service, option="--baseline"
                )
            before = None if first is None else first.measure(store.query)
            measured = second.measure(store.query)
        if first is not None and before is not None:
            check_differ((first, second), before, measured)
        if save is not None:
            save_baseline(measured, save)
            count = figures.many(measured.requests, "request")
            messages.say(f"{count} of {second.label} saved to {save}.")
        if baseline is None and not allowed[1]:
            return None
        return judge(before, measured, *allowed)
