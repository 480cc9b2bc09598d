"""The door: every HTTP request and WebSocket passes here before Streamlit sees it.

A bare Streamlit server accepts a WebSocket from any Host and Origin, so a web page that points its
own name at 127.0.0.1 (DNS rebinding) could read every trace. Here a wrong Host or a foreign Origin
is 403, and where a token is set, whoever does not show it gets 401.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
COOKIE = "latprobe_token"

# Data frames and our components run under this; everything from elsewhere is refused.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' ws: wss: data: blob:; worker-src 'self' blob:; frame-ancestors 'none'; "
    "base-uri 'self'; form-action 'self'"
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may come in. `hosts` None means any name, which only a token makes safe."""

    hosts: frozenset[str] | None = LOOPBACK_NAMES
    token: str | None = None


class Gate:
    """ASGI middleware that refuses what the rules do not allow."""

    def __init__(self, app: ASGIApp, *, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        answer = self._refusal(scope)
        if answer is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
        else:
            await answer(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if self._rules.hosts is not None and _name(host) not in self._rules.hosts:
            return PlainTextResponse("This host name is not served here.", 403)
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return PlainTextResponse("Requests from another site are refused.", 403)
        return self._missing_token(scope, headers)

    def _missing_token(self, scope: Scope, headers: dict[bytes, str]) -> Response | None:
        token = self._rules.token
        if token is None or _shown_token(headers, token):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token", "")
        if scope["type"] == "http" and _same(given, token):
            return _welcome(scope["path"], [pair for pair in query if pair[0] != "token"], token)
        return PlainTextResponse("Open this page with ?token=... from the command's output.", 401)


def _welcome(path: str, query: list[tuple[str, str]], token: str) -> Response:
    # The path is rebuilt with one leading slash: "//elsewhere" would be another site.
    target = "/" + path.lstrip("/") + (f"?{urlencode(query)}" if query else "")
    answer = RedirectResponse(target, status_code=303)
    answer.set_cookie(COOKIE, token, httponly=True, samesite="strict")
    return answer


def _shown_token(headers: dict[bytes, str], token: str) -> bool:
    scheme, _, bearer = headers.get(b"authorization", "").partition(" ")
    if scheme.lower() == "bearer" and _same(bearer.strip(), token):
        return True
    try:
        morsel = SimpleCookie(headers.get(b"cookie", "")).get(COOKIE)
    except CookieError:
        return False
    return morsel is not None and _same(morsel.value, token)


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _name(host: str) -> str:
    """The host without its port, lower case; "[::1]:8788" keeps its brackets."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return send_with_headers
