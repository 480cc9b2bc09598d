"""The stages on one GPU as a table; columns of which nothing is known are left out and named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from latprobe.analysis.gpu.attribution import Attributed
from latprobe.analysis.gpu.stages import GpuStage
from latprobe_dashboard import gpu_words, quantities, shown_text
from latprobe_dashboard.charts import rows
from latprobe_dashboard.theme import hue_of


@dataclass(frozen=True, slots=True)
class _Figure:
    """A column: how its cell is made, whether a stage has anything to show in it, or why not."""

    column: rows.Column
    cell: Callable[[GpuStage], rows.Cell]
    is_known: Callable[[GpuStage], bool]
    why: Callable[[GpuStage], str] = lambda stage: gpu_words.NOT_RECORDED


def table(
    stages: Sequence[GpuStage],
    modalities: Mapping[str, str | None],
    *,
    names: Sequence[str],
    selected: str | None,
    link: Callable[[str], str],
) -> tuple[list[rows.Column], list[rows.Row], dict[str, list[str]]]:
    """Columns, rows, and the labels of the columns left out by the reason. `names` tell the
    stages apart, `selected` is one of them."""
    shown = [each for each in _FIGURES if any(each.is_known(stage) for stage in stages)]
    left_out: dict[str, list[str]] = {}
    for each in _FIGURES:
        if stages and each not in shown:
            left_out.setdefault(each.why(stages[0]), []).append(each.column.label)
    top = max((stage.own_ms for stage in stages), default=0.0) or 1.0
    columns = [*_FIRST, *(each.column for each in shown)]
    body = [
        rows.Row(
            cells=(
                _name(stage, name, modalities),
                rows.Cell(stage.verdict or "not certain", hint=stage.sentence or ""),
                _own(stage, modalities, top),
                *(each.cell(stage) for each in shown),
            ),
            link=link(name),
            is_selected=name == selected,
        )
        for stage, name in zip(stages, names, strict=True)
    ]
    return columns, body, left_out


def _name(stage: GpuStage, name: str, modalities: Mapping[str, str | None]) -> rows.Cell:
    hue = hue_of(modalities.get(stage.name))
    return rows.Cell(shown_text.line(name), hue=hue, hint=f"{hue.label}, {stage.runs:,} runs")


def _own(stage: GpuStage, modalities: Mapping[str, str | None], top: float) -> rows.Cell:
    return rows.Cell(
        quantities.milliseconds(stage.own_ms),
        hue=hue_of(modalities.get(stage.name)),
        share=stage.own_ms / top,
        hint=f"own time per request, over {stage.requests:,} requests",
    )


def _attributed(found: Attributed, words: str, scale: float = 1.0) -> rows.Cell:
    if found.value is None:
        text = quantities.NOT_MEASURED
        note = gpu_words.missing(found)
        return rows.Cell(text, note=note, hint=gpu_words.explained(found), value=None)
    return rows.Cell(
        words,
        note=gpu_words.interval(found, scale),
        hint=gpu_words.explained(found),
        value=found.value * scale,
    )


def _says_something(found: Attributed) -> bool:
    return gpu_words.missing(found) not in (gpu_words.NOT_RECORDED, gpu_words.TOO_FEW)


def _kernels(stage: GpuStage) -> rows.Cell:
    kernels = stage.kernels
    if kernels is None:
        return rows.Cell(quantities.NOT_MEASURED)
    runs = quantities.counted(kernels.samples, "run")
    return rows.Cell(
        quantities.share(kernels.busy_share),
        note=f"{runs} profiled",
        hint=f"{kernels.kernels:,} kernels in {runs}; profiling took "
        f"{quantities.nanoseconds(kernels.cost_ns)}",
    )


_FIRST = (
    rows.Column("Stage"),
    rows.Column("Limited by", help="What the evidence bears out; click a row for it"),
    rows.Column("Own time", help="Per request, without the stages inside it", is_bar=True),
)


def _column(label: str, help_text: str) -> rows.Column:
    return rows.Column(label, help=help_text, is_number=True)


_PERCENTS = (
    ("SM active", "sm_active_pct", "Multiprocessors with work, 95 % interval below; attributed"),
    ("Tensor", "tensor_active_pct", "Tensor cores busy, 95 % interval below; attributed"),
    ("DRAM", "dram_active_pct", "Memory bandwidth in use, 95 % interval below; attributed"),
    (
        "Some kernel",
        "utilization_pct",
        "NVML utilisation: any kernel ran; attributed",
    ),
)


def _percent_figure(label: str, field: str, help_text: str) -> _Figure:
    def found(stage: GpuStage) -> Attributed:
        value: Attributed = getattr(stage, field)
        return value

    return _Figure(
        _column(label, help_text),
        lambda stage: _attributed(found(stage), gpu_words.percent(found(stage).value)),
        lambda stage: _says_something(found(stage)),
        lambda stage: gpu_words.missing(found(stage)),
    )


_FIGURES = (
    _Figure(
        _column("CPU", "CPU time of the stage's thread, as a share of its own time"),
        lambda stage: rows.figure(quantities.share, stage.cpu_share),
        lambda stage: stage.cpu_share is not None,
    ),
    *(_percent_figure(*each) for each in _PERCENTS),
    _Figure(
        _column("Power", "Draw of the card in this stage, idle draw included; attributed"),
        lambda stage: _attributed(stage.power_mw, gpu_words.power(stage.power_mw.value), 1e-3),
        lambda stage: _says_something(stage.power_mw),
        lambda stage: gpu_words.missing(stage.power_mw),
    ),
    _Figure(
        _column("Energy", "Per request: attributed power times own time, idle draw included"),
        lambda stage: rows.figure(gpu_words.energy, stage.energy_mj),
        lambda stage: stage.energy_mj is not None,
        lambda stage: gpu_words.missing(stage.power_mw) or gpu_words.NOT_RECORDED,
    ),
    _Figure(
        _column("Kernels busy", "Share of the time in which a kernel ran, in profiled runs"),
        _kernels,
        lambda stage: stage.kernels is not None,
    ),
)
