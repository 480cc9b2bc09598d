"""`latprobe advise` and `latprobe applied`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from shutil import copytree

import pytest

from latprobe.advice.answer import Advice, Ranked
from latprobe.advice.applied import Applied
from latprobe.advice.dominant import Dominant
from latprobe.advice.suggestion import Evidence, Gain, Saving, Suggestion
from latprobe.cli.advise_text import print_advice, saving_line
from latprobe.cli.applied_text import print_marked
from latprobe.tokens.encoding import load
from tests.advice.pipelines import Recording
from tests.analysis.seeding import EPOCH_NS
from tests.cli.conftest import Cli, Result
from tests.cli.recorded_store import keep


def recording(
    *, is_fine: bool = False, requests: int = 60, into: Recording | None = None
) -> Recording:
    """Two searches in turn and pretty-printed answers, or neither."""
    found = Recording(seed=4) if into is None else into
    for number in range(requests):
        value = {"answer": f"Parcel {number} is late.", "sources": [number, 2], "is_sure": True,
                 "steps": [number * k for k in range(number * 7 % 40 + 2)]}  # fmt: skip
        with found.request("answer") as step:
            searches = [("retrieve.documents", 150.0), ("retrieve.tickets", 160.0)]
            if is_fine:
                step.together(searches)
            else:
                for search in searches:
                    step.stage(*search)
            output = (
                json.dumps(value, separators=(",", ":")) if is_fine else json.dumps(value, indent=4)
            )
            tokens = len(load("o200k_base").encode(output))
            step.call("llm.generate", 60 + 4 * tokens, output=output,
                      prompt=[("user", f"What of parcel {number}?")])  # fmt: skip
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store that the tests copy: recorded once."""
    return keep(recording(), tmp_path_factory.mktemp("recorded") / "store")


@pytest.fixture(scope="module")
def asked() -> dict[str, Result]:
    """The answers to `advise --json`: the same for each copy of the store."""
    return {}


@pytest.fixture
def store(recorded: Path, tmp_path: Path) -> Path:
    """A copy of its own for each test, for those that mark suggestions."""
    return copytree(recorded, tmp_path / "store")


@pytest.fixture
def advice(cli: Cli, asked: dict[str, Result], store: Path) -> Result:
    """What `advise --json` says of the store, asked for once."""
    assert store.is_dir()
    if "json" not in asked:
        asked["json"] = cli("advise", "--json")
    return asked["json"]


@pytest.fixture
def ids(advice: Result) -> dict[str, str]:
    """The ids of the suggestions, by rule."""
    return {each["rule"]: each["id"] for each in json.loads(advice.out)["suggestions"]}


