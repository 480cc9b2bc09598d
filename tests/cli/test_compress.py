"""`latprobe compress`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

ROWS = [{"id": n, "city": "Graz", "name": f"n{n}"} for n in range(12)]


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(ROWS, indent=2), "utf-8")
    return str(path)


def test_json_is_the_documented_contract(cli: Cli, rows: str) -> None:
    found = json.loads(cli("compress", rows, "--model", "gpt-4o", "--json").out)
    assert list(found) == [
        *("model", "tokens_before", "is_exact", "estimated_because", "allowed", "best"),
        *("options", "notes"),
    ]
    best = found["best"]
    assert (best["lossless"], best["steps"]) == (True, ["csv_typed"])
    assert best["text"].startswith("id,city=Graz,name\n0,n0\n")
    assert best["tokens_after"] < found["tokens_before"] / 2
    assert best in found["options"]


def test_people_see_what_was_checked_and_the_text(cli: Cli, rows: str) -> None:
    done = cli("compress", rows, "--model", "gpt-4o")
    assert done.code == 0
    assert "lossless (csv_typed): read into records again and equal" in done.out
    assert done.out.rstrip().endswith("11,n11")


def test_estimated_tokens_are_labelled(cli: Cli, rows: str) -> None:
    assert "(estimated: " in cli("compress", rows, "--model", "unheard-of").out


def test_the_best_text_goes_to_a_file(cli: Cli, rows: str, tmp_path: Path) -> None:
    target = tmp_path / "short.txt"
    assert cli("compress", rows, "--out", str(target)).code == 0
    assert target.read_text("utf-8").startswith("id,city=Graz,name\n")


def test_a_request_is_compressed_in_its_own_shape(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": json.dumps(ROWS)}]}
    data = io.TextIOWrapper(io.BytesIO(json.dumps(request).encode()))
    monkeypatch.setattr(sys, "stdin", data)
    found = json.loads(cli("compress", "-", "--json").out)
    assert (found["model"], found["is_exact"]) == ("gpt-4o", True)
    message = json.loads(found["best"]["text"])["messages"][0]
    assert message["content"].startswith("id,city=Graz,name\n")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\0\1\2", "is binary"),
        ("é".encode("latin-1"), "is not UTF-8"),
    ],
)
def test_bad_files_are_said(cli: Cli, tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "bad"
    path.write_bytes(data)
    done = cli("compress", str(path))
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_broken_json_is_taken_as_a_text(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{"a": [1, 2, 3, {"b": "' + "word " * 30, "utf-8")
    done = cli("compress", str(path))
    assert done.code == 0
    assert "Nothing lossless saves a token." in done.out
    said = (
        "is no JSON: Unterminated string starting at line 1, column 23; it was treated as a text."
    )
    assert said in done.out.replace("\n", " ")
    assert json.loads(cli("compress", str(path), "--json").out)["notes"][0].endswith(said)
    whole = path.with_name("whole.json")
    whole.write_text('{"a": 1}', "utf-8")
    assert "no JSON" not in cli("compress", str(whole)).out


def test_llmlingua_without_the_package_is_one_sentence(cli: Cli, rows: str, tmp_path: Path) -> None:
    done = cli("compress", rows, "--llmlingua", str(tmp_path))
    assert (done.code, done.out) == (2, "")
    assert "pip install llmlingua" in done.err
