"""Where the GPU's time went: one bar from working to waiting, by what limits the stages."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from latprobe.analysis.gpu.stages import GpuReport, GpuStage
from latprobe_dashboard import quantities, shown_text
from latprobe_dashboard.charts.gpu_work import is_without_work

LABELLED_SHARE = 0.13
NAMED_STAGES = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to spend the GPU's time."""

    key: str
    label: str


WORKS = Kind("works", "works")
WAITS = Kind("waits", "waits for the host")
UNSURE = Kind("unsure", "not certain")
NOTHING = Kind("nothing", "has nothing to do")
NO_REQUEST = Kind("none", "no request ran")
_MEANS = dict.fromkeys(("compute-bound", "memory-bandwidth-bound", "throttled"), WORKS)
_MEANS |= dict.fromkeys(("host-bound", "launch-bound", "transfer-bound"), WAITS)


@dataclass(frozen=True, slots=True)
class Part:
    """A kind's share of the card's active time, and its stages."""

    kind: Kind
    share: float
    stages: tuple[str, ...]


def parts(report: GpuReport, stages: Sequence[GpuStage]) -> list[Part]:
    """The parts that are there, from working to waiting; empty when no time was measured."""
    whole = sum(_active_ms(stage) for stage in stages)
    use = report.card(stages[0].device) if stages else None
    if whole <= 0 or use is None:
        return []
    busy = 1.0 - (use.idle_share or 0.0)
    found = []
    for kind in (WORKS, WAITS, UNSURE, NOTHING):
        those = [stage for stage in stages if _kind(stage) is kind and stage.active_ms > 0]
        share = busy * sum(_active_ms(stage) for stage in those) / whole
        if share > 0.0005:
            found.append(Part(kind, share, tuple(stage.name for stage in those)))
    if use.idle_share:
        found.append(Part(NO_REQUEST, use.idle_share, ()))
    return found


def _active_ms(stage: GpuStage) -> float:
    """Over all requests of its program."""
    return stage.active_ms * stage.program_requests


def _kind(stage: GpuStage) -> Kind:
    if is_without_work(stage):
        return NOTHING
    return _MEANS.get(stage.verdict or "", UNSURE)


def mount(shown: Sequence[Part]) -> None:
    """Draws the bar and its legend."""
    if all(part.kind in (UNSURE, NO_REQUEST) for part in shown):
        return
    bar = "".join(_segment(part) for part in shown)
    legend = "".join(
        f'<span><i class="lp-gpu-{part.kind.key}"></i>{_words(part)}{_stages(part)}</span>'
        for part in shown
    )
    spoken = ", ".join(_words(part) for part in shown)
    st.html(
        f'<div class="lp-budget" role="img" aria-label="The GPU\'s time: {html.escape(spoken)}">'
        f'{bar}</div><div class="lp-legend">{legend}</div>'
    )


def _segment(part: Part) -> str:
    words = _words(part) if part.share >= LABELLED_SHARE else ""
    slim = "" if words else " lp-slim"
    return (
        f'<div class="lp-gpu-{part.kind.key}{slim}" style="flex:{part.share:.5f} 1 0" '
        f'title="{html.escape(_words(part))}">{words}</div>'
    )


def _words(part: Part) -> str:
    return f"{part.kind.label} {quantities.share(part.share)}"


def _stages(part: Part) -> str:
    if not part.stages:
        return ""
    names = ", ".join(shown_text.markup(name, 30) for name in part.stages[:NAMED_STAGES])
    more = len(part.stages) - NAMED_STAGES
    return f"<em>{names}{f' and {more} more' if more > 0 else ''}</em>"
