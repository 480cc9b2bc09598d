"""Tells the browser, with the first answer, which scripts the page is going to need.

Streamlit fetches the code of each kind of element when the first such element arrives: after its
own code, the WebSocket and the run of the script. Named in a `Link` header, all of it is fetched
and compiled while the browser is still busy with Streamlit's own start.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What nearly every page has: text, our components, the controls of the filters.
ELEMENTS = (
    "elements/Html/Html.tsx",
    "widgets/BidiComponent/BidiComponent.tsx",
    "widgets/ButtonGroup/ButtonGroup.tsx",
    "widgets/Selectbox/Selectbox.tsx",
)
_SOURCES = "../lib/src/components/"


class Preloading:
    """ASGI middleware that adds the header to pages; `base_path` is where they are served."""

    def __init__(self, app: ASGIApp, *, base_path: str = "") -> None:
        self._app = app
        self._header = header(element_scripts(), base_path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._header:
            await self._app(scope, receive, send)
            return

        async def send_with_links(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("link", self._header)
            await send(message)

        await self._app(scope, receive, send_with_links)


def header(scripts: tuple[str, ...], base_path: str) -> str:
    """The header's value; "" without scripts."""
    root = f"/{base_path}/" if base_path else "/"
    return ", ".join(f'<{root}{each}>; rel="modulepreload"; crossorigin' for each in scripts)


@cache
def element_scripts() -> tuple[str, ...]:
    """The files of ELEMENTS and what they import, without what Streamlit's page loads anyway.

    () where this Streamlit has no list of its files, or another one than is known here: pages then
    load as they always do.
    """
    import streamlit

    path = Path(streamlit.__file__).parent / "static" / "manifest.json"
    try:
        files = json.loads(path.read_text("utf-8"))
        wanted = _with_imports(files, [_SOURCES + each for each in ELEMENTS])
        known = set(_with_imports(files, ["index.html"]))
        return tuple(str(files[each]["file"]) for each in wanted if each not in known)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _with_imports(files: dict[str, dict[str, object]], names: list[str]) -> list[str]:
    """These and all that they import, each once. Raises KeyError for what is not there."""
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name in found:
            continue
        found[name] = None
        imports = files[name].get("imports", [])
        waiting += [str(each) for each in imports] if isinstance(imports, list) else []
    return list(found)
