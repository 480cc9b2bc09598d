"""Commands, a few lines of a program or a long value: shown as they are, to be copied.

Drawn by a small component instead of `st.code`, whose colouring is 1.6 MB of script: measured, it
took half of the time in which a page with one command was painted.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import streamlit as st

from latprobe_dashboard.charts.scripts import source

MARKUP = '<div class="listing"><pre tabindex="0"></pre><button type="button">Copy</button></div>'


def mount(text: str, *, key: str, height: int = 0, is_wrapped: bool = False) -> None:
    """Draws the text, at most `height` pixels tall (0: all of it); what follows a # is dimmed.

    Text reaches the browser as data and is set as text, never as HTML. One that is wrapped is a
    value: nothing in it is dimmed.
    """
    _component()(data=listing_data(text, height=height, is_wrapped=is_wrapped), key=key)


def listing_data(text: str, *, height: int, is_wrapped: bool) -> dict[str, Any]:
    """What the browser draws."""
    return {"text": text, "height": height, "wrapped": is_wrapped}


@cache
def _component() -> Any:
    return st.components.v2.component(
        "latprobe_listing",
        html=MARKUP,
        css=source("listing.css"),
        js=source("copying.js", "listing.js"),
    )
