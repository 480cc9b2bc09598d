"""Every page in every state it can meet, without a browser."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from latprobe.analysis.scope import EVERYTHING
from latprobe.errors import StoreError
from latprobe.store.folder_lock import StoreBusyError
from latprobe.store.reader import Reader, open_reader
from latprobe_dashboard import connection, data, shown_text
from latprobe_dashboard.pages import overview_cards
from tests.dashboard.seeding import HOUR_NS, new_store, newer_store, seed, seed_names
from tests.dashboard.seeding_calls import seed_calls

PAGES = (
    "overview",
    "analyze",
    "compare",
    "stage",
    "request",
    "gpu",
    "tokens",
    "traces",
    "live",
    "health",
)
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\x1b[31mred\x1b[0m",
    "abc\u202etxt.exe",
    "nul\x00here",
    "m" * 1_048_576,
    "\U0001f600 \u6587\u66f8",
    "**bold** [link](http://example.com) $x$ :red[x]",
    "",
]


def _unattended(home: Path) -> Reader:
    return open_reader(home, start_agent=False)


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seed(tmp_path_factory.mktemp("normal") / "store", requests=60)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seed_names(tmp_path_factory.mktemp("hostile") / "store", HOSTILE)


@pytest.fixture(autouse=True)
def _closed_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("latprobe_dashboard.later.PATIENCE_S", 60.0)
    yield
    data.close()


def _run(page: str, home: Path, **address: str) -> AppTest:
    data.use_store(home, opener=_unattended)
    script = f"from latprobe_dashboard.pages import {page}\n{page}.render()\n"
    app = AppTest.from_string(script, default_timeout=30)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert [error.value for error in app.exception] == []
    return app


def _markup(app: AppTest) -> str:
    """All HTML that the page hands to the browser."""
    return "".join(element.proto.body for element in app.get("html"))


def _words(app: AppTest) -> str:
    spoken = [*app.info, *app.error, *app.warning, *app.markdown, *app.subheader]
    return " ".join(str(element.value) for element in spoken)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_answers_on_a_normal_store(page: str, normal: Path) -> None:
    app = _run(page, normal)
    assert len(app.title) == 1
    assert 'class="lp-answer"' in _markup(app)
    assert 'data-lp="ready"' in _markup(app)
    assert not app.error


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_an_empty_store_says_how_to_get_data(page: str, tmp_path: Path) -> None:
    new_store(tmp_path / "store").close()
    app = _run(page, tmp_path / "store")
    assert "import latprobe.auto" in app.code[0].value
    assert not app.error


@pytest.mark.parametrize("page", PAGES)
def test_a_page_without_a_store_says_how_to_get_data(page: str, tmp_path: Path) -> None:
    app = _run(page, tmp_path / "nothing")
    assert "Nothing has been recorded here yet" in _words(app)


def test_a_page_of_a_store_that_was_damaged_says_so(tmp_path: Path) -> None:
    (tmp_path / "latprobe.duckdb").write_bytes(b"random bytes" * 1000)
    app = _run("overview", tmp_path)
    assert "was damaged and is kept aside as latprobe.duckdb.damaged-" in app.error[0].value


@pytest.mark.parametrize(
    ("origins", "words"),
    [
        ((), "as recorded"),
        (("prices",), "by list prices"),
        (("provider",), "as reported by the provider"),
        (("prices", "override"), "from list prices and your own prices"),
    ],
)
def test_the_words_of_a_cost_follow_its_origin(
    origins: tuple[str, ...], words: str, normal: Path
) -> None:
    data.use_store(normal, opener=_unattended)
    seen = data.headline(EVERYTHING)
    paid = replace(seen.requests, cost_usd=0.06)
    assert overview_cards._cost_words(replace(seen, requests=paid, cost_origins=origins)) == words


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_one_request_answers(page: str, tmp_path: Path) -> None:
    app = _run(page, seed(tmp_path / "store", requests=1))
    assert 'class="lp-answer"' in _markup(app)
    assert not app.error


# One span is no model call: the tokens page says how to get some.
@pytest.mark.parametrize("page", [page for page in PAGES if page != "tokens"])
def test_a_page_with_one_span_answers(page: str, tmp_path: Path) -> None:
    app = _run(page, seed_names(tmp_path / "store", []))
    assert 'class="lp-answer"' in _markup(app)
    assert not app.error


@pytest.mark.parametrize("page", PAGES)
def test_text_from_traces_is_never_markup(page: str, hostile: Path) -> None:
    markup = _markup(_run(page, hostile))
    assert "<script" not in markup
    assert "<img" not in markup
    assert not {"\x00", "\x1b", "\u202e"} & set(markup)
    assert "m" * 10_000 not in markup


@pytest.mark.parametrize("name", [name for name in HOSTILE if 0 < len(name) < 1_000])
def test_a_stage_with_a_strange_name_has_its_page(name: str, hostile: Path) -> None:
    app = _run("stage", hostile, name=name)
    assert html.escape(shown_text.line(name)) in _markup(app)
    assert not app.info


@pytest.mark.parametrize("at", range(1, len(HOSTILE) + 1))
def test_a_span_with_strange_attributes_has_its_panel(at: int, hostile: Path) -> None:
    app = _run("request", hostile, id="0000", span=f"{at + 1:016x}")
    assert html.escape(shown_text.line(HOSTILE[at - 1], 200)) in _markup(app)


@pytest.mark.parametrize(
    ("page", "address", "said"),
    [
        ("stage", {"name": "no.such.stage"}, "No stage called no.such.stage"),
        ("request", {"id": "ffff"}, "No trace starts with ffff"),
        ("request", {"id": "<b>"}, "is not the start of a trace id"),
        ("overview", {"window": "1y", "run": "x"}, "is not a window"),
        ("overview", {"service": "other"}, "No service is called other"),
        ("traces", {"order": "sideways"}, "is not an order"),
        ("overview", {"passes": "no.such"}, "No request has a stage no.such"),
        ("tokens", {"calls": "gpt-none"}, "No request calls a model gpt-none"),
        ("health", {"tag": "a=\x1b[31m<script>"}, "No request has an attribute"),
        ("stage", {"version": "99"}, "No run is of version 99"),
    ],
)
def test_an_address_that_means_nothing_gets_one_sentence(
    page: str, address: dict[str, str], said: str, normal: Path
) -> None:
    app = _run(page, normal, **address)
    assert said in _words(app)
    assert not app.error


@pytest.mark.parametrize("page", ["overview", "stage", "health"])
def test_a_window_without_requests_says_so(page: str, normal: Path) -> None:
    assert "Nothing was recorded" in _words(_run(page, normal, window="15m"))


def test_the_overview_names_what_requests_wait_for(normal: Path) -> None:
    markup = _markup(_run("overview", normal))
    assert "<bdi>llm.decode</bdi></b> is <b>" in markup
    assert "of what requests wait for, then <b><bdi>ocr</bdi></b>" in markup


def test_the_filters_of_the_address_reach_the_figures(normal: Path) -> None:
    everything, one_run = (_markup(_run("overview", normal, **run)) for run in ({}, {"run": "1"}))
    assert '<div class="lp-figure">60</div>' in everything
    assert '<div class="lp-figure">30</div>' in one_run


def test_a_trace_can_be_read_as_a_table(normal: Path) -> None:
    app = _run("request", normal, id="00000001")
    app.session_state["lp_as_table"] = True
    app.run()
    table = app.dataframe[0].value
    assert table["span"][0] == "answer_question"
    assert len(table) == 20


def test_a_store_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    home = tmp_path / "store"
    newer_store(home)
    app = _run("overview", home)
    assert len(app.error) == 1
    assert "Traceback" not in app.error[0].value


def test_health_shows_settings_with_where_they_come_from(
    normal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATPROBE_OTLP_TOKEN", "s3cret-token")
    app = _run("health", normal)
    words = _markup(app)
    for part in ("retention", "clock skew", "Software of this dashboard", "duckdb"):
        assert part in words
    assert "s3cret-token" not in words
    assert "s3cret-token" not in str(app)


def test_a_span_panel_shows_prompt_and_answer_as_text(tmp_path: Path) -> None:
    home = seed_calls(tmp_path / "store", requests=6)
    data.use_store(home, opener=_unattended)
    span = connection.query(
        "SELECT replace(trace_id::VARCHAR, '-', '') AS trace, format('{:016x}', span_id) AS span"
        " FROM spans WHERE model IS NOT NULL ORDER BY start_ns LIMIT 1"
    ).to_pylist()[0]
    app = _run("request", home, id=span["trace"], span=span["span"])
    assert "lp-prompt" not in _markup(app)
    app.session_state[f"lp_texts_{span['span']}"] = True
    app.run()
    assert not app.exception
    assert 'class="lp-prompt"' in _markup(app)
    assert "You answer questions" in _markup(app) or "customer wants" in _markup(app)


@pytest.mark.parametrize("view", ["flame", "waterfall", "<b>"])
def test_a_trace_can_be_looked_at_both_ways(view: str, normal: Path) -> None:
    app = _run("request", normal, id="00000001", view=view)
    assert app.session_state["w_view"] == ("flame" if view == "flame" else "waterfall")
    assert "slowest first" in _markup(app)


@pytest.mark.parametrize(
    "fault",
    [
        StoreBusyError("Another process owns the store in /somewhere."),
        StoreError("The store is being moved to schema 4; try again in a minute."),
    ],
)
def test_a_store_that_is_locked_or_migrating_is_one_sentence(
    fault: StoreError, tmp_path: Path
) -> None:
    def opener(_home: Path) -> Reader:
        raise fault

    data.use_store(tmp_path, opener=opener)
    app = AppTest.from_string("from latprobe_dashboard.pages import overview\noverview.render()\n")
    app.run(timeout=30)
    assert [error.value for error in app.error] == [str(fault)]
    assert not app.exception


@pytest.mark.parametrize("page", ["overview", "traces", "tokens"])
def test_a_year_of_requests_is_shown(page: str, tmp_path: Path) -> None:
    home = seed_calls(tmp_path / "store", requests=40, length_ns=365 * 24 * HOUR_NS)
    app = _run(page, home)
    assert not app.error
    assert not app.info


def test_a_page_drawn_again_over_the_same_rows_goes_on_resting(normal: Path) -> None:
    app = _run("overview", normal)
    first = app.session_state["latprobe_drawn"]
    app.run()
    second = app.session_state["latprobe_drawn"]
    assert (second.version, second.at_ns) == (first.version, first.at_ns)
    assert second.cost_s > first.cost_s > 0
