"""The Advice page in a browser: drawn, unfolded, marked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from latprobe.clock import wall_ns
from tests.dashboard.browsing import Served
from tests.dashboard.seeding_prompts import seed_prompts
from tests.dashboard.test_browser import Watched, browser, contexts  # noqa: F401  # fixtures
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
    browser: Any,  # noqa: F811  # a fixture
) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("advice_browser") / "store"
    seed_prompts(home, requests=40, end_ns=wall_ns())
    started = Served(home, environment={"LATPROBE_AGENT": "on", "LATPROBE_HOME": str(home)})
    yield started
    assert started.stop() == 0
    assert "Uncaught app execution" not in "".join(started.errors)


@pytest.fixture(params=["light"])
def tab(
    request: pytest.FixtureRequest,
    served: Served,
    contexts: Callable[[str], Any],  # noqa: F811  # a fixture
) -> Iterator[Watched]:
    watched = Watched(contexts(request.param).new_page(), served.url())
    watched.watch()
    yield watched
    watched.page.close()
    assert watched.faults == []


# The first visit imports the rules and works advice out: seconds, and more on a busy machine.
FIRST_MS = 180_000


@pytest.mark.browser
@pytest.mark.parametrize("tab", ["light", "dark"], indirect=True)
def test_the_page_is_drawn_in_either_theme(tab: Watched) -> None:
    tab.open("/advice")
    tab.page.wait_for_selector(".lp-card-head h3", timeout=FIRST_MS)
    assert tab.page.locator(".lp-answer").first.inner_text().startswith("First: ")


@pytest.mark.browser
def test_a_text_before_and_after_unfolds(tab: Watched) -> None:
    tab.open("/advice")
    tab.page.locator("summary", has_text="Before and after").first.click(timeout=FIRST_MS)
    after = tab.page.locator("pre[aria-label=After]").first
    after.wait_for()
    wait_until(lambda: after.inner_text() != "")
    before = tab.page.locator("pre[aria-label=Before]").first.inner_text()
    assert len(before) > len(after.inner_text()) > 0


@pytest.mark.browser
def test_marking_shows_predicted_against_measured_and_can_be_taken_back(tab: Watched) -> None:
    tab.open("/advice")
    tab.page.get_by_role("button", name="Mark as applied").first.click(timeout=FIRST_MS)
    tab.page.locator(
        ".lp-outcome", has_text=re.compile("not enough requests|not predicted")
    ).wait_for()
    tab.page.get_by_role("button", name="Take back").click()
    tab.sees(".lp-outcome", 0)
