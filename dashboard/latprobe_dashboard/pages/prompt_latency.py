"""What fewer tokens of a part mean for how long a call takes, by the calls' own latency."""

from __future__ import annotations

import streamlit as st

from latprobe.advice.call_texts import TextPart
from latprobe.analysis.latency_model import LatencyModel, StoredModel
from latprobe_dashboard import quantities, shown_text
from latprobe_dashboard.prompt_savings import TemplateSaving


def latency_note(
    models: list[StoredModel], saving: TemplateSaving, part: TextPart, saved: int
) -> None:
    """Draws what so many tokens less mean for the duration of a call."""
    st.html(f'<p class="lp-note">{_latency_words(models, saving, part, saved)}</p>')


def _latency_words(
    models: list[StoredModel], saving: TemplateSaving, part: TextPart, saved: int
) -> str:
    """What the tokens cost in time by the calls' own latency, or why that cannot be told."""
    own = [each for each in models if _digits(each.template_id) == _digits(saving.template)]
    found = next(iter(own or models), None)
    if found is None:
        return "Latency: no call of this stage has tokens."
    if not isinstance(found.found, LatencyModel):
        return f"Latency: {shown_text.markup(found.found.reason, 300)}"
    slope = found.found.slope("output" if part.side == "output" else "input")
    if slope is None or slope.ns_per_token is None:
        return "Latency: these calls do not differ enough in tokens to tell what one costs."
    if slope.finding == "does_not_matter":
        return "Latency: the number of these tokens hardly moves how long your calls take."
    if slope.finding == "unknown":
        return f"Latency: not known. {shown_text.markup(slope.reason, 300)}"
    per = slope.ns_per_token
    words = f"Latency: about <b>{quantities.nanoseconds(per.value * saved)}</b> less a call"
    if per.interval is not None:
        low, high = (
            quantities.nanoseconds(end * saved) for end in (per.interval.low, per.interval.high)
        )
        words += f" ({low} to {high})"
    return f"{words}, by how long your own calls took by their tokens."


def _digits(template: str | None) -> str:
    return (template or "").replace("-", "")
