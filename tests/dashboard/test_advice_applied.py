"""The Advice page's section on what was applied: predicted against measured."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from latprobe.advice import verify
from latprobe.advice.applied import Applied
from latprobe.advice.like_for_like import Drift, LikeForLike
from latprobe.advice.verify import Verified
from latprobe.analysis.intervals import Estimate
from latprobe_dashboard import advice_queries, later


def test_two_marks_at_once_share_their_figures_and_what_moved_beside_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marks = _mark("first", "other"), _mark("other", "first")
    alike = LikeForLike(Estimate(1_300.0, None), Estimate(2_300.0, None), (Drift("ocr", 170.0),))
    done = [_verified(each, alike) for each in marks]
    monkeypatch.setattr(advice_queries, "applied", lambda: marks)
    monkeypatch.setattr(advice_queries, "verified", lambda rows: rows)
    monkeypatch.setattr(later, "fill", lambda _, draw, **__: draw(done))
    app = AppTest.from_function(_applied_alone, default_timeout=60).run()
    markup = "".join(each.proto.body for each in app.get("html"))
    assert markup.count("like for like</em>") == 1
    assert markup.count("as predicted but for other stages") == 2
    assert markup.count("ocr took 170 ms of a request more since") == 1
    assert "16 input tokens a request more predicted, <b>19</b> measured" in markup
    assert [each.label for each in app.button] == ["Take back", "Take back"]


def _applied_alone() -> None:
    from latprobe_dashboard.pages.advice_applied import applied_section

    applied_section()


def _mark(known: str, other: str) -> Applied:
    return Applied(
        id=known, rule="r", title=known, subject="s", service=None, root=None, applied_ns=10,
        from_ns=0, requests=60, together=(other,), p50_before_ms=1_800.0, p50_after_ms=1_300.0,
        p50_low_ms=1_200.0, p50_high_ms=1_400.0, input_tokens_saved=-16.0,
    )  # fmt: skip


def _verified(applied: Applied, alike: LikeForLike) -> Verified:
    before, after = (verify.Measured(60, Estimate(ms, None)) for ms in (1_800.0, 1_700.0))
    return Verified(
        applied=applied, before=before, after=after, input_tokens_saved=Estimate(-19.0, None),
        output_tokens_saved=None, outcome="as predicted but for other stages", like_for_like=alike,
    )  # fmt: skip
