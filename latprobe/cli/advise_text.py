"""Advice as text: a card a suggestion, then what could not be told and what not to do."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from latprobe.advice.gain_range import between
from latprobe.cli import figures, output

if TYPE_CHECKING:
    from latprobe.advice.answer import Advice, Combined, Ranked
    from latprobe.advice.applied import Applied
    from latprobe.advice.suggestion import Evidence, Saving, Suggestion

_BASIS = {
    "replay": "recorded requests replayed",
    "queue": "recorded requests replayed with their queues",
    "latency_model": "from the calls' latency by tokens",
    "simulation": "simulated on the recorded calls",
    "bound": "at most this much",
}


def print_advice(
    found: Advice,
    *,
    top: int,
    applied: Mapping[str, Applied],
    is_all: bool = False,
    service: str | None = None,
) -> None:
    """Prints the whole answer; `applied` are the marks by their suggestions' ids, and `is_all`
    has the small ones printed too. `service`: the one that was asked about, if any."""
    only = "" if service is None else f" --service {shlex.quote(service)}"
    output.line(headline(found), style="bold")
    if not found.ranked and found.dominant is not None:
        output.line(found.dominant.words)
    elif found.beside:
        output.line(found.beside)
    both = (*found.ranked, *found.little)
    places = {each.suggestion.id: place for place, each in enumerate(both, 1)}
    for each in found.ranked[:top]:
        output.line()
        _print_card(each, places, applied.get(each.suggestion.id), only)
    if len(found.ranked) > top:
        output.line()
        output.line(f"{len(found.ranked) - top} more gain less: --top {len(found.ranked)}.")
    if found.combined is not None:
        output.line()
        output.line(together_line(found.combined, places, found))
    _print_others(found)
    if found.little:
        _print_little(found, places, applied, is_all=is_all, only=only)
    for note in found.notes:
        output.line(f"Note: {note}")


def _print_little(
    found: Advice,
    places: dict[str, int],
    applied: Mapping[str, Applied],
    *,
    is_all: bool,
    only: str,
) -> None:
    output.line()
    count = found.small
    if not is_all:
        output.line(f"{count} more would save under 2 %: --all shows {_them(count)}.", style="dim")
        return
    output.line(f"{count} more would save under 2 %:", style="bold")
    for each in found.little:
        output.line()
        _print_card(each, places, applied.get(each.suggestion.id), only)


def _them(count: int) -> str:
    return "it" if count == 1 else "them"


def headline(found: Advice) -> str:
    """How much there is to do, in how many requests."""
    requests = (
        f"{figures.many(found.requests, 'request')} "
        f"(p50 {figures.ms(found.p50_ms)}, p95 {figures.ms(found.p95_ms)})"
    )
    if found.refused is not None:
        return found.refused
    if not found.ranked and found.unclear:
        return f"Nothing to suggest yet for {requests}: what was seen needs more data."
    if not found.ranked:
        return f"Nothing to suggest for {requests}: no change was found that gains 2 % or more."
    return f"{figures.many(len(found.ranked), 'suggestion')} for {requests}, the best first."


def together_line(found: Combined, places: dict[str, int], advice: Advice) -> str:
    """What the best save when all are followed."""
    numbers = [str(places[each]) for each in found.ids]
    which = f"{', '.join(numbers[:-1])} and {numbers[-1]}"
    return (
        f"Together  {which} save {saving_line(found.saving)}: "
        f"p50 {figures.ms(advice.p50_ms)} -> {figures.ms(found.p50_after_ms)}, "
        f"p95 {figures.ms(advice.p95_ms)} -> {figures.ms(found.p95_after_ms)}."
    )


def saving_line(saving: Saving | None) -> str:
    """What is saved, latency first."""
    if saving is None:
        return "not known"
    parts = _latency(saving, is_more=False)
    mark = "~" if saving.tokens_estimated else ""
    for name, tokens in (("input", saving.input_tokens), ("output", saving.output_tokens)):
        if tokens and tokens > 0:
            parts.append(f"{mark}{_tokens(tokens)} {name} tokens a request")
    cost = saving.cost_usd_per_1000
    if cost is not None and cost.value > 0:
        parts.append(f"{figures.usd(cost.value)} per 1,000 requests")
    saved = " · ".join(parts)
    return "; ".join(each for each in (saved, _costs(saving)) if each) or "not known"


def _latency(saving: Saving, *, is_more: bool) -> list[str]:
    """What comes off latency with its range, or what comes on to it."""
    is_bound = saving.basis == "bound"
    parts = []
    for name, gain in (("p95", saving.p95_ms), ("p50", saving.p50_ms)):
        if gain is None or (is_bound and gain.value <= 0) or (gain.value < 0) is not is_more:
            continue
        # A bound is no prediction: no interval goes with it.
        sure = "" if is_bound else between(gain, figures.ms)
        more = " more" if is_more else ""
        parts.append(f"{figures.ms(abs(gain.value))}{more} of {name}" + (f" ({sure})" * bool(sure)))
    return parts


def _costs(saving: Saving) -> str:
    """What there is more of; "" where nothing is."""
    mark = "~" if saving.tokens_estimated else ""
    parts = _latency(saving, is_more=True)
    parts += [
        f"{mark}{_tokens(-tokens)} more {name} tokens a request"
        for name, tokens in (("input", saving.input_tokens), ("output", saving.output_tokens))
        if tokens and tokens < 0
    ]
    cost = saving.cost_usd_per_1000
    if cost is not None and cost.value < 0:
        parts.append(f"{figures.usd(-cost.value)} more per 1,000 requests")
    return f"it costs {' and '.join(parts)}" if parts else ""


def print_sample(suggestion: Suggestion) -> None:
    """Prints a recorded text and what it would become."""
    output.line(suggestion.title, style="bold")
    sample = suggestion.sample
    if sample is None:
        output.line("This suggestion is not about a text, or none was kept (docs/content.md).")
        return
    output.line(f"{sample.meaning}: {sample.check}")
    for name, text, tokens in (
        ("before", sample.before, sample.before_tokens),
        ("after", sample.after, sample.after_tokens),
    ):
        output.line()
        output.line(f"--- {name}, {figures.count(tokens)} tokens (this text)", style="bold")
        for line in text.splitlines():
            output.line(line)


def _print_card(ranked: Ranked, places: dict[str, int], mark: Applied | None, only: str) -> None:
    """One suggestion; `only` are the options that commands about it have to be given again."""
    each = ranked.suggestion
    output.line(f"{places[each.id]}. {each.title}", style="bold")
    basis = "" if each.saving is None else f" ({_BASIS[each.saving.basis]})"
    rows = [("Saves", saving_line(each.saving) + basis), ("Because", evidence_line(each.evidence))]
    rows += [("How" if n == 0 else "", line) for n, line in enumerate(each.how.splitlines())]
    if each.link is not None:
        rows.append(("", each.link))
    rows += [("Only if", text) for text in each.preconditions]
    rows.append(("Check", each.verify))
    if each.sample is not None:
        text = f"{each.sample.meaning}, {each.sample.check}"
        rows.append(("Meaning", f"{text} (see it: latprobe advise --before-after {each.id}{only})"))
    if ranked.overlaps:
        better = " and ".join(str(places[other]) for other in ranked.overlaps)
        left = figures.percent(ranked.left_share)
        rows.append(("Overlaps", f"with {better}: after that {left} of this saving is left"))
    if mark is None:
        rows.append(("Effort", f"{each.effort}. Once done: latprobe applied {each.id}{only}"))
    else:
        when = figures.local_time(mark.applied_ns)
        rows.append(("Applied", f"{when}. Measured against it: latprobe applied"))
    for name, text in rows:
        if text:
            output.line(f"   {name:<9}{text}")


def evidence_line(evidence: Sequence[Evidence]) -> str:
    """The figures that it rests on."""
    return " · ".join(f"{each.what} {_figure(each)}" for each in evidence)


def _print_others(found: Advice) -> None:
    lines = [("Not enough data", each) for each in found.unclear]
    lines += [("Don't", each) for each in found.dont]
    if lines or found.notes:
        output.line()
    for name, each in lines:
        output.line(f"{name}: {each.title.rstrip('.')}. {each.reason or ''}")


def _figure(evidence: Evidence) -> str:
    value, unit = evidence.value, evidence.unit
    if value is None:
        return figures.UNMEASURED
    if isinstance(value, str):
        return f"{value} {unit}".strip()
    if unit == "ms":
        return figures.ms(float(value))
    if unit == "share":
        return figures.percent(float(value))
    shown = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"{shown} {unit}".strip()


def _tokens(count: float) -> str:
    return f"{count:,.0f}" if count >= 10 else f"{count:.1f}"
