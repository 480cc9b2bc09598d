"""Latency models as JSON: milliseconds, per 1,000 input tokens and per output token."""

from __future__ import annotations

from latprobe.analysis.intervals import Estimate
from latprobe.analysis.latency_model.model import LatencyModel
from latprobe.analysis.latency_model.part import Term
from latprobe.analysis.latency_model.slopes import Slope
from latprobe.analysis.latency_model.stored_models import StoredModel
from latprobe.analysis.refusal import Refusal

_NS_PER_MS = 1e6
# Input tokens cost so little each that they are shown by the thousand.
_SHOWN_TOKENS: dict[Term, int] = {"input": 1000, "output": 1, "new_lengths": 1}
_KEYS: dict[Term, str] = {
    "input": "ms_per_1k_input_tokens",
    "output": "ms_per_output_token",
    "new_lengths": "ms_per_new_length",
}


def to_json(stored: StoredModel) -> dict[str, object]:
    """One model; its figures are null where `refused` says why."""
    found = stored.found
    head = {
        "model": stored.model,
        "template_id": stored.template_id,
        "template_name": stored.template_name,
        "replica": stored.replica,
        "stages": list(stored.stages),
        "calls": stored.calls,
    }
    if isinstance(found, Refusal):
        return {**head, "refused": found.reason, "fit": None}
    return {**head, "refused": None, "fit": _fit_json(found)}


def shown(slope: Slope) -> Estimate | None:
    """A slope in the unit that it is shown in: ms per 1,000 input tokens, or per output token."""
    if slope.ns_per_token is None:
        return None
    return scaled(slope.ns_per_token, _SHOWN_TOKENS[slope.term] / _NS_PER_MS)


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """The same in another unit."""
    interval = estimate.interval
    if interval is None:
        return Estimate(estimate.value * factor, None)
    kind = type(interval)
    return Estimate(estimate.value * factor, kind(interval.low * factor, interval.high * factor))


def in_ms(estimate: Estimate) -> Estimate:
    """An estimate of nanoseconds in milliseconds."""
    return scaled(estimate, 1 / _NS_PER_MS)


def _fit_json(model: LatencyModel) -> dict[str, object]:
    return {
        "constant_ms": _estimate_json(in_ms(model.constant_ns)),
        **{_KEYS[slope.term]: _slope_json(slope) for slope in model.slopes},
        "queue_p50_ms": _estimate_json(in_ms(model.queue_ns)) if model.queue_ns else None,
        "is_streamed": model.parts[0].name == "ttft",
        "skill": model.skill,
        "autocorrelation": model.autocorrelation,
        "fitted_calls": model.fitted_calls,
        "cold_calls": model.cold_calls,
        "recorded_tokens": {
            term: {"p1": tokens.least, "p50": tokens.median, "p99": tokens.most}
            for term, tokens in model.ranges.items()
        },
        "notes": list(model.notes),
    }


def _slope_json(slope: Slope) -> dict[str, object]:
    estimate = shown(slope)
    return {
        **(_estimate_json(estimate) if estimate else {"value": None, "ci95": None}),
        "finding": slope.finding,
        "range_effect_share": _estimate_json(slope.range_effect) if slope.range_effect else None,
        "reason": slope.reason,
    }


def _estimate_json(estimate: Estimate) -> dict[str, object]:
    interval = estimate.interval
    return {"value": estimate.value, "ci95": interval.to_json() if interval else None}
