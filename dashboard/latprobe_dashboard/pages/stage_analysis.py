"""What the analysis says of one stage: its gain, its slow runs, its changes, its latency models."""

from __future__ import annotations

import streamlit as st

from latprobe.analysis.intervals import Estimate
from latprobe.analysis.latency_model import LatencyModel, StoredModel
from latprobe.analysis.latency_model.figures import shown
from latprobe.analysis.latency_model.slopes import Slope
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.scope import Scope
from latprobe.analysis.whatif.gains import Gains
from latprobe_dashboard import analysis_queries, gain_words, links, quantities, shown_text
from latprobe_dashboard.later import fill
from latprobe_dashboard.pages.slow_findings import change_points, slow_findings

MODELS = 4
_UNITS = {"input": "1,000 more input tokens take", "output": "an output token takes"}


def gain_of(scope: Scope, name: str) -> None:
    """What requests gain from this stage, with a link to the what-if."""
    fill(analysis_queries.gains(scope), lambda found: _gain(found, name), height=24, gives_way=True)


def findings(scope: Scope, name: str, *, calls_models: bool) -> None:
    """Below the charts: the latency models, slow against fast, and when the stage changed."""
    models = analysis_queries.models(scope, name)
    if calls_models:
        models.begin()
    slow = analysis_queries.slow_fast(scope, name).begin()
    changes = analysis_queries.changes(scope, name).begin()
    if calls_models:
        fill(models, _models, height=60, gives_way=True)
    fill(
        slow,
        lambda found: slow_findings(found, key="lp_stage_slow_fast"),
        height=120,
        gives_way=True,
    )
    fill(
        changes,
        lambda found: change_points(found, key="lp_stage_changes"),
        height=60,
        gives_way=True,
    )


def _gain(found: Gains, name: str) -> None:
    gain = next((each for each in found if each.stage == name), None)
    if gain is None:
        if not found:
            st.html(f'<p class="lp-note">{gain_words.unknown(found)}</p>')
        return
    with st.container(horizontal=True, vertical_alignment="center", key="lp_gain"):
        st.html(f'<p class="lp-note">{gain_words.verdict_of(gain)}</p>', width="content")
        if gain_words.whatif_address(name):
            links.offer("analyze", "What if?", whatif=name, change="time", by="50")


def _models(found: list[StoredModel]) -> None:
    if not found:
        return
    st.html(
        '<p class="lp-h">What its tokens take<small>robust lines through the recorded calls; an '
        "association, not an experiment</small></p>"
    )
    lines = [model_words(each) for each in found[:MODELS]]
    if len(found) > MODELS:
        more = quantities.counted(len(found) - MODELS, "more latency model")
        lines.append(f"{more}: <code>latprobe latency</code> lists them.")
    st.html("".join(f'<p class="lp-note">{line}</p>' for line in lines))


def model_words(stored: StoredModel) -> str:
    """One latency model in a sentence of HTML, or why there is none."""
    named = [stored.model, stored.template_name or (stored.template_id or "")[:8], stored.replica]
    name = " · ".join(shown_text.markup(each, 40) for each in named if each) or "Calls"
    calls = quantities.counted(stored.calls, "call")
    if isinstance(stored.found, Refusal):
        return f"<b>{name}</b>, {calls}: {shown_text.block_markup(stored.found.reason)}"
    told = [_slope_words(slope) for slope in stored.found.slopes if slope.term in _UNITS]
    return f"<b>{name}</b>, {calls}: {'; '.join(told)}.{_skill(stored.found)}{_cold(stored.found)}"


def _slope_words(slope: Slope) -> str:
    estimate = shown(slope)
    if slope.finding == "does_not_matter":
        return f"{slope.term} length does not matter here"
    if slope.finding == "unknown" or estimate is None:
        reason = (slope.reason or f"what {slope.term} tokens cost cannot be told").rstrip(".")
        return shown_text.block_markup(reason)
    return f"{_UNITS[slope.term]} <b>{_estimate(estimate)}</b>"


def _estimate(estimate: Estimate) -> str:
    interval = estimate.interval
    known = "" if interval is None else f" ({gain_words.spread(interval)})"
    return f"{quantities.milliseconds(estimate.value)}{known}"


def _skill(model: LatencyModel) -> str:
    if model.skill <= 0:
        return ""
    share = quantities.share(model.skill)
    return f" Held-out calls are predicted with {share} less error than by one constant."


def _cold(model: LatencyModel) -> str:
    if not model.cold_calls:
        return ""
    return f" {quantities.counted(model.cold_calls, 'cold call')} set apart."
