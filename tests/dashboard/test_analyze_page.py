"""The Analyze page: its figures are those of the commands, and each state says what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from latprobe.analysis.requests import fetch_requests
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.whatif import Parallel, Prediction, Replicas, Scale, Tokens
from latprobe.analysis.whatif.gains import gains
from latprobe.errors import NoDataError
from latprobe.store.reader import Reader, open_reader
from latprobe_dashboard import analysis_queries, data, gain_words, heat_queries, later
from latprobe_dashboard.answers import Answers
from latprobe_dashboard.heat_queries import Place
from latprobe_dashboard.pages.whatif_choice import KINDS, Choice, parse
from tests.dashboard.seeding import END_NS, add_requests, add_runs, new_store, newer_store, seed
from tests.dashboard.seeding_calls import seed_calls

LONG_S = 60.0


def _unattended(home: Path) -> Reader:
    return open_reader(home, start_agent=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seed_calls(tmp_path_factory.mktemp("analyze") / "store", requests=120)


@pytest.fixture(autouse=True)
def _waits_for_answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(later, "PATIENCE_S", LONG_S)
    yield
    data.close()


def _run(home: Path, page: str = "analyze", **address: str) -> AppTest:
    data.use_store(home, opener=_unattended)
    script = f"from latprobe_dashboard.pages import {page}\n{page}.render()\n"
    app = AppTest.from_string(script, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert [error.value for error in app.exception] == []
    return app


def _markup(app: AppTest) -> str:
    return "".join(element.proto.body for element in app.get("html"))


def _words(app: AppTest) -> str:
    return " ".join(str(each.value) for each in [*app.info, *app.error, *app.warning])


def _answers(app: AppTest) -> list[str]:
    found = [each.proto.body for each in app.get("html")]
    return [each for each in found if each.startswith('<p class="lp-answer">')]


def test_the_verdict_names_the_stage_and_its_gain_with_the_interval(home: Path) -> None:
    app = _run(home)
    data.close()
    with open_reader(home, start_agent=False) as store:
        found = gains(store.query, fetch_requests(store.query, EVERYTHING))
    best = gain_words.best(found)
    assert best is not None
    assert _answers(app)[0] == f'<p class="lp-answer">{gain_words.verdict(found)}</p>'
    assert f"<bdi>{best.stage}</bdi></b> in half the time takes" in _answers(app)[0]
    assert " off p50 and " in _answers(app)[0]


def test_the_prediction_is_that_of_the_command(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from latprobe.cli.main import app as commands

    choice = Choice("ocr", "time", 30)
    data.use_store(home, opener=_unattended)
    data.has_spans()
    change = choice.change()
    assert change is not None
    shown = analysis_queries.prediction(EVERYTHING, [change]).get()
    data.close()
    monkeypatch.setenv("LATPROBE_AGENT", "off")
    words = choice.command().split()[1:]
    done = CliRunner().invoke(commands, [*words, "--json", "--home", str(home)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == shown.to_json()


def test_the_address_asks_and_the_page_shows_before_and_after(home: Path) -> None:
    app = _run(home, whatif="ocr", change="remove")
    headline = _answers(app)[1]
    assert "p50 " in headline
    assert " → <b>" in headline
    assert "latprobe whatif --stage ocr --remove" in _markup(app)
    assert not app.error


def test_a_refusal_says_why(home: Path) -> None:
    app = _run(home, whatif="ocr", change="beside", beside="llm.generate")
    if "No prediction:" not in _words(app):
        assert len(_answers(app)) == 2
    refused = _run(home, whatif="image.decode", change="output", by="50")
    assert "No prediction:" in _words(refused)


def test_beside_asks_for_the_other_stage(home: Path) -> None:
    assert "Choose the stage to run it beside" in _words(_run(home, whatif="ocr", change="beside"))


def test_choosing_another_change_is_kept_in_the_address(home: Path) -> None:
    app = _run(home, whatif="ocr")
    next(box for box in app.selectbox if box.key == "w_change").select("cache").run()
    assert app.query_params["change"] in ("cache", ["cache"])
    assert "--cache-hit 0.3" in _markup(app)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"whatif": "no.such"}, "No stage called no.such"),
        ({"change": "magic"}, "magic is not a change"),
        ({"by": "-3"}, "-3 is not a number from 0 to 1,000"),
        ({"by": "nan"}, "nan is not a number"),
        ({"change": "replicas", "by": "0"}, "0 is not a number from 1"),
    ],
)
def test_an_address_that_means_nothing_gets_one_sentence(
    address: dict[str, str], said: str, home: Path
) -> None:
    _, notes = parse(address, ["ocr", "llm"], "llm")
    assert said in " ".join(notes)


@pytest.mark.parametrize(
    ("choice", "change"),
    [
        (Choice("a", "time", 30), Scale("a", 0.3)),
        (Choice("a", "output", 40), Tokens("a", output_factor=1 - 0.4)),
        (Choice("a", "input", 80), Tokens("a", input_factor=1 - 0.8)),
        (Choice("a", "beside", 0, "b"), Parallel("a", "b")),
        (Choice("a", "beside", 0, None), None),
        (Choice("a", "replicas", 3), Replicas("a", 3)),
    ],
)
def test_a_choice_is_the_change_it_says(choice: Choice, change: object) -> None:
    assert choice.change() == change


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_gives_its_choice_back(kind: str) -> None:
    choice = Choice("a", kind, KINDS[kind].usual, "b" if kind == "beside" else None)
    assert parse(choice.query_params(), ["a", "b"], "b") == (choice, [])


def test_slow_against_fast_changes_and_load_are_there(home: Path) -> None:
    markup = _markup(_run(home))
    assert "Slow against fast" in markup
    assert "When it changed" in markup
    assert "requests at once on average" in markup


def test_few_requests_say_how_many_are_needed(tmp_path: Path) -> None:
    app = _run(seed(tmp_path / "store", requests=3))
    assert "20 finished requests are needed" in _answers(app)[0]
    assert "slow against fast needs 100" in _words(app)
    assert not app.error


def test_an_empty_store_says_how_to_get_data(tmp_path: Path) -> None:
    new_store(tmp_path / "store").close()
    assert "import latprobe.auto" in _run(tmp_path / "store").code[0].value


def test_a_store_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    newer_store(tmp_path / "store")
    assert len(_run(tmp_path / "store").error) == 1


def test_a_slow_answer_leaves_a_box_and_the_page_goes_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(later, "PATIENCE_S", 0.0)
    monkeypatch.setattr(later, "_kept", Answers(128))
    app = _run(home)
    assert 'class="lp-later"' in _markup(app)
    assert 'data-lp="ready"' in _markup(app)


def test_the_overview_begins_with_what_to_change_once_that_is_known(home: Path) -> None:
    data.use_store(home, opener=_unattended)
    data.has_spans()
    analysis_queries.gains(Scope()).get()
    answers = _answers(_run(home, "overview"))
    assert "in half the time takes" in answers[0]
    assert "of what requests wait for" in answers[1]


def test_the_stage_page_shows_the_cell_of_the_address(home: Path) -> None:
    data.use_store(home, opener=_unattended)
    scope = Scope(stage="ocr")
    data.has_spans()
    heat = analysis_queries.heat(scope)
    assert heat is not None
    assert sum(map(sum, heat.counts)) == 360
    row, column = next(
        (r, c) for r, line in enumerate(heat.counts) for c, count in enumerate(line) if count
    )
    place = heat.place(row, column)
    spans = analysis_queries.cell(scope, place)
    assert len(spans) == min(heat.counts[row][column], heat_queries.EXAMPLES)
    low, high = place.edges_ms
    assert all(low <= span.duration_ms <= high for span in spans)
    app = _run(home, "stage", name="ocr", cell=place.text())
    assert "The longest spans of" in _markup(app)
    assert not app.error


def test_a_heatmap_counts_the_same_from_rollups_and_from_spans(tmp_path: Path) -> None:
    with new_store(tmp_path / "store") as connection:
        add_runs(connection, start_ns=END_NS, second_ns=END_NS)
        add_requests(connection, requests=60, end_ns=END_NS, length_ns=3_600_000_000_000)
    with open_reader(tmp_path / "store", start_agent=False) as store:
        rolled = heat_queries.read_heat(store.query, Scope(stage="ocr"))
        raw = heat_queries.read_heat(store.query, Scope(stage="ocr", from_ns=1))
    assert rolled is not None
    assert raw is not None
    assert rolled.low_bin == raw.low_bin
    assert [sum(row) for row in rolled.counts] == [sum(row) for row in raw.counts]


@pytest.mark.parametrize("text", ["", "x", "1-2", "1-0-3", "-1-2-3", f"{10**19}-1-1", "1-1-999"])
def test_a_cell_that_means_nothing_is_none(text: str) -> None:
    assert Place.parse(text) is None


def test_a_cell_goes_through_the_address() -> None:
    place = Place(END_NS, 60_000_000_000, 112)
    assert Place.parse(place.text()) == place


def test_an_error_is_an_answer_too() -> None:
    def fails() -> Prediction:
        raise NoDataError("nothing there")

    asked = later.Later(("test", object()), fails)
    with pytest.raises(NoDataError):
        asked.get()
    assert asked.is_there


def test_several_services_at_once_are_said_until_one_is_chosen(tmp_path: Path) -> None:
    home = seed(tmp_path / "store", requests=12, services=("chat", "search"))
    mixed = "Requests of 2 services are looked at as one"
    assert mixed in _markup(_run(home))
    assert mixed not in _markup(_run(home, service="chat"))