@pytest.mark.usefixtures("store")
def test_suggestions_are_cards_with_saving_evidence_how_and_check(cli: Cli) -> None:
    found = cli("advise")
    assert (found.code, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[0].startswith("2 suggestions for 60 requests (p50 ")
    assert lines[0].endswith(", the best first.")
    text = found.out
    assert "Run retrieve.documents and retrieve.tickets at the same time" in text
    assert "Ask for compact JSON in llm.generate: " in text
    for word in ("Saves", "Because", "How", "Check", "Meaning", "Effort"):
        assert f"   {word:<9}" in text
    assert any(line.startswith("Together  1 and 2 save ") for line in lines)


def test_small_ones_are_counted_and_shown_with_all(capsys: pytest.CaptureFixture[str]) -> None:
    small = Suggestion(
        rule="r", subject="s", title="Do a little", evidence=(Evidence("cut", 0.5, "share"),),
        how="so", verify="so", effort="low",
    )  # fmt: skip
    most = Dominant("ocr", 0.77, "which waits for a server")
    found = Advice(
        requests=60, p50_ms=100.0, p95_ms=200.0, dominant=most,
        ranked=(Ranked(replace(small, subject="t", title="Do much"), 0.5, 0.5),),
        little=(Ranked(small, 0.01, 0.01),),
    )  # fmt: skip
    print_advice(found, top=10, applied={})
    said = capsys.readouterr().out
    assert "of the time is ocr, which waits for a server: nothing that is suggested touches" in said
    assert "\n1 more would save under 2 %: --all shows it.\n" in said
    assert "Do a little" not in said
    print_advice(found, top=10, applied={}, is_all=True, service="my app")
    said = capsys.readouterr().out
    assert "\n2. Do a little\n" in said
    assert "cut 50 %" in said
    assert said.count(" --service 'my app'\n") == 2


@pytest.mark.usefixtures("store")
def test_top_prints_fewer_and_says_so(cli: Cli) -> None:
    found = cli("advise", "--top", "1").out
    assert "\n1. " in found
    assert "\n2. " not in found
    assert "1 more gain less: --top 2." in found


def test_json_has_rank_gain_and_what_they_save_together(advice: Result) -> None:
    assert (advice.code, advice.err) == (0, "")
    found = json.loads(advice.out)
    assert [each["rank"] for each in found["suggestions"]] == [1, 2]
    assert {each["rule"] for each in found["suggestions"]} == {"output_format", "parallel_stages"}
    assert found["suggestions"][0]["gain_share"] >= found["suggestions"][1]["gain_share"]
    assert set(found["combined"]["ids"]) == {each["id"] for each in found["suggestions"]}
    assert found["combined"]["p50_after_ms"] < found["p50_ms"]


def test_before_after_shows_the_recorded_text(cli: Cli, ids: dict[str, str]) -> None:
    found = cli("advise", "--before-after", ids["output_format"]).out
    assert "--- before, " in found
    assert '    "answer": "Parcel ' in found
    assert '{"answer":"Parcel ' in found
    other = cli("advise", "--before-after", ids["parallel_stages"]).out
    assert "not about a text" in other


@pytest.mark.usefixtures("store")
def test_an_unknown_id_is_refused(cli: Cli) -> None:
    for arguments in (("advise", "--before-after", "nope"), ("applied", "nope")):
        found = cli(*arguments)
        assert (found.code, found.out) == (2, "")
        assert "`latprobe advise` lists them" in found.err


def test_where_nothing_gains_it_says_so_and_where_the_time_goes(cli: Cli, tmp_path: Path) -> None:
    keep(recording(is_fine=True), tmp_path / "store")
    found = cli("advise")
    assert found.out.startswith("Nothing to suggest for 60 requests (p50 ")
    first, second, *_ = found.out.splitlines()
    assert first.endswith(": no change was found that gains 2 % or more.")
    assert re.fullmatch(r"\d\d % of the time is llm\.generate, which .* tokens a call\.", second)


def test_few_requests_are_refused_and_none_is_no_data(cli: Cli, tmp_path: Path) -> None:
    keep(recording(requests=3), tmp_path / "store")
    assert cli("advise").out == "3 requests are too few to advise on; record 20 or more.\n"
    found = cli("advise", "--service", "nobody")
    assert (found.code, found.out) == (3, "")


def test_a_mark_keeps_the_prediction_and_waits_for_requests(cli: Cli, ids: dict[str, str]) -> None:
    assert "No suggestion is marked as applied" in cli("applied").out
    found = cli("applied", *ids.values())
    assert (found.code, found.err) == (0, "")
    assert "Together predicted: p50 " in found.out
    listed = cli("applied").out
    assert "not enough requests yet (0 of 20)" in listed
    assert listed.count("Measured on 0 requests since, predicted from 60.") == 1
    advised = cli("advise").out
    assert advised.count(". Measured against it: latprobe applied\n") == 2
    assert "Once done: latprobe applied" not in advised
    assert cli("applied", "--remove", ids["output_format"]).code == 0
    rows = json.loads(cli("applied", "--json").out)["applied"]
    assert [row["rule"] for row in rows] == ["parallel_stages"]


def test_marks_without_requests_between_them_are_predicted_together(
    cli: Cli, ids: dict[str, str]
) -> None:
    assert "Together" not in cli("applied", ids["output_format"]).out
    assert "Together predicted" in cli("applied", ids["parallel_stages"]).out
    rows = json.loads(cli("applied", "--json").out)["applied"]
    assert [len(row["together"]) for row in rows] == [1, 1]
    assert rows[0]["predicted"] == rows[1]["predicted"]


def test_later_requests_are_measured(cli: Cli, tmp_path: Path) -> None:
    both = recording()
    moment = datetime.fromtimestamp((EPOCH_NS + both.now_ms * 1e6 - 1e6) / 1e9).isoformat()
    recording(is_fine=True, into=both)
    keep(both, tmp_path / "store")
    before = json.loads(cli("advise", "--until", moment, "--json").out)["suggestions"]
    assert cli("applied", "--at", moment, *(each["id"] for each in before)).code == 0
    listed = cli("applied").out
    assert "applied together 2023-11-14 " in listed
    assert " · as predicted" in listed
    assert "Measured on 60 requests since, predicted from 60." in listed


def test_what_costs_tokens_says_so_and_a_bound_has_no_interval() -> None:
    gain = Gain(156.0, 98.0, 242.0)
    more = Saving("replay", p95_ms=gain, input_tokens=-15.8, tokens_estimated=True)
    assert saving_line(more) == (
        "156 ms of p95 (98.0 ms to 242 ms); it costs ~16 more input tokens a request"
    )
    bound = Saving("bound", p95_ms=gain, p50_ms=Gain(0.0, -5.0, 9.0))
    assert saving_line(bound) == "156 ms of p95"


def test_a_mark_without_a_prediction_says_against_what_it_is_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mark = Applied(
        id="a1", rule="r", title="Do it", subject="s", service=None, root=None, applied_ns=2,
        from_ns=1, requests=60, p50_before_ms=100.0, p95_before_ms=200.0,
    )  # fmt: skip
    print_marked([mark])
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "No latency is predicted for it; before the change it was p50 100 ms, p95 200 ms." in said
    )
    assert "Requests from now on are measured against the requests before: run it" in said
    assert "also holds no change" not in said


def test_a_mark_whose_range_holds_no_change_says_so_before_the_change_is_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mark = Applied(
        id="a1", rule="r", title="Do it", subject="s", service=None, root=None, applied_ns=2,
        from_ns=1, requests=120, p50_before_ms=2_500.0, p50_after_ms=2_100.0, p50_low_ms=1_500.0,
        p50_high_ms=3_500.0, p95_before_ms=4_000.0, p95_after_ms=3_600.0, p95_low_ms=3_000.0,
        p95_high_ms=5_000.0,
    )  # fmt: skip
    print_marked([mark])
    said = " ".join(capsys.readouterr().out.split())
    assert "also holds no change: too few requests to tell; about 1,500 before and since" in said


def test_ids_and_remove_do_not_go_together(cli: Cli) -> None:
    assert cli("applied", "x", "--remove", "y").code == 2
    assert cli("applied", "--at", "1h").code == 2
