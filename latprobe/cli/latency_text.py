"""Latency models as text: one line each, then what has to be known of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from latprobe.analysis.latency_model.figures import in_ms, shown
from latprobe.analysis.refusal import Refusal
from latprobe.cli import figures, output
from latprobe.cli.output import Column
from latprobe.cli.prompts_text import ID_DIGITS

if TYPE_CHECKING:
    from latprobe.analysis.intervals import Estimate
    from latprobe.analysis.latency_model.model import LatencyModel
    from latprobe.analysis.latency_model.part import Term
    from latprobe.analysis.latency_model.stored_models import StoredModel

NO_EFFECT = "no effect"
UNKNOWN = "?"


def print_models(models: Sequence[StoredModel]) -> None:
    """The table, then each model's notes and reasons under its number."""
    columns = [
        Column("#"),
        Column("Model", "left", shorten=True),
        Column("Template", "left", shorten=True, give_up=1),
        Column("Replica", "left", shorten=True, give_up=3),
        Column("Calls"),
        Column("Constant", give_up=2),
        Column("1k input tokens"),
        Column("Output token"),
        Column("Skill", give_up=4),
    ]
    output.table(columns, [_cells(number, one) for number, one in enumerate(models, 1)])
    for number, one in enumerate(models, 1):
        for sentence in _sentences(one):
            output.line(f"#{number}: {sentence}")
    output.line(
        "Intervals are 95 %, by block bootstrap. Skill: error saved on held-out calls against one "
        "constant. These are associations in your recorded calls, not experiments."
    )


def _cells(number: int, one: StoredModel) -> list[str]:
    template = one.template_name or (one.template_id or figures.UNMEASURED)[:ID_DIGITS]
    head = [
        str(number),
        one.model or figures.UNMEASURED,
        template,
        one.replica or figures.UNMEASURED,
        figures.count(one.calls),
    ]
    if isinstance(one.found, Refusal):
        return [*head, *[figures.UNMEASURED] * 4]
    return [
        *head,
        _with_interval(in_ms(one.found.constant_ns)),
        _slope(one.found, "input"),
        _slope(one.found, "output"),
        figures.percent(one.found.skill),
    ]


def _slope(model: LatencyModel, term: Term) -> str:
    slope = model.slope(term)
    if slope is None or slope.finding == "unknown":
        return UNKNOWN
    estimate = shown(slope)
    if slope.finding == "does_not_matter" or estimate is None:
        return NO_EFFECT
    return _with_interval(estimate)


def _with_interval(estimate: Estimate) -> str:
    interval = estimate.interval
    if interval is None:
        return f"{estimate.value:,.3g} ms"
    return f"{estimate.value:,.3g} ms [{interval.low:,.3g}, {interval.high:,.3g}]"


def _sentences(one: StoredModel) -> list[str]:
    if isinstance(one.found, Refusal):
        return [one.found.reason]
    reasons = [slope.reason for slope in one.found.slopes if slope.reason]
    return [*one.found.notes, *reasons]
