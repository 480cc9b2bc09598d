"""`latprobe replay`: nothing is called unasked, and what comes of it is told and kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latprobe.advice import advisor
from latprobe.advice.advisor import advise
from latprobe.advice.answer import Advice
from latprobe.advice.replay import endpoint, kept
from latprobe.advice.rules import output_format
from latprobe.errors import StoreError
from tests.advice.pipelines import Recording
from tests.advice.replay.live_model import LiveModel, failing, serving
from tests.advice.replay.recordings import good, is_compact, recording, worse
from tests.cli.conftest import Cli
from tests.cli.recorded_store import keep

KEY = "sk-secret"


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return recording()


@pytest.fixture(scope="module")
def advice(recorded: Recording) -> Advice:
    return advise(recorded.query(), rules=[output_format])


@pytest.fixture
def replay_id(
    tmp_path: Path, recorded: Recording, advice: Advice, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The suggestion's id, on a store of its own whose advice is known."""
    keep(recorded, tmp_path / "store")
    monkeypatch.setattr(advisor, "advise", lambda *_: advice)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return advice.ranked[0].suggestion.id


def ask(cli: Cli, server: LiveModel, replay_id: str, *options: str) -> tuple[int, str, str]:
    found = cli("replay", replay_id, "--on", server.url, "--requests", "64", "--at-once", "4",
                *options)  # fmt: skip
    assert KEY not in found.out + found.err
    return found


def test_without_a_yes_it_says_what_it_would_send_and_sends_nothing(
    cli: Cli, replay_id: str, tmp_path: Path
) -> None:
    with serving(good) as server:
        code, out, err = ask(cli, server, replay_id)
    assert (code, out, server.bodies) == (2, "", [])
    assert "128 calls of gpt-4o-mini: 64 recorded prompts" in err
    assert "input and " in err
    host = server.url.removeprefix("http://").removesuffix("/v1")
    assert f"The key in OPENAI_API_KEY is sent to {host}." in err
    assert "Add --yes" in err
    assert not (tmp_path / "store" / "replays.json").exists()


def test_a_change_that_keeps_the_answers_is_not_worse(cli: Cli, replay_id: str) -> None:
    with serving(good) as server:
        code, out, _ = ask(cli, server, replay_id, "--yes")
    assert code == 0
    assert "Not worse: agreement with recorded answers falls by less than 5 %." in out
    assert "64 of 64 requests answered in both arms" in out
    assert sum(map(is_compact, server.bodies)) == 64
    assert all(body["temperature"] == 0.0 for body in server.bodies)
    assert {each["authorization"] for each in server.headers} == {f"Bearer {KEY}"}


def test_a_change_that_makes_the_answers_worse_is_found_and_kept(
    cli: Cli, replay_id: str, tmp_path: Path
) -> None:
    with serving(worse) as server:
        code, out, _ = ask(cli, server, replay_id, "--yes", "--json")
    found = json.loads(out)
    assert (code, found["verdict"], found["pairs"]) == (0, "worse", 64)
    assert found["fields"][0]["path"] == "steps"
    assert found["output_tokens"]["saved"] == 40
    kept = (tmp_path / "store" / "replays.json").read_text()
    assert json.loads(kept) == [found]
    assert KEY not in kept


def test_a_refused_key_is_said_and_nothing_is_kept(
    cli: Cli, replay_id: str, tmp_path: Path
) -> None:
    with serving(lambda _: failing(401)) as server:
        code, out, err = ask(cli, server, replay_id, "--yes")
    assert (code, out) == (2, "")
    assert "does not take the key (HTTP 401)" in err
    assert not (tmp_path / "store" / "replays.json").exists()


def test_a_server_that_is_not_there_is_an_error(
    cli: Cli, replay_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "_FIRST_WAIT_S", 0.01)  # else 14 s of waiting between tries
    code, out, err = cli("replay", replay_id, "--on", "http://127.0.0.1:9/v1", "--yes")
    assert (code, out) == (2, "")
    assert "Nothing came of it: " in err
    assert not (tmp_path / "store" / "replays.json").exists()


def test_no_key_is_sent_where_none_is_wanted(cli: Cli, replay_id: str) -> None:
    with serving(lambda _: failing(403)) as server:
        _, _, err = ask(cli, server, replay_id, "--yes", "--key-from", "")
    assert "No key is sent." in err
    assert all("authorization" not in each for each in server.headers)


def test_for_another_host_the_key_has_to_be_named(cli: Cli, replay_id: str) -> None:
    code, out, err = cli("replay", replay_id, "--on", "https://llm.example/v1", "--yes")
    assert (code, out) == (2, "")
    assert "Name the variable that holds the key for llm.example with --key-from" in err


def test_what_came_is_shown_even_where_it_cannot_be_kept(
    cli: Cli, replay_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(kept, "keep", full)
    with serving(good) as server:
        code, out, err = ask(cli, server, replay_id, "--yes")
    assert code == 4
    assert "Not worse" in out
    assert "The disk is full." in err


def test_what_cannot_be_tried_is_refused_before_anything_is_sent(cli: Cli, replay_id: str) -> None:
    with serving(good) as server:
        assert ask(cli, server, replay_id, "--yes", "--margin", "2%")[0] == 3
        assert ask(cli, server, replay_id, "--yes", "--margin", "0")[0] == 2
        assert ask(cli, server, "ffffffff", "--yes")[0] == 2
    assert server.bodies == []
