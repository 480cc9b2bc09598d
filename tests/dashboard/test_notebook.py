"""`latprobe.show` and `latprobe.report` in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import latprobe
from latprobe.errors import NoDataError
from tests.dashboard.seeding import END_NS, new_store, seed, seed_names
from tests.dashboard.test_browser import browser, contexts  # noqa: F401  # fixtures

HOSTILE = "</script><script>document.title='taken'</script>"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LATPROBE_AGENT", "off")
    return seed(tmp_path / "store", requests=20, end_ns=END_NS)


def test_a_console_gets_a_sentence(home: Path) -> None:
    assert repr(latprobe.show("00000003", home=home)).startswith("00000003: ")
    assert repr(latprobe.report(home=home)).startswith("20 requests, p50 ")


def test_nothing_recorded_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATPROBE_AGENT", "off")
    new_store(tmp_path / "store").close()
    with pytest.raises(NoDataError):
        latprobe.show(home=tmp_path / "store")
    with pytest.raises(NoDataError):
        latprobe.report(home=tmp_path / "store")


def test_without_the_extra_it_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("latprobe_dashboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "streamlit", None)
    for name in ("show", "report"):
        monkeypatch.delitem(vars(latprobe), name, raising=False)
    with pytest.raises(ImportError, match=r"pip install 'latprobe\[dashboard\]'"):
        _ = latprobe.show


@pytest.mark.browser
def test_both_are_drawn_and_names_stay_text(
    contexts: Callable[[str], Any],  # noqa: F811  # a fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LATPROBE_AGENT", "off")
    home = seed_names(tmp_path / "store", [HOSTILE])
    document = tmp_path / "notebook.html"
    shown = [latprobe.show("slowest", home=home), latprobe.report(home=home)]
    document.write_text("".join(each._repr_html_() for each in shown), "utf-8")
    page = contexts("light").new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(document.as_uri())
    first, second = page.frame_locator("iframe").nth(0), page.frame_locator("iframe").nth(1)
    first.locator("canvas[data-rows]").wait_for()
    second.locator("canvas").wait_for()
    assert second.locator("tbody tr").count() == 2
    second.get_by_text(HOSTILE).first.wait_for()
    assert [frame.title() for frame in page.frames] == ["", "", ""]
    page.close()
    assert faults == []
