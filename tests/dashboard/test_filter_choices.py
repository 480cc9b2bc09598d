"""What the filters offer, and that every page's figures follow them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from latprobe.analysis.scope import Scope
from latprobe.store.reader import Reader, open_reader
from latprobe_dashboard import connection, data, token_queries
from latprobe_dashboard.filter_choices import TAG_VALUES, read_choices
from tests.analysis.seeding import MemoryStore, seed
from tests.dashboard.seeding_calls import seed_calls

AUDIO = Scope(passing="audio.transcribe")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seed_calls(tmp_path_factory.mktemp("calls") / "store", requests=60)


@pytest.fixture(autouse=True)
def _store(home: Path) -> Iterator[None]:
    data.use_store(home, opener=_unattended)
    yield
    data.close()


def _unattended(home: Path) -> Reader:
    return open_reader(home, start_agent=False)


def _page(page: str, **address: str) -> str:
    script = f"from latprobe_dashboard.pages import {page}\n{page}.render()\n"
    app = AppTest.from_string(script, default_timeout=30)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    assert not app.info
    return "".join(element.proto.body for element in app.get("html"))


def test_names_come_by_how_often_they_occur() -> None:
    found = read_choices(connection.query)
    assert found.stages[0] in ("ocr", "image.decode", "image.resize")
    assert {"answer_question", "audio.transcribe"} <= set(found.stages)
    assert "qwen2.5-vl-7b" in found.models
    assert {"page=1", "lang=eng", "prompt.version=v7"} <= set(found.tags)


def test_an_attribute_with_endless_values_is_not_offered() -> None:
    store = MemoryStore()
    store.add_run(1)
    store.add_spans(
        [
            seed(at, None, "r", at, at + 1, at, attributes=f'{{"id": {at}, "a=b": 1, "lang": "x"}}')
            for at in range(1, TAG_VALUES + 5)
        ]
    )
    assert read_choices(store).tags == ("lang=x",)


@pytest.mark.parametrize(
    ("address", "requests"),
    [
        ({"passes": "audio.transcribe"}, 20),
        ({"calls": "qwen2.5-vl-7b"}, 60),
        ({"tag": "page=2"}, 60),
        ({"version": "1.5.0"}, 30),
        ({"version": "1.5.0", "passes": "audio.transcribe"}, 10),
    ],
)
def test_the_overview_counts_the_chosen_requests(address: dict[str, str], requests: int) -> None:
    assert f'<div class="lp-figure">{requests}</div>' in _page("overview", **address)


@pytest.mark.parametrize("page", ["stage", "gpu", "tokens", "traces", "health"])
def test_every_page_takes_all_filters(page: str) -> None:
    chosen = {"version": "1.5.0", "passes": "audio.transcribe", "tag": "lang=eng"}
    assert 'data-lp="ready"' in _page(page, **chosen)


def test_the_stages_of_chosen_requests_are_all_there() -> None:
    every = {row.name for row in data.overview(Scope()).stages}
    assert {row.name for row in data.overview(AUDIO).stages} == every


def test_tokens_are_those_of_the_chosen_requests() -> None:
    some, every = token_queries.tables(AUDIO), token_queries.tables(Scope())
    wanted = connection.query(
        "SELECT count(*) AS n FROM usage u WHERE u.trace_id IN"
        " (SELECT trace_id FROM spans WHERE name = 'audio.transcribe')"
    )["n"][0].as_py()
    assert 0 < some.calls.num_rows == wanted < every.calls.num_rows
    own = [sum(found.parts["tokens"].to_pylist()) for found in (some, every)]
    assert 0 < own[0] < own[1]
    cards = data.overview(AUDIO).requests
    assert cards.input_tokens == sum(some.calls["input_tokens"].drop_null().to_pylist())


def test_the_box_of_filters_offers_and_clears() -> None:
    script = "from latprobe_dashboard.pages import overview\noverview.render()\n"
    app = AppTest.from_string(script, default_timeout=30)
    app.query_params["passes"] = "ocr"
    app.session_state["lp_more_filters"] = True
    app.run()
    app.selectbox(key="w_filter_version").select("1.4.0").run()
    assert app.query_params["version"] == "1.4.0"
    assert app.query_params["passes"] == "ocr"
    app.button(key="lp_clear_filters").click().run()
    assert not {"version", "passes"} & set(app.query_params)
    assert not app.exception
