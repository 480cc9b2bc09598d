"""The Compare page: the figures of `latprobe compare`, and what it says where there is no pair."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from latprobe.analysis.compare import RunsScope
from latprobe.analysis.scope import Scope
from latprobe.store.reader import Reader, open_reader
from latprobe_dashboard import analysis_queries, compared_runs, data, later, quantities
from latprobe_dashboard.pages import compare_words
from latprobe_dashboard.store_lists import RunChoice
from tests.dashboard.seeding import new_store, seed, seed_names


def _unattended(home: Path) -> Reader:
    return open_reader(home, start_agent=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs; in the second one a stage takes twice its time, one is new and one is gone."""
    home = seed(tmp_path_factory.mktemp("compare") / "store", requests=160)
    with duckdb.connect(str(home / "latprobe.duckdb")) as connection:
        for statement in (
            "UPDATE spans SET duration_ns = duration_ns * 2 WHERE run_id = 2 AND name = 'ocr'",
            "UPDATE spans SET duration_ns = duration_ns + 400000000"
            " WHERE run_id = 2 AND parent_span_id IS NULL",
            "UPDATE spans SET name = 'rerank.v2' WHERE run_id = 2 AND name = 'rerank'",
        ):
            connection.execute(statement)
    return home


@pytest.fixture(autouse=True)
def _waits_for_answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(later, "PATIENCE_S", 60.0)
    yield
    data.close()


def _run(home: Path, **address: str) -> AppTest:
    data.use_store(home, opener=_unattended)
    script = "from latprobe_dashboard.pages import compare\ncompare.render()\n"
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


def test_the_last_two_runs_are_compared_and_the_verdict_comes_first(home: Path) -> None:
    app = _run(home)
    assert [box.value for box in app.selectbox] == ["1", "2"]
    markup = _markup(app)
    assert '<p class="lp-answer"><b class="lp-bad">Requests got slower</b>: p50 +' in markup
    assert "Most of it in <b><bdi>" in markup
    assert "Stages that changed" in markup
    assert "Stages that appeared: rerank.v2." in markup
    assert "Stages that vanished: rerank." in markup


def test_what_did_not_change_is_folded_away(home: Path) -> None:
    boxes = _run(home).expander
    assert len(boxes) == 1
    assert boxes[0].label.startswith("No change shown in ")


def test_the_figures_are_those_of_the_command(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from latprobe.cli.main import app as commands

    data.use_store(home, opener=_unattended)
    data.has_spans()
    shown = analysis_queries.comparison(Scope(run_id=1), Scope(run_id=2)).get().to_json()
    data.close()
    monkeypatch.setenv("LATPROBE_AGENT", "off")
    done = CliRunner().invoke(
        commands,
        ["compare", "--before", "1", "--after", "2", "--json", "--home", str(home)],
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert {key: told[key] for key in shown} == json.loads(json.dumps(shown))


def test_swapping_turns_the_verdict_around(home: Path) -> None:
    app = _run(home)
    app.button[0].click().run()
    assert app.query_params["a"] in ("2", ["2"])
    assert "<b>Requests got faster</b>" in _markup(app)


def test_the_same_on_both_sides_says_so(home: Path) -> None:
    app = _run(home, a="2", b="2")
    assert "Both sides are the same recording" in _markup(app)
    assert not app.error


def test_an_unknown_run_gets_one_sentence(home: Path) -> None:
    assert "There is no run or version 77 here" in _words(_run(home, a="77"))


def test_one_run_says_that_two_are_needed(tmp_path: Path) -> None:
    app = _run(seed_names(tmp_path / "store", []))
    assert "Two runs are needed" in _markup(app)
    assert "1 run recorded" in _words(app)


def test_two_runs_of_two_services_are_no_pair_unless_chosen(tmp_path: Path) -> None:
    home = seed(tmp_path / "store", requests=4, services=("reader", "writer"))
    assert "no earlier run of this service" in _markup(_run(home))
    assert "cannot be compared" in _markup(_run(home, a="1", b="2")) or (
        "cannot be told" in _markup(_run(home, a="1", b="2"))
    )


def test_an_empty_store_says_how_to_get_data(tmp_path: Path) -> None:
    new_store(tmp_path / "store").close()
    assert "import latprobe.auto" in _run(tmp_path / "store").code[0].value


RUNS = [
    RunChoice(4, "qa", "2.0", "abc", 400),
    RunChoice(3, "other", "2.0", None, 300),
    RunChoice(2, "qa", "2.0", "abc", 200),
    RunChoice(1, "qa", "1.0", "def", 100),
]


def test_a_version_of_several_runs_is_a_side() -> None:
    from datetime import UTC

    offered = compared_runs.sides(RUNS, UTC)
    assert offered["version:2.0"].scope == RunsScope(run_ids=(2, 3, 4))
    assert "version:1.0" not in offered
    assert offered["4"].scope == Scope(run_id=4)
    assert compared_runs.parse({}, offered, RUNS) == ("2", "4", [])
    assert compared_runs.parse({"b": "version:2.0"}, offered, RUNS)[:2] == ("1", "version:2.0")
    assert compared_runs.parse({"a": "4"}, offered, RUNS)[:2] == ("4", "3")


def test_figures_have_their_units_and_changes_a_sign() -> None:
    assert compare_words.figure("p50_ms", 1_250.0) == "1.25 s"
    assert compare_words.figure("error_share", 0.02) == "2.0 %"
    assert compare_words.figure("cost_usd", None) == quantities.NOT_MEASURED
    assert compare_words.signed_ms(-12.0) == "-12.0 ms"
