"""What a prediction, or a number of tokens, saves."""

from __future__ import annotations

from dataclasses import replace

from latprobe.advice.context import Context
from latprobe.advice.suggestion import Gain, Saving, Suggestion, not_enough
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.whatif import Change, Percentile, Prediction


def predicted(context: Context, *changes: Change) -> Saving | str:
    """What the changes save by the recorded requests; the reason where that was refused."""
    prediction = context.predict(*changes)
    return prediction.refused or saving_of(prediction)


def saving_of(prediction: Prediction) -> Saving:
    """The latency a prediction takes off; its interval is that of what a re-run would measure."""
    # Where requests wait in line the same ones never meet again, so there is no pair to compare.
    is_paired = prediction.basis != "queue"
    return Saving(
        basis=prediction.basis,
        p50_ms=_gain(prediction.p50, is_paired=is_paired),
        p95_ms=_gain(prediction.p95, is_paired=is_paired),
    )


def _gain(figure: Percentile, *, is_paired: bool) -> Gain | None:
    if figure.before_ms is None or figure.after_ms is None:
        return None
    value, interval = figure.before_ms - figure.after_ms, figure.ci95_ms
    if interval is None:
        return Gain(value)
    return Gain(
        value,
        figure.before_ms - interval.high,
        figure.before_ms - interval.low,
        figure.saved_low_ms if is_paired else None,
    )


def with_tokens(
    saving: Saving,
    *,
    input_tokens: float | None = None,
    output_tokens: float | None = None,
    cost_usd_per_1000: Gain | None = None,
    is_estimated: bool = False,
) -> Saving:
    """The same saving with the tokens and the cost that the change takes off a request."""
    return replace(
        saving,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost_usd_per_1000=cost_usd_per_1000,
        tokens_estimated=is_estimated,
    )


def with_saving(suggestion: Suggestion, saving: Saving | str) -> Suggestion:
    """The suggestion with what it saves; "not enough data" where `saving` says why nobody knows."""
    if isinstance(saving, str):
        return not_enough(
            rule=suggestion.rule,
            subject=suggestion.subject,
            title=suggestion.title,
            refusal=Refusal(saving),
            evidence=suggestion.evidence,
            stage=suggestion.stage,
        )
    return replace(suggestion, saving=saving)
