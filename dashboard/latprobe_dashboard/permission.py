"""Who may change what the store keeps beside the recording: only whom the gate lets in."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

import streamlit as st

from latprobe_dashboard.gate import COOKIE

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(slots=True)
class _Asked:
    token: str | None = None


_asked = _Asked()


def expect(token: str | None) -> None:
    """The token that visitors of this process's dashboard must show; None: it asks for none."""
    _asked.token = token


def may_write() -> bool:
    """Whether this visitor may: with the token where there is one, else by a loopback name.

    The script may be served without our gate in front; there it looks for itself.
    """
    if _asked.token is not None:
        # A proxy in front shows the token in a header, a browser in the gate's cookie.
        bearer = (st.context.headers.get("Authorization") or "").removeprefix("Bearer ")
        shown = st.context.cookies.get(COOKIE) or bearer
        return hmac.compare_digest(shown.encode(), _asked.token.encode())
    host = st.context.headers.get("Host") or ""
    try:
        return urlsplit(f"//{host}").hostname in _LOOPBACK
    except ValueError:
        return False
