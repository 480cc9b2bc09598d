"""Starts the dashboard and blocks until it is told to stop.

Streamlit runs inside this process (`st.App.run`): a `python -m streamlit` child would survive a
SIGTERM of its parent. All configuration is given here, in code, because Streamlit would otherwise
read whatever `.streamlit/config.toml` lies in the user's folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from latprobe.clock import monotonic_ns
from latprobe.errors import NoDataError, UsageError
from latprobe_dashboard import connection, data, permission, ports, warm_start
from latprobe_dashboard.gate import LOOPBACK_NAMES, Gate, Rules
from latprobe_dashboard.preloading import Preloading
from latprobe_dashboard.theme import THEME_FILE

SCRIPT_FILE = Path(__file__).with_name("entry") / "script.py"
READY_TIMEOUT_S = 60.0
TOKEN_VARIABLE = "LATPROBE_DASHBOARD_TOKEN"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(
    home: Path,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    open_browser: bool = True,
    on_ready: Callable[[str], None] | None = None,
    token: str | None = None,
    base_path: str = "",
    allowed_hosts: Sequence[str] = (),
    filters: Mapping[str, str] | None = None,
) -> None:
    """Returns when SIGINT or SIGTERM stopped the server; call it on the main thread.

    `port` None takes the first free one from 8788. `token` (or LATPROBE_DASHBOARD_TOKEN) is asked
    of every visitor, and is required on an address other machines can reach. `base_path` is the
    path under which a reverse proxy serves it, `allowed_hosts` the names by which it is then known;
    they too need a token. `filters` are what the announced address chooses, such as `run`. Raises
    UsageError for a busy port, a path that is none or a missing token, StoreError for a store that
    cannot be opened.
    """
    place = Place(host, _clean_path(base_path), frozenset(name.lower() for name in allowed_hosts))
    token = token or os.environ.get(TOKEN_VARIABLE) or None
    if host not in _LOOPBACK and token is None:
        raise UsageError(
            f"Other machines can reach {host}, so the dashboard needs a token there. "
            f"Set {TOKEN_VARIABLE} to a long secret, or leave --host away."
        )
    if place.names and token is None:
        raise UsageError(
            f"Who reaches {', '.join(sorted(place.names))} reaches the dashboard, so it needs a "
            f"token. Set {TOKEN_VARIABLE} to a long secret."
        )
    permission.expect(token)
    claimed = ports.claim(host, port)
    try:
        data.use_store(home)
        with contextlib.suppress(NoDataError):  # the pages say how to start, and look again
            connection.reader()
        path = f"/{place.base_path}" if place.base_path else ""
        url = f"http://{_in_url(host)}:{claimed.number}{path}/"
        given = {**(filters or {}), **({"token": token} if token else {})}
        url += f"?{urlencode(given)}" if given else ""
        base = f"http://{_in_url(_reachable(host))}:{claimed.number}{path}"
        announce = threading.Thread(
            target=_announce,
            args=(base, url, token, open_browser, on_ready),
            name="latprobe-dashboard-ready",
            daemon=True,
        )
        announce.start()
        _run(place, claimed.number, token)
    finally:
        claimed.release()
        data.close()


@dataclass(frozen=True, slots=True)
class Place:
    """Where the dashboard is found: address, path without its slashes, names beside loopback's."""

    host: str
    base_path: str = ""
    names: frozenset[str] = frozenset()


def _clean_path(text: str) -> str:
    """The path without slashes around it. Raises UsageError for what is no plain path."""
    path = text.strip("/")
    if path and not all(re.fullmatch(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*", part)
                        for part in path.split("/")):  # fmt: skip
        raise UsageError(f"{text!r} is not a path; write something like /latprobe.")
    return path


def _run(place: Place, port: int, token: str | None) -> None:
    import streamlit as st
    from starlette.middleware import Middleware

    names = LOOPBACK_NAMES | place.names if place.host in _LOOPBACK else None
    rules = Rules(hosts=names, token=token)
    doors = [
        Middleware(Gate, rules=rules),
        Middleware(Preloading, base_path=place.base_path),
    ]
    app = st.App(SCRIPT_FILE, middleware=doors)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        # uvicorn stops on these and then raises them again for whoever was here before it: a
        # handler that does nothing turns that into a plain return, and so into exit code 0.
        signal.signal(number, _ignore)
    try:
        app.run(config=_configuration(place, port))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _configuration(place: Place, port: int) -> dict[str, Any]:
    host = place.host
    is_local = host in _LOOPBACK and not place.names
    return {
        "server.address": host,
        # A control whose value is in the address is set before it is drawn; that is meant.
        "global.disableWidgetStateDuplicationWarning": True,
        "server.baseUrlPath": place.base_path,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.allowedHosts": sorted(LOOPBACK_NAMES) if is_local else [],
        "server.enableCORS": is_local,  # elsewhere the gate compares Origin with Host
        "server.enableXsrfProtection": is_local,
        "server.xsrfCookieSameSite": "strict",
        "server.maxMessageSize": 64,
        "server.enableStaticServing": False,
        "browser.gatherUsageStats": False,
        "browser.serverAddress": "localhost" if is_local else host,
        "browser.serverPort": port,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "type",
        "client.showErrorLinks": "false",
        "logger.level": "warning",
        "logger.hideWelcomeMessage": True,
        "theme.base": str(THEME_FILE),
    }


def _announce(
    base: str,
    url: str,
    token: str | None,
    open_browser: bool,
    on_ready: Callable[[str], None] | None,
) -> None:
    """Calls `on_ready` once the server answers; a server that never does is not announced."""
    pause = threading.Event()
    deadline = monotonic_ns() + int(READY_TIMEOUT_S * 1e9)
    warm_start.load()
    data.begin_all_requests()
    while not _answers(base, token):
        if monotonic_ns() > deadline:
            return
        pause.wait(0.05)
    if on_ready is not None:
        on_ready(url)
    if open_browser:
        webbrowser.open(url)


def _answers(base: str, token: str | None) -> bool:
    request = urllib.request.Request(f"{base}/_stcore/health")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    # No proxy from the environment: the server is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=2) as answer:
            return bool(answer.read().strip() == b"ok")
    except (urllib.error.URLError, OSError):
        return False


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _ignore(_number: int, _frame: object) -> None:
    """Does nothing; see `_run`."""
