"""The Analyze, Compare and Stage pages in a real browser: what fills in later, what is picked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.test_browser import (  # noqa: F401  # fixtures
    Watched,
    browser,
    contexts,
    home,
    served,
    tab,
)
from tests.waiting import wait_until

pytestmark = pytest.mark.browser


def _filled(tab: Watched) -> Any:  # noqa: F811  # the fixture's name
    """Waits until nothing on the page is worked out any more."""
    tab.settle()
    wait_until(lambda: tab.page.locator(".lp-later").count() == 0, timeout_s=60)
    return tab.settle().page


def test_the_verdict_fills_in_and_links_to_what_changed(tab: Watched) -> None:  # noqa: F811
    tab.open("/")
    tab.page.locator(".lp-answer", has_text="in half the time takes").wait_for()
    _filled(tab)
    tab.page.get_by_test_id("stPageLink").get_by_text("What changed?").click()
    tab.page.wait_for_url(re.compile(r"/compare\?.*a=1"))
    tab.page.locator("table[aria-label='Whole request']").wait_for()


@pytest.mark.parametrize("tab", ["light", "dark"], indirect=True)
def test_a_row_of_the_gains_asks_what_if(tab: Watched) -> None:  # noqa: F811
    tab.open("/analyze")
    _filled(tab)
    row = tab.page.locator("table[aria-label='What requests would gain'] tbody tr").nth(1)
    name = row.locator("td").first.inner_text().strip()
    row.click()
    tab.page.wait_for_url(re.compile("whatif=" + re.escape(name)))
    tab.page.get_by_text(f"latprobe whatif --stage {name} --scale 0.5").wait_for()
    tab.page.wait_for_selector("canvas[data-rows='3']")


def test_the_what_if_chart_is_saved_as_a_picture(tab: Watched) -> None:  # noqa: F811
    tab.open("/analyze?whatif=ocr&change=remove")
    tab.page.wait_for_selector("canvas[data-rows='3']")
    page = _filled(tab)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save what-if as a picture").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")


def test_a_cell_of_the_heatmap_opens_with_the_keyboard(tab: Watched) -> None:  # noqa: F811
    tab.open("/stage?name=ocr")
    tab.page.wait_for_selector("canvas[data-cells]")
    page = _filled(tab)
    canvas = page.locator("canvas[data-cells]")
    canvas.focus()
    for key in ("ArrowLeft", "Enter"):
        page.keyboard.press(key)
    page.locator("table[aria-label='Spans of the cell'] tbody tr").first.wait_for()
    assert "cell=" in page.url
