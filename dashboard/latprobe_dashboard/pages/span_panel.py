"""All that is known about one span, as text."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import streamlit as st

from latprobe.analysis.trace import Trace, TraceEvent, TraceSpan
from latprobe.errors import NoDataError
from latprobe_dashboard import links, quantities, shown_text, token_queries
from latprobe_dashboard.charts import listing
from latprobe_dashboard.pages.prompt_text import parts_markup
from latprobe_dashboard.theme import TOKENS_STYLE_FILE, hue_of

# The names of the semantic conventions, the newest first.
HTTP_STATUS = ("http.response.status_code", "http.status_code")
SHORT_CHARS = 160
LONG_CHARS = 20_000
ATTRIBUTES_SHOWN = 60
EVENTS_SHOWN = 50


def span_panel(trace: Trace, span: TraceSpan, *, height: int) -> None:
    """Draws the panel."""
    hue = hue_of(span.modality)
    bad = ' class="lp-bad"' if span.status == "error" else ""
    st.html(
        f'<p class="lp-span-name">{shown_text.markup(span.name, 200)}</p>'
        f'<div class="lp-legend"><span><i class="lp-{hue.key}"></i>{hue.label}</span>'
        f"<span>{shown_text.markup(span.kind, 20)}</span>"
        f"<span{bad}>{shown_text.markup(shown_text.outcome(span.status))}</span></div>"
    )
    with st.container(height=max(height, 200), border=False, key="lp_span_facts"):
        words = trouble(span)
        if words:
            st.error(shown_text.block(words))
        _facts(_figures(trace, span))
        if span.model is not None or span.input_tokens is not None:
            _texts(trace, span)
        _attributes(span)
        _events(trace, span.events)
    address = links.stage_address(span.name)
    if address and st.button("When is this stage slow?", key="lp_to_stage", width="stretch"):
        links.go("stage", name=span.name)


def trouble(span: TraceSpan) -> str:
    """What went wrong, by the span's own words or by the status of its HTTP answer."""
    said = ": ".join(filter(None, (span.error_type, span.status_message)))
    answer = http_answer(span.attributes) if span.status == "error" else None
    if answer is None or answer.partition(" ")[0] in said:
        return said or ("It failed and says no more." if span.status == "error" else "")
    return f"HTTP {answer}" + (f": {said}" if said else "")


def http_answer(attributes: Mapping[str, object]) -> str | None:
    """The status of the HTTP answer with its name, as in "503 Service Unavailable"; None if none
    was recorded."""
    for name in HTTP_STATUS:
        text = str(attributes.get(name, ""))
        if not text.isdecimal() or len(text) != 3:
            continue
        try:
            return f"{text} {HTTPStatus(int(text)).phrase}"
        except ValueError:  # a code of nobody's list
            return text
    return None


def _figures(trace: Trace, span: TraceSpan) -> list[tuple[str, str]]:
    facts = [
        ("duration", quantities.nanoseconds(span.duration_ns)),
        ("own time", quantities.nanoseconds(span.self_ns)),
        ("critical", f"{quantities.nanoseconds(span.critical_ns)}{_of(trace, span)}"),
        ("began at", quantities.nanoseconds(span.offset_ns)),
        ("CPU time", quantities.nanoseconds(span.cpu_ns)),
        ("HTTP status", http_answer(span.attributes)),
        ("model", span.model and shown_text.line(span.model)),
        ("tokens in", quantities.exact(span.input_tokens) if span.input_tokens else None),
        ("tokens out", quantities.exact(span.output_tokens) if span.output_tokens else None),
        ("per second", _token_rate(span)),
        ("first chunk", quantities.nanoseconds(span.ttft_ns) if span.ttft_ns else None),
        ("chunks", quantities.exact(span.chunks) if span.chunks else None),
        ("cost", quantities.dollars(span.cost_usd) if span.cost_usd is not None else None),
        ("process", None if span.pid is None else str(span.pid)),
        ("thread", span.thread and shown_text.line(span.thread)),
        ("span id", span.span_id),
    ]
    return [(label, text) for label, text in facts if text]


def _of(trace: Trace, span: TraceSpan) -> str:
    if trace.duration_ns <= 0:
        return ""
    return f" ({quantities.share(span.critical_ns / trace.duration_ns)})"


def _token_rate(span: TraceSpan) -> str | None:
    if not span.output_tokens or span.duration_ns <= 0:
        return None
    return f"{quantities.significant(span.output_tokens / (span.duration_ns / 1e9))} tokens"


def _facts(facts: list[tuple[str, str]]) -> None:
    body = "".join(
        f"<dt>{shown_text.markup(label)}</dt><dd>{shown_text.block_markup(text)}</dd>"
        for label, text in facts
    )
    st.html(f'<dl class="lp-facts">{body}</dl>')


def _texts(trace: Trace, span: TraceSpan) -> None:
    """The call's prompt and answer, asked for when they are unfolded."""
    key = f"lp_texts_{span.span_id}"
    with st.expander("Prompt and answer", on_change="rerun", key=key) as box:
        if not box.open:
            return
        try:
            found = token_queries.anatomy(trace.trace_id, span.span_id)
        except NoDataError:
            st.caption("The tokens of this call are not counted yet, or it reported none.")
            return
        st.html(f"<style>{TOKENS_STYLE_FILE.read_text('utf-8')}</style>")
        st.html(parts_markup(found.parts))
        if st.button("Take the prompt apart", key="lp_to_call", type="tertiary"):
            links.go("tokens", call=f"{trace.trace_id}/{span.span_id}")


def _attributes(span: TraceSpan) -> None:
    shown = list(span.attributes.items())[:ATTRIBUTES_SHOWN]
    short = [(name, value) for name, value in shown if len(shown_text.value(value)) <= SHORT_CHARS]
    if short:
        st.html('<p class="lp-h">Attributes</p>')
        _facts([(name, shown_text.value(value)) for name, value in short])
    for place, (name, value) in enumerate(shown):
        text = shown_text.value(value, LONG_CHARS)
        if len(text) > SHORT_CHARS:
            st.html(f'<p class="lp-h">{shown_text.markup(name)}</p>')
            listing.mount(text, key=f"lp_value_{place}", height=200, is_wrapped=True)
    if len(span.attributes) > ATTRIBUTES_SHOWN:
        st.caption(f"{ATTRIBUTES_SHOWN} of {len(span.attributes):,} attributes.")


def _events(trace: Trace, events: tuple[TraceEvent, ...]) -> None:
    if not events:
        return
    st.html('<p class="lp-h">Events</p>')
    _facts(
        [
            (quantities.nanoseconds(event.time_ns - trace.start_ns), _event_words(event))
            for event in events[:EVENTS_SHOWN]
        ]
    )


def _event_words(event: TraceEvent) -> str:
    name = shown_text.line(event.name)
    if not event.attributes:
        return name
    return f"{name}\n{shown_text.value(event.attributes, 400)}"
