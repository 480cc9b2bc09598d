"""What a page says when there is nothing in the store yet."""

from __future__ import annotations

import streamlit as st

from latprobe.store.damaged_files import damage, remedy
from latprobe_dashboard import connection, data, shown_text

EXAMPLE = """\
import latprobe.auto                      # first line of your program

with latprobe.stage("retrieve"):          # around any step you want to see
    documents = search(question)
"""


def how_to_get_data() -> None:
    """Three lines that make the first trace; before them what was damaged, if anything was."""
    found = damage(connection.home())
    if found is not None:
        told = f"{found} Nothing is recorded since: {remedy(connection.home())}."
        st.error(shown_text.block(told))
    with st.container(border=True, key="lp_empty"):
        st.subheader("Nothing has been recorded here yet", anchor=False)
        st.markdown("Add this to your program and run it. This page fills by itself.")
        st.code(EXAMPLE, language="python")
        st.markdown("Or without touching the program, or with the example that comes along:")
        st.code("latprobe run -- python app.py\nlatprobe demo", language="bash")
        st.html(
            '<p class="lp-note">Store: <code>'
            + shown_text.markup(str(connection.home()), 300)
            + "</code></p>"
        )
    _watch()


@st.fragment(run_every=2)
def _watch() -> None:
    """Looks for the first span while the page is open."""
    if data.has_spans():
        st.rerun()
