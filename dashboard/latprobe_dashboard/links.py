"""From one page to another, with the thing to look at in the address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import urlencode

import streamlit as st
from streamlit.navigation.page import StreamlitPage

_PAGES = "latprobe_pages"
LONGEST_NAME = 1_000


def register(pages: Mapping[str, StreamlitPage]) -> None:
    """Remembers which page answers which path."""
    st.session_state[_PAGES] = dict(pages)


def address(path: str, **parameters: str) -> str:
    """A relative link, right behind a reverse proxy's prefix too."""
    return f"{path}?{urlencode(parameters)}" if parameters else path or "./"


def go(path: str, **parameters: str) -> NoReturn:
    """Leaves for another page inside the app, which is faster than loading it."""
    st.switch_page(st.session_state[_PAGES][path], query_params=parameters)


def offer(path: str, words: str, **parameters: str) -> None:
    """A link to another page inside the app; nothing where pages stand alone, as in a test."""
    pages = st.session_state.get(_PAGES)
    if pages is not None:
        st.page_link(pages[path], label=words, query_params=parameters)


def stage_address(name: str) -> str:
    """The link to a stage; none where the name is too long for an address."""
    return address("stage", name=name) if name and len(name) <= LONGEST_NAME else ""
