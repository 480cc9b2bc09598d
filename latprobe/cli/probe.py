"""`latprobe probe`: what the randomised delay of a stage did to the requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from latprobe.cli import options

if TYPE_CHECKING:
    from latprobe.analysis.delay_effect import Effect, Experiment
    from latprobe.analysis.intervals import Estimate
    from latprobe.analysis.refusal import Refusal
    from latprobe.analysis.whatif import Prediction

    Predicted = tuple[Prediction | Refusal | None, float | None]


def add_to(app: typer.Typer) -> None:
    app.command("probe")(probe)


def probe(
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Show what a randomised delay (LATPROBE_DELAY=stage:20ms:10%) did, beside its prediction."""
    from latprobe.analysis.delay_effect import DelayEffect, delay_effects
    from latprobe.analysis.delay_prediction import predict_delay, share_on_path
    from latprobe.cli import messages, output
    from latprobe.cli.open_store import open_store
    from latprobe.errors import NoDataError

    filters = options.Filters(service, run, since, until)
    filters.check()
    found: list[tuple[Experiment, Predicted]] = []
    with open_store(home) as store:
        scope = filters.scope(store.query)
        with messages.working("Comparing the delayed requests"):
            for each in delay_effects(store.query, scope):
                told = each.found
                said = None
                if isinstance(told, DelayEffect):
                    said = predict_delay(store.query, told, scope)
                share = share_on_path(store.query, each.stage, each.request, scope)
                found.append((each, (said, share)))
        if not found:
            raise NoDataError(
                "No delayed request is recorded here. Run your program with "
                "LATPROBE_DELAY=stage:20ms:10% set, the stage's name in it."
            )
    if as_json:
        output.data({"experiments": [_to_json(*each) for each in found]})
    else:
        for experiment, expected in found:
            _print(experiment, expected)


def _print(experiment: Experiment, expected: Predicted) -> None:
    from latprobe.analysis.refusal import Refusal
    from latprobe.cli import figures, output

    found, (predicted, share) = experiment.found, expected
    title = f"{experiment.stage} in {experiment.request}"
    if isinstance(found, Refusal):
        output.line(title, style="bold")
        output.line(f"  {found.reason}")
        return
    output.line(
        f"{title}: {figures.ms(found.delay_ms)} more on {figures.many(found.delayed, 'request')}, "
        f"compared with {figures.count(found.others)} others",
        style="bold",
    )
    output.line(f"  p50 {_measured(found.p50)}{_predicted(predicted, 'p50')}")
    if isinstance(found.p95, Refusal):
        output.line(f"  p95: {found.p95.reason}")
    else:
        output.line(f"  p95 {_measured(found.p95)}{_predicted(predicted, 'p95')}")
    output.line(f"  Chance alone gives such a p50 in {figures.percent(found.p_value)} of shuffles.")
    if share is not None:
        output.line(
            f"  It lies on the critical path of {figures.percent(share)} of them: so much of a "
            "small delay is expected to reach their end."
        )
    if isinstance(predicted, Refusal):
        output.line(f"  Not replayed: {predicted.reason}")
    for note in found.notes:
        output.line(f"  {note}", style="dim")


def _measured(found: Effect) -> str:
    share = found.criticality
    return f"{_signed(found.effect_ms)}: {share.value:.0%} of the delay{_between(share)}"


def _between(share: Estimate) -> str:
    if share.interval is None:
        return ""
    return f" ({share.interval.low:.0%} to {share.interval.high:.0%})"


def _signed(found: Estimate) -> str:
    if found.interval is None:
        return f"{found.value:+.1f} ms"
    return (
        f"{found.value:+.1f} ms ({found.interval.low:+.1f} to {found.interval.high:+.1f}) measured"
    )


def _predicted(predicted: Prediction | Refusal | None, name: str) -> str:
    from latprobe.analysis.whatif import Prediction

    if not isinstance(predicted, Prediction):
        return ""
    percentile = getattr(predicted, name)
    if percentile.before_ms is None or percentile.after_ms is None:
        return ""
    return f"; {percentile.after_ms - percentile.before_ms:+.1f} ms predicted by replay"


def _to_json(experiment: Experiment, expected: Predicted) -> dict[str, object]:
    from latprobe.analysis.refusal import Refusal

    found, (predicted, share) = experiment.found, expected
    names: dict[str, object] = {"stage": experiment.stage, "request": experiment.request}
    if isinstance(found, Refusal):
        return {**names, "refused": found.reason}
    return {
        **names,
        "refused": None,
        "delayed": found.delayed,
        "others": found.others,
        "delay_ms": found.delay_ms,
        "p50": _effect_json(found.p50),
        "p95": _effect_json(found.p95),
        "p_value": found.p_value,
        "share_on_critical_path": share,
        "predicted": {"refused": predicted.reason}
        if isinstance(predicted, Refusal)
        else None
        if predicted is None
        else predicted.to_json(),
        "notes": list(found.notes),
    }


def _effect_json(found: Effect | Refusal) -> dict[str, object]:
    from latprobe.analysis.refusal import Refusal

    if isinstance(found, Refusal):
        return {"refused": found.reason}
    return {
        "refused": None,
        "effect_ms": _estimate(found.effect_ms),
        "criticality": _estimate(found.criticality),
    }


def _estimate(found: Estimate) -> dict[str, object]:
    interval = found.interval
    return {"value": found.value, "ci95": None if interval is None else interval.to_json()}
