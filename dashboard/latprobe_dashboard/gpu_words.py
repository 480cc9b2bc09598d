"""What is said of a GPU's figures: the answer, and why a figure is missing."""

from __future__ import annotations

from latprobe.analysis.gpu.attribution import Attributed
from latprobe.analysis.gpu.stages import GpuReport, GpuStage
from latprobe_dashboard import quantities, shown_text
from latprobe_dashboard.gpu_queries import SM, UTILIZATION, Card

TOO_FEW, NOT_RECORDED = "too few readings", "not recorded"
# Utilisation so far above SM activity is worth a sentence: the usual gauge looks busy.
MISLEADING = 20.0


def short_id(uuid: str) -> str:
    """An id's first letters, as `nvidia-smi -L` users know it; a place in a list is one already,
    without the long name of a host that an import put before it."""
    plain = uuid.removeprefix("MIG-").removeprefix("GPU-")
    if len(plain) > 12:
        plain = plain.rpartition("/")[2] if "/" in plain else plain.partition("-")[0][:12]
    return shown_text.line(plain)


def percent(value: float | None) -> str:
    """A percent as counters give it, 0..100."""
    return quantities.share(None if value is None else value / 100)


def power(value_mw: float | None) -> str:
    """A draw in W."""
    if value_mw is None:
        return quantities.NOT_MEASURED
    return f"{quantities.significant(value_mw / 1000)} W"


def energy(value_mj: float | None) -> str:
    """An energy in the unit that suits it, mJ to kWh."""
    if value_mj is None:
        return quantities.NOT_MEASURED
    for size, unit in ((3.6e9, "kWh"), (1e6, "kJ"), (1e3, "J")):
        if abs(value_mj) >= size:
            return f"{quantities.significant(value_mj / size)} {unit}"
    return f"{quantities.significant(value_mj)} mJ"


def interval(found: Attributed, scale: float = 1.0) -> str:
    """The 95 % interval in the figure's unit; nothing where there is none."""
    if found.value is None or found.low is None or found.high is None:
        return ""
    low, high = found.low * scale, found.high * scale
    return f"{_short(low)}\u2013{_short(high)}"  # an en dash


def missing(found: Attributed) -> str:
    """In two or three words why there is no figure; nothing where there is one."""
    if found.value is not None:
        return ""
    if found.twins:
        return f"not apart from {', '.join(shown_text.line(name, 24) for name in found.twins)}"
    reason = found.reason or ""
    if reason == NOT_RECORDED:
        return NOT_RECORDED
    if "it takes" in reason:
        return TOO_FEW
    if reason.startswith("too little"):
        return "too short"
    if reason.startswith("the stages explain"):
        return "not explained"
    return "too uncertain" if "allow anything" in reason else shown_text.line(reason, 40)


def explained(found: Attributed) -> str:
    """The whole story of a figure, for a hint."""
    if found.value is None:
        words = found.reason or "not known"
        if found.together is not None:
            value, low, high = found.together
            words += f"; together {value:.0f} ({low:.0f}\u2013{high:.0f})"
        return shown_text.line(quantities.typeset(words[:1].upper() + words[1:] + "."), 400)
    span = interval(found)
    return f"95 % interval {span}, from {found.windows:,} readings; attributed" if span else ""


def answer(report: GpuReport, stages: list[GpuStage], card: Card) -> list[str]:
    """The page's answer as HTML: what the stage with most own time does, then the card."""
    if not stages:
        return [f"Nothing could be attributed to stages: {_notes(report)}"]
    first = stages[0]
    own = [stage.own_ms * stage.program_requests for stage in stages]
    share = quantities.share(own[0] / sum(own)) if sum(own) else quantities.NOT_MEASURED
    name = f"<b>{shown_text.markup(first.name)}</b>"
    if first.verdict is None:
        why = _sentence(first.sentence) if first.sentence else _why_unsure(first)
        words = [f"{name} is <b>{share}</b> of the time; what limits it is not certain. {why}"]
    else:
        words = [f"{name} is <b>{share}</b> of the time and <b>{first.verdict}</b>."]
        words.append(_sentence(first.sentence) if first.sentence else "")
        if TOO_FEW in (missing(first.sm_active_pct), missing(first.utilization_pct)):
            words.append(_why_unsure(first))
    words.append(_contrast(card))
    return words


def _sentence(words: str) -> str:
    return shown_text.markup(quantities.typeset(words), 300)


def _why_unsure(stage: GpuStage) -> str:
    found = stage.utilization_pct if stage.sm_active_pct.windows == 0 else stage.sm_active_pct
    reason = found.reason
    if missing(found) == TOO_FEW:
        return f"There are {shown_text.markup(reason, 200)}: record more requests."
    return f"Its SM activity: {shown_text.markup(reason, 200)}." if reason else ""


def _contrast(card: Card) -> str:
    sm, gauge = card.metrics.get(SM), card.metrics.get(UTILIZATION)
    if sm is None or gauge is None or gauge.mean - sm.mean < MISLEADING:
        return ""
    return (
        f"The usual gauge says {percent(gauge.mean)} busy: some kernel ran. "
        f"The multiprocessors were active <b>{percent(sm.mean)}</b>."
    )


def _notes(report: GpuReport) -> str:
    return shown_text.markup(" ".join(report.notes) or "too few readings.", 400)


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 9.95 else f"{value:.1f}"
