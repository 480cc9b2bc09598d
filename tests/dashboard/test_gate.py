"""Who gets in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from latprobe_dashboard.gate import CONTENT_SECURITY_POLICY, Gate, Rules

LOCAL = "http://127.0.0.1:8788"


async def _page(_request: Any) -> PlainTextResponse:
    return PlainTextResponse("inside")


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("inside")
    await socket.close()


def _client(rules: Rules, *, base_url: str = LOCAL) -> TestClient:
    app = Starlette(routes=[Route("/{path:path}", _page), WebSocketRoute("/ws", _socket)])
    return TestClient(Gate(app, rules=rules), base_url=base_url, follow_redirects=False)


def test_the_local_browser_gets_in_under_a_strict_policy() -> None:
    answer = _client(Rules()).get("/", headers={"Origin": LOCAL})
    assert (answer.status_code, answer.text) == (200, "inside")
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8788", "", "127.0.0.1.evil.example"]
)
def test_a_name_that_only_points_here_is_refused(host: str) -> None:
    assert _client(Rules()).get("/", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999"])
def test_another_sites_page_is_refused(origin: str) -> None:
    assert _client(Rules()).get("/", headers={"Origin": origin}).status_code == 403


def test_another_sites_websocket_is_refused() -> None:
    client = _client(Rules())
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect("/ws", headers={"Origin": "http://evil.example"}),
    ):
        pass
    assert refused.value.code == 1008
    with client.websocket_connect("/ws", headers={"Host": "127.0.0.1:8788"}) as socket:
        assert socket.receive_text() == "inside"


def test_with_a_token_nobody_gets_in_without_it() -> None:
    client = _client(Rules(token="s3cret"))
    assert client.get("/").status_code == 401
    assert client.get("/?token=wrong").status_code == 401
    bearer = client.get("/", headers={"Authorization": "Bearer s3cret"})
    assert bearer.status_code == 200


def test_the_token_moves_from_the_address_into_a_cookie() -> None:
    client = _client(Rules(token="s3cret"))
    answer = client.get("/trace?id=ab&token=s3cret")
    assert (answer.status_code, answer.headers["location"]) == (303, "/trace?id=ab")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/trace?id=ab").status_code == 200


def test_the_redirect_cannot_lead_to_another_site() -> None:
    answer = _client(Rules(token="s3cret")).get(f"{LOCAL}//evil.example/?token=s3cret")
    assert answer.headers["location"] == "/evil.example/"


def test_on_a_public_address_any_name_works_but_only_with_the_token() -> None:
    client = _client(Rules(hosts=None, token="s3cret"), base_url="http://box.lan:8788")
    assert client.get("/").status_code == 401
    shown = {"Authorization": "Bearer s3cret"}
    assert client.get("/", headers=shown).status_code == 200
    assert client.get("/", headers={**shown, "Origin": "http://evil"}).status_code == 403


def test_what_is_not_a_request_passes_untouched() -> None:
    seen = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        return None

    asyncio.run(Gate(app, rules=Rules(token="s3cret"))({"type": "lifespan"}, nothing, nothing))
    assert seen == ["lifespan"]
