"""The scripts that the browser is told of with the first answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import streamlit
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from latprobe_dashboard import preloading
from latprobe_dashboard.preloading import (
    ELEMENTS,
    PAGE_ELEMENTS,
    Preloading,
    element_scripts,
    header,
)


async def _page(_request: Any) -> HTMLResponse:
    return HTMLResponse("<html><head><title>a page</title></head></html>")


async def _text(_request: Any) -> PlainTextResponse:
    return PlainTextResponse("no page")


def _client(**more: str) -> TestClient:
    app = Starlette(routes=[Route("/text", _text), Route("/{path:path}", _page)])
    return TestClient(Preloading(GZipMiddleware(app, minimum_size=1), **more))


def test_pages_and_nothing_else_name_the_scripts() -> None:
    client = _client()
    assert client.get("/tokens").headers["link"] == header(element_scripts(), "")
    assert "link" not in client.get("/text").headers


def test_a_page_says_where_the_server_is_so_that_no_one_looks_for_it() -> None:
    answer = _client(base_path="tools/latprobe").get("/stage", headers={"accept": "text/html"})
    told = 'window.__streamlit={BACKEND_BASE_URL:location.origin+"/tools/latprobe/"}'
    assert answer.text.startswith(f"<html><head><script>{told}</script><title>")
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert _client().head("/stage").status_code == 200
    assert _client().get("/text").text == "no page"


def test_behind_a_proxy_the_scripts_have_its_path() -> None:
    link = _client(base_path="tools/latprobe").get("/").headers["link"]
    assert link.startswith("</tools/latprobe/static/js/")


def test_a_page_with_controls_of_its_own_names_theirs_too() -> None:
    link = _client(base_path="tools/latprobe").get("/tools/latprobe/traces/").headers["link"]
    assert link == header(element_scripts("traces"), "tools/latprobe")
    assert "/Pagination." in link
    assert "/Pagination." not in header(element_scripts(), "")


@pytest.mark.parametrize("page", ["", *PAGE_ELEMENTS])
def test_the_scripts_are_files_of_the_installed_streamlit(page: str) -> None:
    scripts = element_scripts(page)
    static = Path(streamlit.__file__).parent / "static"
    assert len(scripts) >= len(ELEMENTS) + len(PAGE_ELEMENTS.get(page, ()))
    assert [each for each in scripts if not (static / each).is_file()] == []


def test_a_streamlit_without_its_list_of_files_loads_as_it_always_did(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(streamlit, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setattr(preloading, "element_scripts", preloading.element_scripts.__wrapped__)
    assert "link" not in _client().get("/").headers
