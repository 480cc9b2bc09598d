"""`latprobe gpu`: what each stage does to the GPU, and what limits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from latprobe.cli import figures, options

if TYPE_CHECKING:
    from collections.abc import Callable

    from latprobe.analysis.gpu.attribution import Attributed
    from latprobe.analysis.gpu.stages import GpuReport, GpuStage
    from latprobe.cli.output import Column


def add_to(app: typer.Typer) -> None:
    app.command("gpu")(gpu)


def gpu(
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Show what each stage does to the GPU: SM, tensor cores, DRAM, energy, and what limits it."""
    from dataclasses import asdict

    from latprobe.analysis.gpu.stages import gpu_report
    from latprobe.cli import messages, output
    from latprobe.cli.open_store import open_store
    from latprobe.errors import NoDataError

    filters = options.Filters(service, run, since, until)
    filters.check()
    with open_store(home) as store:
        scope = filters.scope(store.query)
        with messages.working("Attributing the GPU's counters"):
            found = gpu_report(store.query, scope)
        if not found.stages and not as_json:
            raise NoDataError(found.notes[0])
    if as_json:
        output.data(asdict(found))
    else:
        print_gpu(found)


def print_gpu(report: GpuReport) -> None:
    """Prints a table a device, the verdicts' sentences, and what is to be known of the figures."""
    from latprobe.cli import output

    for device in report.devices:
        rows = [row for row in report.stages if row.device == device]
        if not rows:
            continue
        output.line(_card(report, device), style="bold")
        output.line()
        columns = _columns(rows)
        output.table(
            [column for column, _ in columns], [[cell(row) for _, cell in columns] for row in rows]
        )
        output.line()
        for row in rows:
            if row.sentence is not None:
                output.line(f"{row.name}: {row.sentence}")
        for line in _untold(rows):
            output.line(line, style="dim")
    for note in report.notes:
        output.line(note)


def _columns(rows: list[GpuStage]) -> list[tuple[Column, Callable[[GpuStage], str]]]:
    from latprobe.cli.output import Column

    names = [row.name for row in rows]

    def label(row: GpuStage) -> str:
        return f"{row.name} ({row.service})" if names.count(row.name) > 1 else row.name

    columns: list[tuple[Column, Callable[[GpuStage], str]]] = [
        (Column("Stage", "left", shorten=True), label),
        (Column("Own/request"), lambda row: figures.ms(row.own_ms)),
        (Column("SM active %"), lambda row: interval(row.sm_active_pct)),
        (Column("Tensor %", give_up=2), lambda row: interval(row.tensor_active_pct)),
        (Column("DRAM %", give_up=1), lambda row: interval(row.dram_active_pct)),
        (Column("Kernels", give_up=3), _busy),
        (Column("Energy/request", give_up=4), _energy),
    ]
    if all(row.sm_active_pct.value is None for row in rows):
        columns.insert(2, (Column("Utilisation %"), lambda row: interval(row.utilization_pct)))
    columns.append((Column("Verdict", "left"), lambda row: row.verdict or "not certain"))
    return columns


def interval(found: Attributed) -> str:
    """ "84 (81-87)"; "-" where there is no figure."""
    if found.value is None or found.low is None or found.high is None:
        return figures.UNMEASURED
    return f"{found.value:.0f} ({found.low:.0f}-{found.high:.0f})"


def _busy(row: GpuStage) -> str:
    return figures.percent(None if row.kernels is None else row.kernels.busy_share)


def _energy(row: GpuStage) -> str:
    return figures.UNMEASURED if row.energy_mj is None else f"{row.energy_mj / 1000:.1f} J"


def _card(report: GpuReport, device: str) -> str:
    """Which card it is, whose requests ran on it, and how its time was spent."""
    use = report.card(device)
    if use is None:
        return device
    where = f" on {', '.join(use.hosts)}" if use.hosts else ""
    name = f"{use.model} {device}" if use.model else device
    parts = [
        f"{name}{where}",
        f"{figures.many(use.requests, 'request')} of {', '.join(use.services) or 'no service'}",
    ]
    if use.idle_share is not None:
        power = use.idle_power_mw
        drawn = "" if power is None else f" at about {power / 1000:.0f} W"
        active = f"{figures.ms(use.active_s * 1000)} of runs"
        parts.append(f"no request in {figures.percent(use.idle_share)} of {active}{drawn}")
    if use.starved_share is not None:
        parts.append(f"no kernel in {figures.percent(use.starved_share)} of the requests' time")
    return " · ".join(parts)


def _untold(rows: list[GpuStage]) -> list[str]:
    """Why a stage has no figure, each reason once, with what is known of several together."""
    lines: dict[str, None] = {}
    for row in rows:
        found = row.sm_active_pct if row.sm_active_pct.windows else row.utilization_pct
        if found.reason is None:
            continue
        together = ""
        if found.together is not None:
            value, low, high = found.together
            together = f"; together {value:.0f} ({low:.0f}-{high:.0f}) %"
        lines[f"{row.name}: {found.reason}{together}"] = None
    return list(lines)
