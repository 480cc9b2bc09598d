"""The list of pages."""

from __future__ import annotations

import streamlit as st

from latprobe_dashboard import links
from latprobe_dashboard.pages import (
    advice,
    analyze,
    compare,
    gpu,
    health,
    live,
    overview,
    prompts,
    request,
    stage,
    tokens,
    traces,
)
from latprobe_dashboard.theme import ICON_FILE, WORDMARK_FILE

SECTIONS = {
    "Why slow": (overview, advice, analyze, stage, request, gpu, compare),
    "Tokens": (tokens, prompts),
    "Data": (traces, live, health),
}


def run() -> None:
    """Draws the sidebar and the page that the address names."""
    st.set_page_config(page_title="latprobe", page_icon=str(ICON_FILE), layout="wide")
    st.logo(WORDMARK_FILE, size="large")
    pages = {
        page.PATH: st.Page(
            page.render, title=page.TITLE, icon=page.ICON, url_path=page.PATH, default=not page.PATH
        )
        for section in SECTIONS.values()
        for page in section
    }
    links.register(pages)
    st.navigation(
        {title: [pages[page.PATH] for page in section] for title, section in SECTIONS.items()}
    ).run()
