"""Which template and which call the Tokens page shows: kept in the address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from latprobe_dashboard import links
from latprobe_dashboard.token_figures import Use

# The tables whose rows choose something: the key of each, and what of the address it sets.
_CHOOSERS = {"lp_token_bars": "template", "lp_templates": "template", "lp_calls": "call"}
_OF_CALLS = "lp_calls_of"


def offer(key: str, values: Sequence[str | None]) -> None:
    """Remembers what the rows of a table stand for; None cannot be chosen."""
    st.session_state[f"{key}_rows"] = list(values)


def offer_calls(names: Sequence[str], template_id: str | None) -> None:
    """The same for the calls of a template, which a link to one of them keeps."""
    offer("lp_calls", names)
    st.session_state[_OF_CALLS] = template_id


def follow() -> None:
    """Puts what was just chosen into the address, before anything is drawn."""
    for key, name in _CHOOSERS.items():
        at = _opened(key)
        values: list[str | None] = st.session_state.get(f"{key}_rows", [])
        if at is None or not 0 <= at < len(values) or values[at] is None:
            continue
        if name == "template" and st.query_params.get("template") != values[at]:
            st.query_params.pop("call", None)
        st.query_params[name] = str(values[at])
        if name == "call" and (own := st.session_state.get(_OF_CALLS)) is not None:
            st.query_params["template"] = own


def template(templates: Sequence[Use]) -> str | None:
    """The template in the address, else the heaviest one; None where none has its prompt."""
    known = [use.template for use in templates if use.template is not None]
    return _asked(known) or (known[0] if known else None)


def say_unknown(templates: Sequence[Use]) -> None:
    """A sentence where the address asks for a template that has no calls here."""
    known = [use.template for use in templates if use.template is not None]
    if "template" in st.query_params and _asked(known) is None:
        st.info("That template has no calls here; showing the heaviest.")


def _asked(known: Sequence[str]) -> str | None:
    digits = st.query_params.get("template", "").replace("-", "").lower()
    return next((one for one in known if digits and one.startswith(digits)), None)


def call() -> str | None:
    """The call in the address, as TRACE/SPAN."""
    return st.query_params.get("call")


def address(**chosen: str) -> str:
    """The link to a choice, with the filters that are in the address now."""
    kept = {
        name: value for name, value in st.query_params.items() if name not in ("template", "call")
    }
    return links.address("tokens", **{**kept, **chosen})


def _opened(key: str) -> int | None:
    state: Any = st.session_state.get(key)
    opened = getattr(state, "open", None)
    return int(opened) if isinstance(opened, (int, float)) else None
