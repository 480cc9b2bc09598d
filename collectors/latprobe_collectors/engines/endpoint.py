"""Where an engine's page is, and at which addresses the engine itself is called."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urlsplit

TIMEOUT_S = 2.0
MAX_PAGE_BYTES = 16 << 20
_PORTS = {"http": 80, "https": 443}


class EngineError(Exception):
    """A page that cannot be had, or is no page of an engine that is known."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`name` is the user's; `addresses` are "host:port", as the spans of calls have them."""

    name: str
    url: str
    addresses: tuple[str, ...]


def read_endpoint(name: str, setting: str) -> Endpoint:
    """From "URL" or "URL host:port host:port": the page, and where calls go if not there.

    Raises EngineError.
    """
    url, *addresses = setting.split() or [""]
    own = _address(url)
    if own is None:
        raise EngineError(f"the engine {name} = {setting!r} is not at an http:// address")
    return Endpoint(name, url, tuple(addresses) or (own,))


def _address(url: str) -> str | None:
    """host:port of a URL, None for what is none that `fetch` can get."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or host is None:
        return None
    return f"{host}:{port or _PORTS[parts.scheme]}"


def fetch(endpoint: Endpoint) -> str:
    """The page. Raises EngineError when there is none within TIMEOUT_S."""
    request = urllib.request.Request(endpoint.url, headers={"Accept": "text/plain;version=0.0.4"})
    # Engines stand on this machine or beside it: no proxy is asked.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            body: bytes = answer.read(MAX_PAGE_BYTES + 1)
    except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise EngineError(f"{endpoint.url} does not answer ({reason})") from error
    if len(body) > MAX_PAGE_BYTES:
        raise EngineError(f"{endpoint.url} is longer than {MAX_PAGE_BYTES} bytes")
    return body.decode("utf-8", "replace")
