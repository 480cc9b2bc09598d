"""What if? A stage, a change, and what the recorded requests would then take."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from latprobe.analysis.scope import Scope
from latprobe.analysis.whatif import Percentile, Prediction
from latprobe_dashboard import analysis_queries, gain_words, quantities, shown_text
from latprobe_dashboard.charts import before_after
from latprobe_dashboard.later import fill
from latprobe_dashboard.pages.whatif_choice import KINDS, NAMES, Choice, parse

BASES = {
    "replay": "each recorded request replayed for itself",
    "latency_model": "each recorded request replayed, its model calls by the latency model",
    "queue": "all requests replayed together, waiting for one another",
}
HEIGHT = 250


@st.fragment
def whatif_panel(scope: Scope, stages: Sequence[str], usual: str) -> None:
    """Draws the choice and the prediction; `usual` is the stage that no address names."""
    asked = {name: st.query_params[name] for name in NAMES if name in st.query_params}
    choice, notes = parse(asked, stages, usual)
    st.html(
        '<p class="lp-h">What if…<small>the recorded requests, replayed with a change</small></p>'
    )
    _choose(choice, stages)
    for note in notes:
        st.info(note)
    change = choice.change()
    if change is None:
        st.info("Choose the stage to run it beside: one that the same caller runs in turn.")
        return
    fill(
        analysis_queries.prediction(scope, [change]),
        lambda found: _shown(found, choice),
        height=HEIGHT,
    )


def _choose(choice: Choice, stages: Sequence[str]) -> None:
    kind = KINDS[choice.kind]
    with st.container(horizontal=True, vertical_alignment="center", key="lp_whatif"):
        _select("whatif", choice.stage, stages, shown_text.line, label="Stage", width=280)
        words = {name: each.words for name, each in KINDS.items()}
        _select("change", choice.kind, tuple(KINDS), words.__getitem__, label="Change", width=270)
        if kind.unit:
            st.session_state["w_by"] = choice.by
            st.number_input(
                kind.unit,
                kind.least,
                kind.most,
                key="w_by",
                step=10 if "%" in kind.unit else 1,
                label_visibility="collapsed",
                width=140,
                on_change=_picked,
                args=("by",),
            )
            st.html(f'<span class="lp-note">{kind.unit}</span>', width="content")
        if choice.kind == "beside":
            others = [name for name in stages if name != choice.stage]
            _select(
                "beside", choice.beside, others, shown_text.line, label="Other stage", width=280
            )


def _select(
    name: str,
    value: str | None,
    offered: Sequence[str],
    words: Callable[[str], str],
    *,
    label: str,
    width: int,
) -> None:
    st.session_state[f"w_{name}"] = value
    st.selectbox(
        label,
        offered,
        key=f"w_{name}",
        format_func=words,
        label_visibility="collapsed",
        placeholder=f"Choose: {label.lower()}",
        width=width,
        on_change=_picked,
        args=(name,),
    )


def _picked(name: str) -> None:
    """A control changed: the address follows. A number is in the unit of its kind of change."""
    value = st.session_state[f"w_{name}"]
    if name == "change":
        st.query_params.pop("by", None)
    if value is None:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = str(value)


def _shown(found: Prediction, choice: Choice) -> None:
    if found.refused is not None:
        st.info(shown_text.block(f"No prediction: {found.refused}"))
        _command(choice)
        return
    st.html(f'<p class="lp-answer">{headline(found)}</p>')
    left, right = st.columns([3, 2], gap="medium")
    with left:
        before_after.mount(
            [("p50", found.p50), ("p95", found.p95), ("p99", found.p99)], key="lp_before_after"
        )
    with right:
        st.html("".join(f'<p class="lp-note">{line}</p>' for line in _notes(found)))
    _command(choice)


def headline(found: Prediction) -> str:
    """Before and after, in a sentence of HTML."""
    return f"{_moves('p50', found.p50)}, {_moves('p95', found.p95)}."


def _moves(name: str, figure: Percentile) -> str:
    before, after = figure.before_ms, figure.after_ms
    interval = gain_words.spread(figure.ci95_ms)
    words = (
        f"{name} {quantities.milliseconds(before)} → <b>{quantities.milliseconds(after)}</b>"
        f" ({interval})"
    )
    ci = figure.ci95_ms
    is_slower = ci is not None and before is not None and ci.low > before
    return f'<span class="lp-bad">{words}</span>' if is_slower else words


def _notes(found: Prediction) -> list[str]:
    requests = quantities.counted(found.requests, "request")
    lines = [
        f"From {requests}: {BASES[found.basis]}. "
        f"The intervals say where {requests} recorded with the change would lie, 19 times of 20.",
    ]
    if found.throughput is not None:
        rate = found.throughput
        lines.append(
            f"Throughput {quantities.rate(rate.before_per_s)} → "
            f"{quantities.rate(rate.after_per_s)}."
        )
    return lines + [shown_text.block_markup(note) for note in found.notes]


def _command(choice: Choice) -> None:
    st.html(
        '<p class="lp-note">The same in a terminal: <code>'
        f"{shown_text.markup(choice.command(), 300)}</code></p>"
    )
