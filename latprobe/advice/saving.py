"""What a prediction, or a number of tokens, saves."""

from __future__ import annotations

from dataclasses import replace

from latprobe.advice.context import Context
from latprobe.advice.suggestion import Gain, Saving
from latprobe.analysis.whatif import Change, Percentile, Prediction


def predicted(context: Context, *changes: Change) -> Saving | str:
    """What the changes save by the recorded requests; the reason where that was refused."""
    prediction = context.predict(*changes)
    return prediction.refused or saving_of(prediction)


def saving_of(prediction: Prediction) -> Saving:
    """The latency a prediction takes off; its interval is that of what a re-run would measure."""
    return Saving(
        basis=prediction.basis, p50_ms=_gain(prediction.p50), p95_ms=_gain(prediction.p95)
    )


def _gain(figure: Percentile) -> Gain | None:
    if figure.before_ms is None or figure.after_ms is None:
        return None
    value, interval = figure.before_ms - figure.after_ms, figure.ci95_ms
    if interval is None:
        return Gain(value)
    return Gain(value, figure.before_ms - interval.high, figure.before_ms - interval.low)


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
