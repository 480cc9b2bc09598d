"""Tells the browser, with the first answer, which scripts the page is going to need and where the
server is.

Streamlit fetches the code of each kind of element when the first such element arrives: after its
own code, the WebSocket and the run of the script. Named in a `Link` header, all of it is fetched
and compiled while the browser is still busy with Streamlit's own start.

It looks for its server beside the page first: on every page but the first one that were two
requests for nothing, and two errors in the console. Told where it is, it asks there at once.
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
# What only these pages have, by their paths.
PAGE_ELEMENTS = {
    "stage": ("elements/PageLink/PageLink.tsx",),
    "traces": (
        "widgets/TextInput/TextInput.tsx",
        "widgets/Pagination/Pagination.tsx",
        "widgets/DownloadButton/DownloadButton.tsx",
    ),
    "analyze": ("widgets/NumberInput/NumberInput.tsx",),
    "compare": ("widgets/Button/Button.tsx",),
}
_SOURCES = "../lib/src/components/"
_HEAD = b"<head>"


class Preloading:
    """ASGI middleware that adds both to pages; `base_path` is where they are served."""

    def __init__(self, app: ASGIApp, *, base_path: str = "") -> None:
        self._app = app
        self._headers = {
            page: header(element_scripts(page), base_path) for page in ("", *PAGE_ELEMENTS)
        }
        self._told = where(base_path).encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = str(scope["path"]).rstrip("/").rpartition("/")[2]
        links = self._headers.get(name, self._headers[""])
        page = _Page(send, links, self._told, has_body=scope["method"] != "HEAD")
        await self._app(_plain(scope), receive, page.send)


class _Page:
    """One answer on its way out; where it is a page, with what the browser is told."""

    def __init__(self, send: Send, links: str, told: bytes, *, has_body: bool) -> None:
        self._send, self._links, self._told, self._has_body = send, links, told, has_body
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("content-type", "").startswith("text/html"):
                if self._links:
                    headers.append("link", self._links)
                is_plain = "content-encoding" not in headers
                if self._has_body and is_plain and message["status"] == 200:
                    self._start = message  # its length is known when the body is
                    return
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            body = self._body.replace(_HEAD, _HEAD + self._told, 1)
            MutableHeaders(scope=self._start)["content-length"] = str(len(body))
            await self._send(self._start)
            self._start = None
            message = {"type": "http.response.body", "body": body}
        await self._send(message)


def _plain(scope: Scope) -> Scope:
    """The request; for a page, some kilobytes, as if the browser could not unpack anything: what
    is packed cannot be added to."""
    headers = dict(scope["headers"])
    if b"text/html" not in headers.get(b"accept", b""):
        return scope
    kept = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
    return {**scope, "headers": kept}


def where(base_path: str) -> str:
    """A script that names the server's address, as Streamlit reads it."""
    root = f"/{base_path}/" if base_path else "/"
    return (
        f"<script>window.__streamlit={{BACKEND_BASE_URL:location.origin+{json.dumps(root)}}}"
        "</script>"
    )


def header(scripts: tuple[str, ...], base_path: str) -> str:
    """The header's value; "" without scripts."""
    root = f"/{base_path}/" if base_path else "/"
    return ", ".join(f'<{root}{each}>; rel="modulepreload"; crossorigin' for each in scripts)


@cache
def element_scripts(page: str = "") -> tuple[str, ...]:
    """The files of ELEMENTS, of what this page has beside them, and what they import, without what
    Streamlit's page loads anyway.

    () where this Streamlit has no list of its files, or another one than is known here: pages then
    load as they always do.
    """
    import streamlit

    path = Path(streamlit.__file__).parent / "static" / "manifest.json"
    try:
        files = json.loads(path.read_text("utf-8"))
        elements = (*ELEMENTS, *PAGE_ELEMENTS.get(page, ()))
        wanted = _with_imports(files, [_SOURCES + each for each in elements])
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
