"""The Prompts page: what could be saved, every way to write it, its states and its use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.clock import wall_ns
from latprobe.store.reader import Reader, open_reader
from latprobe_dashboard import data
from latprobe_dashboard.pages import prompts
from latprobe_dashboard.prompt_savings import prompt_savings, usd_per_1000
from tests.dashboard.browsing import Served
from tests.dashboard.drawn import drawn
from tests.dashboard.seeding import new_store, seed_names
from tests.dashboard.seeding_calls import without_content, without_parts
from tests.dashboard.seeding_prompts import seed_prompts
from tests.dashboard.test_browser import Watched, browser, contexts  # noqa: F401  # fixtures
from tests.waiting import wait_until

PAGE = "from latprobe_dashboard.pages import prompts\nprompts.render()\n"


def _unattended(home: Path) -> Reader:
    return open_reader(home, start_agent=False)


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seed_prompts(tmp_path_factory.mktemp("prompts") / "store", requests=40)


@pytest.fixture(autouse=True)
def _closed_afterwards() -> Iterator[None]:
    yield
    data.close()


def _run(home: Path, **address: str) -> AppTest:
    """The page once its grey boxes are filled."""
    data.use_store(home, opener=_unattended)
    app = AppTest.from_string(PAGE, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    if data.has_spans():
        prompts.savings(EVERYTHING).get()
    for _ in range(100):
        app.run()
        assert [error.value for error in app.exception] == []
        if not app.get("skeleton"):
            break
    return app


def _markup(app: AppTest) -> str:
    return "".join(element.proto.body for element in app.get("html"))


def _said(app: AppTest) -> str:
    spoken = [*app.info, *app.error, *app.warning, *app.markdown, *app.subheader]
    return " ".join(str(element.value) for element in spoken)


def _answer(app: AppTest) -> str:
    found = re.search(r'<p class="lp-answer">(.*?)</p>', _markup(app))
    assert found is not None
    return re.sub("<.*?>", "", found[1])


def test_savings_are_counted_on_the_newest_calls(normal: Path) -> None:
    with _unattended(normal) as reader:
        found = {each.stage: each for each in prompt_savings(reader.query, EVERYTHING)}
        assert prompt_savings(reader.query, Scope(run_id=99)) == ()
    heavy, light = found["llm.answer"], found["llm.title"]
    assert heavy.seen == 8
    assert heavy.hidden == 0
    assert heavy.is_exact
    retrieved = [
        heavy.parts[part.hash]
        for call in heavy.calls
        for part in call.parts
        if part.kind == "retrieved" and part.hash is not None
    ]
    assert all(0.5 < part.lossless / part.tokens < 0.9 for part in retrieved)
    assert heavy.input_lossless == pytest.approx(sum(part.lossless for part in retrieved) / 8)
    assert heavy.near >= heavy.lossless
    assert (light.lossless, light.usd_per_1000) == (0.0, 0.0)
    cost = sum(call.cost_usd or 0 for call in heavy.calls) / 8
    assert heavy.usd_per_1000 is not None
    assert 0 < heavy.usd_per_1000 < 1_000 * cost


def test_a_saving_has_no_price_where_the_calls_have_none() -> None:
    assert usd_per_1000([], 100.0, 0.0) is None


def test_the_answer_names_the_prompt_and_what_it_wastes(normal: Path) -> None:
    assert re.fullmatch(
        r"Each call of orders\.answer could be \d+ tokens \(\d\d\.\d %\) shorter with nothing lost,"
        r" which saves \$0\.\d+ per 1,000 calls\.",
        _answer(_run(normal)),
    )


def test_the_heaviest_part_is_shown_with_its_best_way(normal: Path) -> None:
    markup = _markup(_run(normal))
    assert re.search(r"<b>\d+ → \d+ tokens</b> \(\u2212\d\d\.\d %\)", markup)
    assert "less per 1,000 such calls" in markup
    assert "<b>Lossless.</b> Checked: " in markup


def test_the_parts_of_a_call_show_what_the_store_counted(tmp_path: Path) -> None:
    """Not what the page counts anew to compare ways, with a tokenizer that may be another."""
    home = seed_prompts(tmp_path / "store", requests=3)
    with duckdb.connect(str(home / "latprobe.duckdb")) as connection:
        connection.execute(
            "UPDATE call_parts SET tokens = 1234, tokens_estimated = (part = 'retrieved')"
        )
    shown = next(
        each for each in drawn(_run(home), "latprobe_rows") if each["label"] == "Parts of a call"
    )
    counted = {row["cells"][0]["t"]: row["cells"][1]["t"] for row in shown["rows"]}
    assert counted["System"] == "1,234"
    assert {text for name, text in counted.items() if name.startswith("Retrieved")} == {"~1,234"}


def test_the_address_chooses_template_part_and_way(normal: Path) -> None:
    with _unattended(normal) as reader:
        (heavy,) = (
            each for each in prompt_savings(reader.query, EVERYTHING) if each.stage == "llm.answer"
        )
    app = _run(normal, template=heavy.template or "", part="2", option="json_minify")
    assert "JSON minified" in str([each.proto for each in app.get("bidi_component")])
    system = _run(normal, template=heavy.template or "", part="1")
    assert "no way to write them shorter was found" in _markup(system)
    unknown = _run(normal, template="ffff")
    assert "That template has no calls here" in _said(unknown)


def test_where_no_shorter_way_is_found_the_page_says_what_was_tried(tmp_path: Path) -> None:
    home = seed_prompts(tmp_path / "store", requests=3)
    with duckdb.connect(str(home / "latprobe.duckdb")) as connection:
        connection.execute("UPDATE prompts SET text = 'Answer in one word: yes or no?'")
    said = _answer(_run(home))
    assert said.startswith("No shorter way was found to write these prompts with nothing lost.")
    assert "Tried on each text" in said
    assert "wastes" not in said


def test_without_content_the_page_says_what_it_cannot_see(tmp_path: Path) -> None:
    home = without_content(seed_prompts(tmp_path / "store", requests=6))
    app = _run(home)
    assert _answer(app).startswith("The texts of these prompts are not kept")
    assert "What this page cannot see" in _said(app)
    assert drawn(app, "latprobe_listing")[0]["text"] == "export LATPROBE_CONTENT=local"


def test_calls_without_prompts_say_how_to_record_them(tmp_path: Path) -> None:
    app = _run(without_parts(seed_prompts(tmp_path / "store", requests=6)))
    assert "These calls came without their prompts" in _said(app)


def test_a_store_without_model_calls_says_how_to_get_some(tmp_path: Path) -> None:
    app = _run(seed_names(tmp_path / "store", ["resize"]))
    assert "No model call has been recorded yet" in _said(app)


def test_an_empty_store_says_how_to_get_data(tmp_path: Path) -> None:
    new_store(tmp_path / "store").close()
    assert "Nothing has been recorded here yet" in _said(_run(tmp_path / "store"))


def test_hostile_and_huge_texts_are_text(tmp_path: Path) -> None:
    home = seed_prompts(tmp_path / "store", requests=3)
    bad = "<script>alert(1)</script>\x00\u202e" + "m " * 300_000
    with duckdb.connect(str(home / "latprobe.duckdb")) as connection:
        connection.execute("UPDATE prompts SET text = ?", [bad])
        connection.execute("UPDATE templates SET text = ?, name = ?", [bad, bad[:53]])
        connection.execute("UPDATE call_parts SET role = ?, name = ?", [bad[:53], bad[:53]])
    markup = _markup(_run(home))
    assert "&lt;script&gt;" in markup
    assert "<script" not in markup
    assert not {"\x00", "\u202e"} & set(markup)


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
    browser: Any,  # noqa: F811  # a fixture
) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("prompts_browser") / "store"
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


@pytest.mark.browser
@pytest.mark.parametrize("tab", ["light", "dark"], indirect=True)
def test_the_page_is_drawn_in_either_theme(tab: Watched) -> None:
    tab.open("/prompts")
    tab.page.wait_for_selector("pre[aria-label=After] .new")
    tab.page.wait_for_selector("pre[aria-label=Before] .gone")
    assert "shorter with nothing lost" in tab.page.locator(".lp-answer").first.inner_text()


@pytest.mark.browser
def test_a_way_is_chosen_with_the_keyboard_and_kept_in_the_address(tab: Watched) -> None:
    tab.open("/prompts")
    way = tab.page.locator("table[aria-label='Ways to write it'] a", has_text="JSON minified")
    way.last.focus()
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url(re.compile("option=json_minify"))
    note = tab.page.locator("header span", has_text="JSON minified")
    note.wait_for()
    tab.open(tab.page.url.removeprefix(tab.url))
    note.wait_for()
    assert note.is_visible()


@pytest.mark.browser
def test_a_part_and_a_template_are_chosen_by_their_rows(tab: Watched) -> None:
    tab.open("/prompts")
    parts = tab.page.locator("table[aria-label='Parts of a call'] tbody tr")
    parts.filter(has_text="System").click()
    tab.page.wait_for_url(re.compile("part=1"))
    tab.page.get_by_text("no way to write them shorter was found").wait_for()
    text = tab.page.locator("pre[aria-label=Text]")
    text.wait_for()
    assert not tab.page.locator("pre[aria-label=After]").is_visible()
    assert not tab.page.get_by_role("button", name="Copy the new text").is_visible()
    templates = tab.page.locator("table[aria-label='Templates by recoverable tokens'] tbody tr")
    templates.filter(has_text="chat.title").click()
    tab.page.wait_for_url(re.compile("template="))
    wait_until(lambda: "part=" not in tab.page.url)
    tab.page.locator(".lp-h", has_text="chat.title").wait_for()
    # On a small screen, too, the tables have room for all of their columns.
    tab.page.set_viewport_size({"width": 1280, "height": 800})
    wait_until(lambda: _cut_off(tab) == 0)
    assert _cut_off(tab) == 0
    tab.page.set_viewport_size({"width": 1440, "height": 900})


def _cut_off(tab: Watched) -> int:
    """The pixels by which the widest table exceeds its place."""
    over = "found => Math.max(...found.map((each) => each.scrollWidth - each.clientWidth))"
    return int(tab.page.locator(".shell .frame").evaluate_all(over))


@pytest.mark.browser
def test_the_new_text_is_copied(tab: Watched) -> None:
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.open("/prompts")
    tab.page.wait_for_selector("pre[aria-label=After] .new")
    tab.page.get_by_role("button", name="Copy the new text").click()
    tab.page.get_by_text("Copied").wait_for()
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert copied == tab.page.locator("pre[aria-label=After]").inner_text()
