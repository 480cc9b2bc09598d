"""The load report as text: a table of stages, then what each stage's load means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from latprobe.analysis.load.batch_effect import BatchEffect
from latprobe.analysis.load.imbalance import Imbalance
from latprobe.analysis.refusal import Refusal
from latprobe.cli import figures, output
from latprobe.cli.output import Column

if TYPE_CHECKING:
    from latprobe.analysis.intervals import Estimate
    from latprobe.analysis.load.report import LoadReport, ReplicaLoad, StageLoad

# Stages that the text tells more about; --stage and --json tell all.
MAX_TOLD = 8


def print_load(report: LoadReport, *, is_detailed: bool = False) -> None:
    """Prints the report; with `is_detailed` also why something is not known."""
    output.line(_headline(report), style="bold")
    output.line()
    _print_stages(report)
    for stage in report.stages[:MAX_TOLD]:
        told = list(_sentences(stage, is_detailed=is_detailed))
        if not told:
            continue
        output.line()
        output.line(stage.name, style="bold")
        for sentence in told:
            output.line(f"  {sentence}")
        if stage.replicas:
            _print_replicas(stage.replicas)
        if isinstance(stage.batch, BatchEffect):
            _print_sizes(stage.batch)
    for note in _notes(report):
        output.line()
        output.line(note, style="dim")


def _headline(report: LoadReport) -> str:
    if report.refused is not None:
        return report.refused
    full = [stage for stage in report.stages if stage.capacity is not None]
    if not full:
        busy = report.busy
        return (
            f"No stage shows a queue: {busy.mean_running:.1f} requests at once on average, "
            f"{busy.max_running} at most."
        )
    first = max(full, key=lambda stage: stage.capacity.utilisation.value if stage.capacity else 0.0)
    assert first.capacity is not None
    used, servers = first.capacity.utilisation.value, first.capacity.servers
    return (
        f"{first.name} saturates first: {figures.many(servers, 'server')} "
        f"{figures.percent(used)} busy."
    )


def _print_stages(report: LoadReport) -> None:
    columns = (
        Column("Stage", "left", shorten=True),
        Column("Runs/s"),
        Column("At once"),
        Column("Most"),
        Column("Servers"),
        Column("Busy"),
        Column("Waits p50", give_up=2),
        Column("Waits p95", give_up=1),
        Column("Takes up to", give_up=3),
    )
    # Where no stage has a queue, nothing is known of servers.
    output.known_table(columns, [_row(stage) for stage in report.stages])


def _row(stage: StageLoad) -> list[str]:
    capacity, waits, busy = stage.capacity, stage.waits, stage.busy
    return [
        stage.name,
        rate(busy.rate_per_s),
        f"{busy.mean_running:.2f}",
        figures.count(busy.max_running),
        figures.UNMEASURED if capacity is None else figures.count(capacity.servers),
        figures.UNMEASURED if capacity is None else figures.percent(capacity.utilisation.value),
        figures.ms(None if waits is None else waits.p50_ms),
        figures.ms(None if waits is None else waits.p95_ms),
        figures.UNMEASURED if capacity is None else f"{rate(capacity.capacity_per_s.value)}/s",
    ]


def _sentences(stage: StageLoad, *, is_detailed: bool) -> Iterator[str]:
    if isinstance(stage.servers, Refusal):
        if is_detailed:
            yield stage.servers.reason
    elif stage.capacity is not None:
        yield from _capacity_sentences(stage)
    if stage.little is not None and not stage.little.is_steady:
        yield (
            "The load grew or shrank while it was recorded (Little's law does not hold: "
            f"{stage.little.present:.2f} there on average, "
            f"{stage.little.rate_per_s * stage.little.stay_ms / 1e3:.2f} by arrivals and stays)."
        )
    if isinstance(stage.imbalance, Imbalance) and stage.imbalance.is_found:
        yield (
            f"{stage.imbalance.busiest} does {stage.imbalance.ratio:.2f} times the work of the "
            f"average replica (chance gives this in {figures.percent(stage.imbalance.p_value)} of "
            "cases)."
        )
    elif isinstance(stage.imbalance, Refusal) and is_detailed:
        yield stage.imbalance.reason
    if isinstance(stage.batch, BatchEffect):
        yield _batch_sentence(stage.batch)
    elif isinstance(stage.batch, Refusal) and is_detailed:
        yield stage.batch.reason


def _capacity_sentences(stage: StageLoad) -> Iterator[str]:
    capacity = stage.capacity
    assert capacity is not None
    doubling = capacity.p95_doubles_per_s
    doubles = (
        ""
        if doubling is None
        else f"; waiting and running together double their p95 at {spread(doubling)}/s"
    )
    yield f"Saturated at {spread(capacity.capacity_per_s)} runs/s{doubles}."
    more = capacity.one_more
    if isinstance(more, Refusal):
        yield f"One server more: not predicted. {more.reason}"
        return
    yield (
        f"With {more.servers} servers: p50 {figures.ms(capacity.p50_ms)} -> "
        f"{milliseconds(more.p50_ms)}, p95 {figures.ms(capacity.p95_ms)} -> "
        f"{milliseconds(more.p95_ms)}, and up to {spread(more.capacity_per_s)} runs/s."
    )


def _batch_sentence(batch: BatchEffect) -> str:
    saved = batch.per_item_saved
    fills = "" if batch.fill_ms is None else f"; one fills in {figures.ms(batch.fill_ms)}"
    if saved.interval is None or saved.interval.low <= 0:
        return f"Larger batches are not seen to make an item cheaper{fills}."
    low, high = figures.percent(saved.interval.low), figures.percent(saved.interval.high)
    return (
        f"In batches of {batch.largest_size} an item takes {figures.percent(saved.value)} less "
        f"({low} to {high}) than in batches of {batch.usual_size}{fills}."
    )


def _print_replicas(replicas: tuple[ReplicaLoad, ...]) -> None:
    columns = (
        Column("  Replica", "left", shorten=True),
        Column("Runs"),
        Column("At once"),
        Column("Most"),
        Column("Any running"),
        Column("Servers"),
        Column("Busy"),
    )
    output.table(
        columns,
        [
            [
                f"  {each.name}",
                figures.count(each.busy.runs),
                f"{each.busy.mean_running:.2f}",
                figures.count(each.busy.max_running),
                figures.percent(each.busy.occupied_share),
                figures.count(each.servers),
                figures.percent(each.utilisation),
            ]
            for each in replicas
        ],
    )


def _print_sizes(batch: BatchEffect) -> None:
    columns = (Column("  Batch"), Column("Runs"), Column("p50"), Column("An item"))
    output.table(
        columns,
        [
            [
                f"  {each.size}",
                figures.count(each.calls),
                figures.ms(each.p50_ms),
                figures.ms(each.per_item_ms),
            ]
            for each in batch.sizes
        ],
    )


def _notes(report: LoadReport) -> Iterator[str]:
    told = next((stage.capacity for stage in report.stages if stage.capacity is not None), None)
    if told is not None:
        yield "Assumed: " + " ".join(told.assumptions)
    if report.requests < report.all_requests:
        yield (
            f"From the latest {figures.count(report.requests)} of "
            f"{figures.many(report.all_requests, 'request')}."
        )


def rate(value: float | None) -> str:
    """Runs a second, three digits."""
    if value is None:
        return figures.UNMEASURED
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def spread(found: Estimate) -> str:
    """A rate with its interval."""
    if found.interval is None:
        return rate(found.value)
    return f"{rate(found.value)} ({rate(found.interval.low)} to {rate(found.interval.high)})"


def milliseconds(found: Estimate) -> str:
    """A duration in ms with its interval."""
    if found.interval is None:
        return figures.ms(found.value)
    low, high = figures.ms(found.interval.low), figures.ms(found.interval.high)
    return f"{figures.ms(found.value)} ({low} to {high})"
