"""Two texts side by side, what is gone marked in one and what is new in the other.

Text reaches the browser as data and is set as text, never as HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import streamlit as st

from latprobe_dashboard import shown_text
from latprobe_dashboard.charts.scripts import source
from latprobe_dashboard.text_changes import SHOWN_CHARS, Run, changes

# More than this is not handed to the browser to be copied.
COPIED_CHARS = 1_000_000
_SIGNS = {"same": 0, "removed": 1, "changed": 2}

MARKUP = (
    '<div class="pair"><section class="side"><header><b></b><span></span></header>'
    '<pre tabindex="0" role="region"></pre></section>'
    '<section class="side"><header><b></b><span></span><button type="button">Copy</button></header>'
    '<pre tabindex="0" role="region"></pre></section></div>'
    '<p class="legend"><span><i class="gone"></i>gone</span>'
    '<span><i class="new"></i>written another way</span><span class="note"></span></p>'
)


def mount(
    before: str,
    after: str,
    *,
    key: str,
    before_note: str = "",
    after_note: str = "",
    height: int = 360,
) -> None:
    """Draws the texts, each at most `height` pixels tall, the notes in their headings.

    Where they are the same one, it is drawn once, with nothing to copy.
    """
    drawn = pair_data(before, after, before_note=before_note, after_note=after_note, height=height)
    _component()(data=drawn, key=key)


def pair_data(
    before: str, after: str, *, before_note: str, after_note: str, height: int
) -> dict[str, Any]:
    """What the browser draws; `copied` is the whole new text, "" where it is too long for that, or
    where it is not new."""
    found = changes(before, after)
    notes = []
    if found.by == "nothing" and before != after:
        notes.append("These texts are too long to mark what differs.")
    if found.by == "lines":
        notes.append("Marked by line: the texts are too long to compare by word.")
    longest = max(len(before), len(after))
    if longest > SHOWN_CHARS:
        notes.append(f"The first {SHOWN_CHARS:,} of {longest:,} characters are shown.")
    is_one = before == after
    sides = [
        {"label": "Text" if is_one else "Before", "note": before_note, "runs": _runs(found.before)},
        {"label": "After", "note": after_note, "runs": _runs(found.after)},
    ]
    return {
        "height": height,
        "sides": sides[:1] if is_one else sides,
        "copied": "" if is_one or len(after) > COPIED_CHARS else after,
        "marked": any(run.mark != "same" for run in (*found.before, *found.after)),
        "note": " ".join(notes),
    }


def _runs(runs: Sequence[Run]) -> list[list[Any]]:
    return [[_SIGNS[run.mark], shown_text.block(run.text, SHOWN_CHARS)] for run in runs]


@cache
def _component() -> Any:
    return st.components.v2.component(
        "latprobe_side_by_side",
        html=MARKUP,
        css=source("side_by_side.css"),
        js=source("copying.js", "side_by_side.js"),
    )
