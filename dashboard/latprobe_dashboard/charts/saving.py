"""The control beside a chart's PNG that saves it as a file to zoom and hover in.

The file is made on the click and not before. What is clicked is drawn by the chart's own script
in the chart's look; it presses Streamlit's download button, which nobody sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import tzinfo
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import streamlit as st

from latprobe_dashboard import shown_text, visitor

if TYPE_CHECKING:
    from latprobe_dashboard.charts.interactive.parts import Chart

MISSING = "To save charts as HTML, install Plotly: pip install 'latprobe[dashboard]'"


@contextmanager
def as_html(name: str, build: Callable[[tzinfo], Chart], *, key: str) -> Iterator[None]:
    """Room for a chart that can also be saved as `latprobe-<name>.html`.

    `build` describes it to Plotly, its times in the zone it is given; called on the click.
    """
    with st.container(key=f"lp_saved_{key}"):
        button(name, build, key=f"lp_html_{key}")
        yield


def button(name: str, build: Callable[[tzinfo], Chart], *, key: str) -> None:
    """The button alone, for what has no script of its own to draw one."""
    if not has_plotly():
        st.button("HTML", key=key, type="tertiary", on_click=_say_missing)
        return
    zone, choice = visitor.zone(), _choice()
    st.download_button(
        "HTML",
        lambda: _file(name, build(zone), choice),
        file_name=f"latprobe-{name}.html",
        mime="text/html",
        on_click="ignore",
        type="tertiary",
        key=key,
        help="Save as a page to zoom in",
    )


@cache
def has_plotly() -> bool:
    """Whether Plotly is installed."""
    return find_spec("plotly") is not None


def _file(name: str, chart: Chart, choice: str) -> str:
    from latprobe_dashboard.charts.interactive.document import page

    return page(chart, choice=choice, file_name=f"latprobe-{name}")


def _say_missing() -> None:
    st.toast(MISSING)


def _choice() -> str:
    """What the address says was chosen: the filters, and the stage or request that is shown."""
    chosen = st.query_params.to_dict()
    return ", ".join(
        f"{shown_text.line(name, 20)} {shown_text.line(value, 60)}"
        for name, value in chosen.items()
        if value
    )
