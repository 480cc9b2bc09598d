"""An empty page of Streamlit, served as the dashboard is: no page of it can be quicker."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from latprobe_dashboard import ports
from tests.waiting import wait_until

SIGN = ".floor"

_SCRIPT = "import streamlit as st\nst.html('<p class=\"floor\">empty</p>')\n"
_SERVE = """
import sys
import streamlit as st
st.App(sys.argv[1]).run(config={
    "server.address": "127.0.0.1", "server.port": int(sys.argv[2]), "server.headless": True,
    "server.fileWatcherType": "none", "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal", "logger.hideWelcomeMessage": True,
})
"""


@contextmanager
def empty_page() -> Iterator[str]:
    """The address of a page with nothing but `SIGN`, stopped afterwards."""
    claimed = ports.claim("127.0.0.1", None)
    number = claimed.number
    claimed.release()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.py"
        script.write_text(_SCRIPT, "utf-8")
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(script), str(number)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"http://127.0.0.1:{number}"
            wait_until(lambda: _answers(url))
            yield url
        finally:
            process.terminate()
            process.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            return bool(answer.read().strip() == b"ok")
    except (urllib.error.URLError, OSError):
        return False
