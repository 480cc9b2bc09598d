"""Suggestions that were followed, as text: what was predicted beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from latprobe.advice.no_change import allows_no_change, doubt
from latprobe.cli import figures, output
from latprobe.cli.output import Column

if TYPE_CHECKING:
    from latprobe.advice.applied import Applied
    from latprobe.advice.verify import Verified
    from latprobe.analysis.intervals import Estimate


def print_marked(marked: Sequence[Applied]) -> None:
    """What was kept, and what to do next."""
    for each in marked:
        output.line(f"{each.id}  {each.title}", style="bold")
    first = marked[0]
    all_of = "Together predicted" if len(marked) > 1 else "Predicted"
    if first.p50_after_ms is None:
        output.line(
            f"No latency is predicted for {'them' if len(marked) > 1 else 'it'}; before the change "
            f"it was p50 {figures.ms(first.p50_before_ms)}, p95 {figures.ms(first.p95_before_ms)}."
        )
    else:
        output.line(
            f"{all_of}: p50 {figures.ms(first.p50_before_ms)} -> {figures.ms(first.p50_after_ms)}"
            f"{_from_to(first.p50_low_ms, first.p50_high_ms)}, "
            f"p95 {figures.ms(first.p95_before_ms)} -> {figures.ms(first.p95_after_ms)}"
            f"{_from_to(first.p95_low_ms, first.p95_high_ms)}."
        )
    if allows_no_change(first):
        output.line(doubt(first))
    if first.note:
        output.line(first.note)
    against = "the requests before" if first.p50_after_ms is None else "this prediction"
    output.line(
        f"Requests from now on are measured against {against}: run it, then `latprobe applied`."
    )


def print_verified(found: Sequence[Verified]) -> None:
    """Each mark, those that were followed together once."""
    if not found:
        output.line("No suggestion is marked as applied. Mark one with: latprobe applied ID")
        return
    shown: set[str] = set()
    for each in found:
        if each.applied.id in shown:
            continue
        same = {each.applied.id, *each.applied.together}
        members = [one for one in found if one.applied.id in same]
        if shown:
            output.line()
        shown |= {one.applied.id for one in members}
        _print_group(members)


def _print_group(members: Sequence[Verified]) -> None:
    each = members[0]
    for one in members:
        output.line(f"{one.applied.id}  {one.applied.title}", style="bold")
    when = figures.local_time(each.applied.applied_ns)
    whole = "applied together" if len(members) > 1 else "applied"
    output.line(f"{whole} {when} · {each.verdict}")
    output.table(
        [Column("", "left"), Column("Before"), Column("Predicted"), Column("95 %"),
         Column("Measured"), Column("95 %")],
        _rows(each),
    )  # fmt: skip
    output.line(
        f"Measured on {figures.many(each.after.requests, 'request')} since, "
        f"predicted from {figures.count(each.applied.requests)}."
    )
    for note in (each.doubt, each.applied.note, *each.meanwhile):
        if note:
            output.line(note)


def _rows(each: Verified) -> list[list[str]]:
    mark, before, after = each.applied, each.before, each.after
    rows = [
        ["p50", figures.ms(mark.p50_before_ms), figures.ms(mark.p50_after_ms),
         _interval(mark.p50_low_ms, mark.p50_high_ms), *_measured(after.p50_ms)],
        ["p95", figures.ms(mark.p95_before_ms), figures.ms(mark.p95_after_ms),
         _interval(mark.p95_low_ms, mark.p95_high_ms), *_measured(after.p95_ms)],
    ]  # fmt: skip
    if each.like_for_like is not None:
        alike = each.like_for_like
        rows.insert(1, ["p50, like for like", *rows[0][1:4], *_measured(alike.p50_ms)])
        rows.append(["p95, like for like", *rows[2][1:4], *_measured(alike.p95_ms)])
    for name, count, predicted, saved in (
        ("input tokens", before.input_tokens, mark.input_tokens_saved, each.input_tokens_saved),
        ("output tokens", before.output_tokens, mark.output_tokens_saved, each.output_tokens_saved),
    ):
        if count is None or (predicted is None and saved is None):
            continue
        measured = None if saved is None else count - saved.value
        interval = None if saved is None else saved.interval
        rows.append(
            [
                f"{name} a request, mean",
                figures.count(count),
                figures.count(None if predicted is None else count - predicted),
                "",
                figures.count(measured),
                ""
                if interval is None
                else f"{count - interval.high:,.0f} to {count - interval.low:,.0f}",
            ]
        )
    return rows


def _measured(each: Estimate | None) -> tuple[str, str]:
    if each is None:
        return figures.UNMEASURED, ""
    interval = each.interval
    return figures.ms(each.value), _interval(
        None if interval is None else interval.low, None if interval is None else interval.high
    )


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{figures.ms(low)} to {figures.ms(high)}"


def _from_to(low: float | None, high: float | None) -> str:
    return f" ({_interval(low, high)})" if low is not None else ""
