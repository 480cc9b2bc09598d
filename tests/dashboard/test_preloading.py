"""The scripts that the browser is told of with the first answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from latprobe_dashboard import preloading
from latprobe_dashboard.preloading import ELEMENTS, Preloading, element_scripts, header


async def _page(_request: Any) -> HTMLResponse:
    return HTMLResponse("<p>a page</p>")


async def _text(_request: Any) -> PlainTextResponse:
    return PlainTextResponse("no page")


def _client(**more: str) -> TestClient:
    app = Starlette(routes=[Route("/text", _text), Route("/{path:path}", _page)])
    return TestClient(Preloading(app, **more))


def test_pages_and_nothing_else_name_the_scripts() -> None:
    client = _client()
    assert client.get("/stage").headers["link"] == header(element_scripts(), "")
    assert "link" not in client.get("/text").headers


def test_behind_a_proxy_the_scripts_have_its_path() -> None:
    link = _client(base_path="tools/latprobe").get("/").headers["link"]
    assert link.startswith("</tools/latprobe/static/js/")


def test_the_scripts_are_files_of_the_installed_streamlit() -> None:
    scripts = element_scripts()
    static = Path(streamlit.__file__).parent / "static"
    assert len(scripts) >= len(ELEMENTS)
    assert [each for each in scripts if not (static / each).is_file()] == []


def test_a_streamlit_without_its_list_of_files_loads_as_it_always_did(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(streamlit, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setattr(preloading, "element_scripts", preloading.element_scripts.__wrapped__)
    assert "link" not in _client().get("/").headers
