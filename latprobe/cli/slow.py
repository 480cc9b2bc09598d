"""`latprobe slow`: what slow requests have in common, and when stages changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from latprobe.cli import figures, options

if TYPE_CHECKING:
    from latprobe.analysis.change_points import Change, Changes
    from latprobe.analysis.cohorts import Finding, SlowFast


def add_to(app: typer.Typer) -> None:
    app.command("slow")(slow)


def slow(
    stage: Annotated[
        str | None,
        typer.Option(metavar="STAGE", help="Compare the runs of this stage, not whole requests."),
    ] = None,
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Show what the slowest 5 % have in common, and when stages became slower or faster."""
    from dataclasses import replace

    from latprobe.analysis.change_points import find_changes
    from latprobe.analysis.cohorts import slow_against_fast
    from latprobe.cli import messages, output
    from latprobe.cli.open_store import open_store

    filters = options.Filters(service, run, since, until)
    filters.check()
    with open_store(home) as store:
        scope = filters.scope(store.query)
        with messages.working("Comparing slow with fast"):
            found = slow_against_fast(store.query, scope, stage=stage)
        with messages.working("Looking for changes"):
            changes = find_changes(store.query, replace(scope, stage=stage))
    if as_json:
        output.data({"slow_against_fast": found.to_json(), **changes.to_json()})
    else:
        _print_findings(found)
        output.line()
        _print_changes(changes)


def _print_findings(found: SlowFast) -> None:
    from latprobe.cli import output
    from latprobe.cli.output import Column

    if found.refused is not None:
        output.line(found.refused)
        return
    what = "requests" if found.stage is None else f"runs of {found.stage}"
    slow = f"{figures.count(found.slow)} of {figures.count(found.requests)} {what}"
    from_ms = f"{figures.ms(found.threshold_ms)} and more (median {figures.ms(found.median_ms)})"
    if not found.findings:
        output.line(f"Nothing separates the slow from the rest: {slow} took {from_ms}.")
        output.line(f"{figures.many(len(found.tried), 'attribute')} tried.", style="dim")
        return
    output.line(f"{slow} took {from_ms}. What goes with it:", style="bold")
    output.line()
    columns = (
        Column("Attribute", "left", shorten=True), Column("Among slow"), Column("Among the rest"),
        Column("Latency"), Column("95 %"), Column("q", give_up=2),
        Column("Goes with", "left", shorten=True, give_up=1),
    )  # fmt: skip
    output.table(columns, [_row(each) for each in found.findings])
    for note in found.notes:
        output.line(note, style="dim")


def _row(each: Finding) -> list[str]:
    if each.is_share:
        among = figures.percent(each.slow_share), figures.percent(each.rest_share)
    else:
        among = _number(each.slow_median), _number(each.rest_median)
    ci = each.ratio_ci95
    return [
        each.name,
        *among,
        figures.UNMEASURED if each.latency_ratio is None else f"x {each.latency_ratio:.2f}",
        figures.UNMEASURED if ci is None else f"{ci.low:.2f}-{ci.high:.2f}",
        f"{each.q_value:.4f}",
        each.goes_with or "",
    ]


def _number(value: float | None) -> str:
    if value is None:
        return figures.UNMEASURED
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _print_changes(found: Changes) -> None:
    from latprobe.cli import output

    if found.refused is not None:
        output.line(found.refused)
    elif not found.changes:
        output.line(f"No stage changed for good ({figures.count(found.tried)} series looked at).")
    for change in found.changes:
        for line in change_lines(change):
            output.line(line)


def change_lines(change: Change) -> list[str]:
    """The change in a sentence, and what began with it."""
    before, after = (
        (change.before_p50_ms, change.after_p50_ms)
        if change.metric == "p50"
        else (change.before_p95_ms, change.after_p95_ms)
    )
    ci = change.ratio_ci95
    sure = "" if ci is None else f" (95 %: {ci.low:.2f}-{ci.high:.2f})"
    until = "" if change.until_ns is None else f" until {figures.local_time(change.until_ns)}"
    lines = [
        f"{change.label}: {change.metric} {figures.ms(before)} -> {figures.ms(after)}, "
        f"x {change.ratio:.2f}{sure}, from {figures.local_time(change.at_ns)}{until}"
    ]
    if change.run_id is not None:
        named = [f"version {change.version}"] if change.version else []
        named += [f"commit {change.git_commit[:12]}"] if change.git_commit else []
        lines.append(f"  began with run {change.run_id}{', ' if named else ''}{', '.join(named)}")
    if change.also:
        lines.append(f"  at the same time: {', '.join(change.also)}")
    return lines
