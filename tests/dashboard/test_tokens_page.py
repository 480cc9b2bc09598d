"""The Tokens page: its figures, its states without a browser, and its use in one."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.templates import heaviest_templates
from latprobe.analysis.token_totals import cost_over_time, models_used, tokens_by
from latprobe.clock import wall_ns
from latprobe.store.reader import Reader, open_reader
from latprobe_dashboard import (
    connection,
    data,
    heavy_calls,
    theme,
    token_figures,
    token_groups,
    token_queries,
)
from latprobe_dashboard.charts import token_bars, token_time
from latprobe_dashboard.pages import use_tables
from latprobe_dashboard.token_figures import TimePoint, Use
from tests.dashboard.browsing import Served
from tests.dashboard.drawn import drawn
from tests.dashboard.seeding import END_NS, HOUR_NS, new_store, seed_names
from tests.dashboard.seeding_calls import (
    ANSWER,
    RERANK,
    SUMMARY,
    seed_calls,
    without_content,
    without_parts,
)
from tests.dashboard.test_browser import Watched, browser, contexts  # noqa: F401  # fixtures
from tests.waiting import wait_until

PAGE = "from latprobe_dashboard.pages import tokens\ntokens.render()\n"
SCOPES = (
    EVERYTHING,
    Scope(run_id=2),
    Scope(from_ns=END_NS - HOUR_NS // 4),
    Scope(service="document-qa", model="gpt-4o"),
    Scope(stage="rerank", to_ns=END_NS - HOUR_NS // 2),
)


def _unattended(home: Path) -> Reader:
    return open_reader(home, start_agent=False)


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seed_calls(tmp_path_factory.mktemp("tokens") / "store", requests=60)


@pytest.fixture(autouse=True)
def _closed_afterwards() -> Iterator[None]:
    yield
    data.close()


def _run(home: Path, **address: str) -> AppTest:
    data.use_store(home, opener=_unattended)
    app = AppTest.from_string(PAGE, default_timeout=30)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert [error.value for error in app.exception] == []
    return app


def _markup(app: AppTest) -> str:
    return "".join(element.proto.body for element in app.get("html"))


def _said(app: AppTest) -> str:
    spoken = [*app.info, *app.error, *app.warning, *app.markdown, *app.subheader]
    return " ".join(str(element.value) for element in spoken)


def _digits(template: str) -> str:
    return template.replace("-", "")


def _call(home: Path, template: str) -> str:
    with duckdb.connect(str(home / "latprobe.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "SELECT replace(trace_id::VARCHAR, '-', '') || '/' || format('{:016x}', span_id)"
            " FROM usage WHERE template_id = ? ORDER BY start_ns LIMIT 1",
            [template],
        ).fetchone()
    assert found is not None
    return str(found[0])


@pytest.mark.parametrize("scope", SCOPES)
def test_templates_are_those_of_the_analysis(scope: Scope, normal: Path) -> None:
    data.use_store(normal, opener=_unattended)
    found = token_figures.uses(token_queries.tables(scope), ("template",))
    wanted = heaviest_templates(connection.query, scope, limit=100)
    assert [_figures(use) for use in found] == [
        (
            one.template_id,
            one.name,
            one.calls,
            one.input_tokens,
            pytest.approx(one.input_p50),
            pytest.approx(one.input_p95),
            one.output_tokens,
            pytest.approx(one.output_p95),
            pytest.approx(one.cost_usd),
            one.unpriced_calls,
            pytest.approx(one.cache_share),
            one.residual_input_tokens,
            one.is_exact,
            one.expected_error,
            one.stopped_calls,
        )
        for one in wanted
    ]


def _figures(use: Use) -> tuple[object, ...]:
    return (
        use.template,
        use.name,
        use.calls,
        use.input_tokens,
        use.input_p50,
        use.input_p95,
        use.output_tokens,
        use.output_p95,
        use.cost_usd,
        use.unpriced_calls,
        use.cache_share,
        use.residual_tokens,
        use.is_exact,
        use.expected_error,
        use.stopped_calls,
    )


@pytest.mark.parametrize("scope", SCOPES)
def test_parts_are_those_of_the_analysis(scope: Scope, normal: Path) -> None:
    data.use_store(normal, opener=_unattended)
    found = {
        (use.stage, use.template, part.side, part.kind): part.tokens
        for use in token_figures.uses(token_queries.tables(scope), ("stage", "template"))
        for part in use.parts
    }
    assert found == {
        (one.stage, one.template and _digits(one.template), one.side, one.part): one.tokens
        for one in tokens_by(connection.query, scope)
    }


@pytest.mark.parametrize("scope", SCOPES)
def test_models_are_those_of_the_analysis(scope: Scope, normal: Path) -> None:
    data.use_store(normal, opener=_unattended)
    found = token_figures.uses(token_queries.tables(scope), ("model",))
    assert {(use.model, use.calls, use.tokens, use.unpriced_calls) for use in found} == {
        (
            one.model,
            one.calls,
            (one.input_tokens or 0) + (one.output_tokens or 0),
            one.unpriced_calls,
        )
        for one in models_used(connection.query, scope)
    }


def test_time_is_that_of_the_analysis(normal: Path) -> None:
    data.use_store(normal, opener=_unattended)
    found = token_figures.over_time(token_queries.tables(EVERYTHING).calls, bins=30)
    step_ns = found[1].time_ns - found[0].time_ns
    assert [
        (point.time_ns, point.calls, point.input_tokens, point.output_tokens)
        for point in found
        if point.calls
    ] == [
        (one.start_ns, one.calls, one.input_tokens, one.output_tokens)
        for one in cost_over_time(connection.query, EVERYTHING, bin_ns=step_ns)
    ]
    assert len(found) <= 31


def test_the_total_of_no_calls_has_no_figures(normal: Path) -> None:
    data.use_store(normal, opener=_unattended)
    found = token_queries.tables(Scope(run_id=99))
    total = token_figures.total(found)
    assert (total.calls, total.input_tokens, total.cost_usd, total.parts) == (0, None, None, ())
    assert token_figures.uses(found, ("stage", "template")) == []
    assert token_figures.over_time(found.calls, bins=60) == []
    assert heavy_calls.heaviest_calls(found.calls, limit=5, template_id=None) == []


def test_absurd_counts_have_percentiles_too() -> None:
    values = token_groups._ordered(np.array([2**61, 3, 2**62, 5]), np.array([0, 1, 0, 1]))
    assert values.tolist() == [2**61, 2**62, 3, 5]


def test_the_answer_names_the_heaviest_prompt_its_part_its_cost_and_what_has_no_price(
    normal: Path,
) -> None:
    markup = _markup(_run(normal))
    answer = re.search(r'<p class="lp-answer">(.*?)</p>', markup)
    assert answer is not None
    words = re.sub("<.*?>", "", answer[1])
    assert re.fullmatch(
        r"qa\.answer uses \d\d\.\d % of all tokens, in 36 calls; \d\d\.\d % of its prompts is "
        r"retrieved text\. It cost \$0\.\d\d\. No price is known for qwen2\.5-vl-7b\.",
        words,
    )
    assert "parts are estimated for <bdi>qwen2.5-vl-7b</bdi> (expected error 5.0 %)" in markup
    assert "20 calls without a price" in markup


def test_the_heaviest_template_is_taken_apart_unless_another_is_asked_for(normal: Path) -> None:
    markup = _markup(_run(normal))
    assert "named by your program" in markup
    assert "<bdi>convert_currency</bdi></b>: 1 of 2 never called, ~141 tokens a call" in markup
    assert "Question: <mark>{…}</mark>" in markup
    other = _markup(_run(normal, template=SUMMARY[:13] + SUMMARY[13:]))
    assert "found by its text" in other
    assert "Sum up what the customer wants in <mark>{…}</mark> sentences." in other


def test_a_call_is_shown_with_its_parts_marked(normal: Path) -> None:
    markup = _markup(_run(normal, call=_call(normal, ANSWER)))
    shown = re.findall(r'<section class="lp-part lp-part-(\w+)">', markup)
    assert shown == [
        *("tools", "tools", "system", "few_shot", "retrieved", "user", "overhead", "output"),
    ]
    assert "<dt>input</dt>" in markup
    assert "as the provider said" in markup
    assert "list price of the day" in markup


def test_an_image_is_shown_by_its_size(normal: Path) -> None:
    pages = "00000000-0000-4000-8000-000000000004"
    markup = _markup(_run(normal, call=_call(normal, pages)))
    assert "image/png" in markup
    assert "1240 \u00d7 1754 px" in markup
    assert "<dt>price</dt><dd>not known for this model</dd>" in markup


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"template": "ffff"}, "has no calls here"),
        ({"template": "<b>"}, "has no calls here"),
        ({"call": "ffff/00"}, "No model call ffff/00 is recorded"),
        ({"call": "nonsense"}, "is not a trace id"),
    ],
)
def test_a_choice_that_means_nothing_gets_one_sentence(
    address: dict[str, str], said: str, normal: Path
) -> None:
    app = _run(normal, **address)
    assert said in _said(app)
    assert 'class="lp-answer"' in _markup(app)


def test_texts_are_never_markup_and_never_endless(tmp_path: Path) -> None:
    home = seed_calls(tmp_path / "store", requests=3)
    bad = "<script>alert(1)</script><img src=x onerror=alert(1)>\x00\u202e" + "m" * 2_000_000
    with duckdb.connect(str(home / "latprobe.duckdb")) as connection:
        connection.execute("UPDATE prompts SET text = ?, characters = 2000051", [bad])
        connection.execute("UPDATE templates SET text = ?, name = ?", [bad, bad[:53]])
        connection.execute("UPDATE call_parts SET role = ?, name = ?", [bad[:53], bad[:53]])
    call = _call(home, ANSWER)
    app = _run(home, call=call)
    whole = app.toggle(key=f"lp_whole_{call}").set_value(True).run()
    assert [error.value for error in whole.exception] == []
    for markup in (_markup(_run(home, call=call)), _markup(whole)):
        assert "&lt;script&gt;" in markup
        assert "<script" not in markup
        assert "<img" not in markup
        assert not {"\x00", "\u202e"} & set(markup)
        assert len(markup) < 800_000


def test_a_store_without_model_calls_says_how_to_get_some(tmp_path: Path) -> None:
    app = _run(seed_names(tmp_path / "store", ["resize"]))
    assert "No model call has been recorded yet" in _said(app)
    assert "import latprobe.auto" in drawn(app, "latprobe_listing")[0]["text"]


def test_an_empty_store_says_how_to_get_data(tmp_path: Path) -> None:
    new_store(tmp_path / "store").close()
    assert "Nothing has been recorded here yet" in _said(_run(tmp_path / "store"))


def test_a_window_without_calls_says_so(normal: Path) -> None:
    assert "Nothing was recorded for this choice" in _said(_run(normal, window="15m"))


def test_calls_without_prompts_keep_their_totals_and_say_how_to_record_prompts(
    tmp_path: Path,
) -> None:
    home = without_parts(seed_calls(tmp_path / "store", requests=6))
    call = _first_call(home)
    app = _run(home)
    assert "These calls came without their prompts" in _said(app)
    assert (
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
        in drawn(app, "latprobe_listing")[0]["text"]
    )
    assert "calls without their prompt use <b>100 %</b>" in _markup(app)
    shown = _markup(_run(home, call=call))
    assert "The prompt of this call was not recorded." in shown


def _first_call(home: Path) -> str:
    with duckdb.connect(str(home / "latprobe.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "SELECT trace_id::VARCHAR || '/' || format('{:x}', span_id) FROM usage LIMIT 1"
        ).fetchone()
    assert found is not None
    return str(found[0])


def test_without_content_sizes_and_hashes_are_shown(tmp_path: Path) -> None:
    home = without_content(seed_calls(tmp_path / "store", requests=6))
    markup = _markup(_run(home, template=ANSWER, call=_call(home, ANSWER)))
    assert "Its text is not kept (LATPROBE_CONTENT=off)" in markup
    assert re.search(
        r"Text not kept · [\d,]+ characters · <span class=.lp-mono.>[0-9a-f]{16}<", markup
    )
    assert "Template 00000000" in markup


def test_the_rows_as_a_file_have_each_part_and_no_formulas(normal: Path) -> None:
    data.use_store(normal, opener=_unattended)
    found = token_figures.uses(token_queries.tables(EVERYTHING), ("template",))
    first, *_ = csv.DictReader(use_tables.template_csv(found).splitlines())
    assert first["template"] == "qa.answer"
    assert int(first["retrieved_tokens"]) > int(first["system_tokens"]) > 0
    assert first["image_tokens"] == ""
    assert use_tables.csv_cell("=cmd()") == "'=cmd()"


def test_a_bar_keeps_the_answer_apart_and_marks_estimates() -> None:
    segments = (
        token_bars.Segment(theme.part_hue("system"), 300),
        token_bars.Segment(theme.part_hue("output"), 100, is_output=True, is_estimated=True),
    )
    bars = [
        token_bars.Bar("llm", 400),
        token_bars.Bar("a", 400, segments, note="System 100 %", link="tokens?template=1"),
    ]
    heading, row = token_bars.bars_data(bars, label="Bars")["rows"]
    assert heading["head"]
    assert [(one["width"], one["out"], one["words"]) for one in row["segments"]] == [
        (75.0, False, ["System", "300 tokens · 75.0 %", ""]),
        (25.0, True, ["Answer", "~100 tokens · 25.0 %", "estimated"]),
    ]


def test_without_any_price_tokens_are_drawn_over_time() -> None:
    points = [
        TimePoint(END_NS, 1, 10, 5, None, None),
        TimePoint(END_NS + 60_000_000_000, 0, None, None, None, None),
    ]
    drawn = token_time.time_data(points, height=200)
    assert (drawn["unit"], drawn["values"], drawn["has_cache"]) == ("tokens", [15.0, None], False)


def test_each_kind_of_part_has_a_colour_of_its_own() -> None:
    shades = [(hue.light, hue.dark) for hue in theme.PARTS]
    assert len(set(shades)) == len(shades)
    assert theme.part_hue("retrieved").light == theme.RETRIEVAL.light
    assert theme.part_hue("a new kind") == theme.part_hue("other")
    assert theme.part_hue("not taken apart").label == "Prompt not recorded"


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
    browser: Any,  # noqa: F811  # a fixture
) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("tokens_browser") / "store"
    seed_calls(home, requests=60, end_ns=wall_ns())
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
    tab.open("/tokens")
    tab.sees(".lp-card", 6)
    tab.page.wait_for_selector("canvas[data-points]")
    bars = tab.page.locator("table[aria-label='Tokens by stage and template'] .stack i")
    wait_until(lambda: bars.count() > 8)
    assert bars.count() > 8


@pytest.mark.browser
def test_a_template_is_chosen_with_the_keyboard_and_kept_in_the_address(tab: Watched) -> None:
    tab.open("/tokens?window=24h")
    links = tab.page.locator("table[aria-label='Templates by tokens'] a")
    links.filter(has_text="Order the passages").focus()
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url(re.compile(f"template={_digits(RERANK)}"))
    tab.page.get_by_text("Order the passages by how well they answer").wait_for()
    assert "window=24h" in tab.page.url
    tab.sees("tr.selected", 2)


@pytest.mark.browser
def test_a_bar_chooses_its_template_and_a_row_its_call(tab: Watched) -> None:
    tab.open("/tokens")
    tab.page.locator("table[aria-label='Tokens by stage and template'] tr.open").filter(
        has_text="Sum up"
    ).click()
    tab.page.wait_for_url(re.compile(f"template={_digits(SUMMARY)}"))
    tab.page.locator("table[aria-label='Heaviest calls'] tbody tr").first.click()
    tab.page.wait_for_url(re.compile("call="))
    tab.page.wait_for_selector(".lp-prompt .lp-part-history")
    link = tab.page.url.removeprefix(tab.url)
    tab.open(link)
    tab.page.wait_for_selector(".lp-prompt .lp-part-history")
    tab.page.get_by_text("Open its trace").click()
    tab.page.wait_for_url(re.compile("/trace"))


@pytest.mark.browser
def test_a_segment_tells_its_figures(tab: Watched) -> None:
    tab.open("/tokens")
    tab.page.locator("table[aria-label='Tokens by stage and template'] .stack i").first.hover()
    tip = tab.page.locator(".tip", has_text="tokens ·").first
    tip.wait_for()
    assert "System" in tip.inner_text() or "Tool schemas" in tip.inner_text()
