"""Every page in every state it can meet, without a browser."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from latprobe.store.reader import Reader, open_reader
from latprobe_dashboard import data, shown_text
from tests.dashboard.seeding import new_store, newer_store, seed, seed_names

PAGES = ("overview", "stage", "request", "gpu", "tokens", "traces", "live", "health")
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
def _closed_afterwards() -> Iterator[None]:
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


def test_searching_keeps_only_matching_requests(normal: Path) -> None:
    app = _run("traces", normal, search="audio.transcribe")
    assert "of 60 requests" in _markup(app)
    assert set(app.dataframe[0].value["waits most for"]) == {"audio.transcribe"}


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
