"""Marking a suggestion as applied on the Advice page, and who may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from latprobe.advice import marking
from latprobe.advice.applied import read_applied
from latprobe.analysis.scope import EVERYTHING
from latprobe.errors import UsageError
from latprobe_dashboard import advice_queries, data, permission
from tests.dashboard.advised import ADVICE, FIRST, SECOND, drawn_page, markup, unattended
from tests.dashboard.seeding_prompts import seed_prompts


@pytest.fixture(autouse=True)
def _closed_afterwards() -> Iterator[None]:
    yield
    data.close()


def test_a_suggestion_is_marked_measured_and_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = seed_prompts(tmp_path / "store", requests=30)
    monkeypatch.setattr(permission, "may_write", lambda: True)
    monkeypatch.setattr(advice_queries, "advise_on", lambda _: ADVICE)
    app = drawn_page(home)
    app.button(key=f"lp_mark_{FIRST.id}").click().run()
    (row,) = read_applied(home)
    assert (row.id, row.requests, row.service) == (FIRST.id, 30, "orders")
    app = drawn_page(home)
    assert "not enough requests yet (0 of 20)" in markup(app)
    assert "<em>predicted</em>" in markup(app)
    app.button(key=f"lp_back_{FIRST.id}").click().run()
    assert read_applied(home) == ()


def test_two_that_nothing_was_recorded_between_are_marked_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = seed_prompts(tmp_path / "store", requests=30)
    data.use_store(home, opener=unattended)
    monkeypatch.setattr(marking, "advise_on", lambda _: ADVICE)
    advice_queries.mark_applied(EVERYTHING, FIRST.id)
    advice_queries.mark_applied(EVERYTHING, SECOND.id)
    found = {row.id: row.together for row in read_applied(home)}
    assert found == {FIRST.id: (SECOND.id,), SECOND.id: (FIRST.id,)}
    with pytest.raises(UsageError, match="is not the id of one suggestion"):
        advice_queries.mark_applied(EVERYTHING, "ffffffff")


@pytest.mark.parametrize(
    ("token", "headers", "cookies", "may"),
    [
        (None, {"Host": "127.0.0.1:8788"}, {}, True),
        (None, {"Host": "[::1]:8788"}, {}, True),
        (None, {"Host": "rebound.example:8788"}, {}, False),
        (None, {"Host": "[nonsense"}, {}, False),
        (None, {}, {}, False),
        ("secret", {"Host": "127.0.0.1"}, {}, False),
        ("secret", {"Host": "team.example"}, {"latprobe_token": "wrong"}, False),
        ("secret", {"Host": "team.example"}, {"latprobe_token": "secret"}, True),
        ("secret", {"Authorization": "Bearer secret"}, {}, True),
    ],
)
def test_only_whom_the_gate_lets_in_may_write(
    token: str | None,
    headers: dict[str, str],
    cookies: dict[str, str],
    may: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visitor = SimpleNamespace(context=SimpleNamespace(headers=headers, cookies=cookies))
    monkeypatch.setattr(permission, "st", visitor)
    monkeypatch.setattr(permission, "_asked", permission._Asked(token))
    assert permission.may_write() is may
