"""`latprobe.compress` in a user's pipeline."""

from __future__ import annotations

import json
from typing import Any

import pytest

import latprobe
from latprobe import guard
from latprobe.advice.compress import pipeline
from latprobe.errors import UsageError

ROWS = [{"id": n, "city": "Graz", "name": f"n{n}", "gone": None} for n in range(12)]


def test_a_text_and_a_value_become_a_short_text_that_decodes() -> None:
    for obj in (ROWS, json.dumps(ROWS, indent=2)):
        made = latprobe.compress(obj, model="gpt-4o")
        assert len(made) < len(json.dumps(ROWS)) / 2
        assert latprobe.decompress(made, "csv_typed") == ROWS


def test_only_lossless_unless_asked() -> None:
    values = [{"a": n / 7, "b": n % 2 or None, "c": "x"} for n in range(20)]
    lossless = latprobe.compress(values, model="gpt-4o")
    near = latprobe.compress(values, model="gpt-4o", allow="near")
    assert len(near) < len(lossless)
    with pytest.raises(UsageError, match="allow is 'lossy'"):
        latprobe.compress(values, allow="lossy")


def test_ids_are_never_kept_aside_where_nobody_could_put_them_back() -> None:
    rows = [{"id": f"7d9f1c1e-5b0a-4c5e-9b57-0f4d6a1f2b{n}"} for n in range(10, 40)]
    made = latprobe.compress(rows, model="gpt-4o", allow="near")
    assert all(row["id"] in made for row in rows)


class Strange:
    """Nothing that JSON knows."""


@pytest.mark.parametrize(
    "obj", [None, 7, "", "short", b"bytes", {"a": Strange()}, {"a": float("nan")}, [], {},
            Strange()]
)  # fmt: skip
def test_anything_else_comes_back_as_it_is(obj: object) -> None:
    made = latprobe.compress(obj)
    assert made is obj or made == json.dumps(obj)


def test_a_fault_of_ours_is_counted_and_says_nothing_of_the_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(text: str, **_: Any) -> None:
        raise KeyError(text)

    monkeypatch.setattr(guard, "_strict", False)
    monkeypatch.setattr(guard, "faults", {})
    monkeypatch.setattr(pipeline, "best", broken)
    assert latprobe.compress("secret sk-123 " * 20) == "secret sk-123 " * 20
    said = capsys.readouterr().err
    assert "latprobe.compress failed" in said
    assert "KeyError" in said
    assert "secret" not in said
