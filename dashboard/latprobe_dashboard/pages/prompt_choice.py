"""Which template, call, part and way the Prompts page shows: kept in the address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from latprobe.advice.call_texts import CallText, TextPart
from latprobe_dashboard import links
from latprobe_dashboard.prompt_savings import TemplateSaving

# What the address names, the widest first: choosing one forgets the narrower ones.
_NAMES = ("template", "call", "part", "option")
_CHOOSERS = {"lp_savings": "template", "lp_parts_of": "part", "lp_ways": "option"}
NO_TEMPLATE = "none"


def offer(key: str, values: Sequence[str]) -> None:
    """Remembers what the rows of a table stand for."""
    st.session_state[f"{key}_rows"] = list(values)


def follow() -> None:
    """Puts what was just chosen into the address, before anything is drawn."""
    for key, name in _CHOOSERS.items():
        opened = getattr(st.session_state.get(key), "open", None)
        values: list[str] = st.session_state.get(f"{key}_rows", [])
        if isinstance(opened, (int, float)) and 0 <= int(opened) < len(values):
            choose(name, values[int(opened)])


def choose(name: str, value: str) -> None:
    """Writes one choice; what depended on the one before goes."""
    if st.query_params.get(name) != value:
        for narrower in _NAMES[_NAMES.index(name) + 1 :]:
            st.query_params.pop(narrower, None)
    st.query_params[name] = value


def address(**chosen: str) -> str:
    """The link to a choice, with the filters and the wider choices in the address now."""
    first = min(_NAMES.index(name) for name in chosen)
    kept: dict[str, Any] = {
        name: value
        for name, value in st.query_params.items()
        if name not in _NAMES or _NAMES.index(name) < first
    }
    return links.address("prompts", **{**kept, **chosen})


def key_of(saving: TemplateSaving) -> str:
    """How the address names a template."""
    return saving.template or NO_TEMPLATE


def template(savings: Sequence[TemplateSaving]) -> TemplateSaving:
    """The one in the address, else the first, which is the one that could save most."""
    asked = st.query_params.get("template", "").replace("-", "").lower()
    return next((s for s in savings if asked and key_of(s).startswith(asked)), savings[0])


def is_unknown(savings: Sequence[TemplateSaving]) -> bool:
    """Whether the address asks for a template that is not there."""
    asked = st.query_params.get("template", "").replace("-", "").lower()
    return bool(asked) and not any(key_of(each).startswith(asked) for each in savings)


def call_name(call: CallText) -> str:
    """TRACE/SPAN, as other pages name a call."""
    return f"{call.trace_id}/{call.span_id}"


def call(saving: TemplateSaving) -> CallText:
    """The call in the address, else the newest one with texts."""
    asked = st.query_params.get("call")
    with_text = (each for each in saving.calls if each.has_text)
    return next(
        (each for each in saving.calls if call_name(each) == asked),
        next(with_text, saving.calls[0]),
    )


def part_name(at: int) -> str:
    """A part's place in its call, counted from 1."""
    return str(at + 1)


def part(found: CallText, saving: TemplateSaving) -> tuple[int, TextPart] | None:
    """The part in the address, else the one that could save most; None without any text."""
    readable = [(at, each) for at, each in enumerate(found.parts) if each.text is not None]
    asked = st.query_params.get("part")
    for at, each in readable:
        if part_name(at) == asked:
            return at, each

    def worth(one: tuple[int, TextPart]) -> tuple[int, int, int]:
        known = saving.parts.get(one[1].hash or "")
        if known is None:
            return (0, 0, one[1].tokens or 0)
        return (known.lossless, known.near, known.tokens)

    return max(readable, key=worth, default=None)


def option() -> str | None:
    """The way in the address."""
    return st.query_params.get("option")
