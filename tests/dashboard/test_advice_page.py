"""The Advice page's states, without a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from latprobe.advice.answer import Advice, Ranked
from latprobe.advice.dominant import Dominant
from latprobe.advice.replay.result import Against, FieldAgreement, Measured, Replayed
from latprobe.analysis.scope import EVERYTHING
from latprobe.clock import wall_ns
from latprobe_dashboard import advice_queries, connection, data
from tests.dashboard.advised import ADVICE, FIRST, HOSTILE, PAGE, drawn_page, markup, unattended
from tests.dashboard.drawn import drawn
from tests.dashboard.seeding import new_store
from tests.dashboard.seeding_prompts import seed_prompts

LITTLE = tuple(
    Ranked(replace(FIRST, subject=f"s{n}", title=f"Little {n}", sample=None), 0.01, 0.01)
    for n in range(2)
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seed_prompts(tmp_path_factory.mktemp("advice") / "store", requests=60)


@pytest.fixture(autouse=True)
def _closed_afterwards() -> Iterator[None]:
    yield
    data.close()


@pytest.fixture
def given(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Advice], AppTest]:
    def show(advice: Advice) -> AppTest:
        monkeypatch.setattr(advice_queries, "advise_on", lambda _: advice)
        # The same store with other advice: the question must differ.
        monkeypatch.setattr(advice_queries, "_versions", {})
        monkeypatch.setattr(connection, "version", lambda: hash(advice.to_json().__repr__()))
        return drawn_page(home)

    return show


def _said(app: AppTest) -> str:
    spoken = [*app.info, *app.error, *app.warning, *app.markdown, *app.subheader]
    return " ".join(str(element.value) for element in spoken)


def _answer(app: AppTest) -> str:
    found = re.search(r'<p class="lp-answer">(.*?)</p>', markup(app))
    assert found is not None
    return re.sub("<.*?>", "", found[1])


def test_the_answer_says_what_to_do_first_and_what_it_gains(
    given: Callable[[Advice], AppTest],
) -> None:
    assert _answer(given(ADVICE)) == (
        "First: Ask for compact JSON in llm.answer: 210 → 95 output tokens. It saves 600 ms of p95 "
        "(24.0 %; 500 ms to 700 ms), 115 output tokens a request, $0.12 per 1,000 requests. "
        "Changes 1 and 2 together take p95 from 2.50 s to 1.85 s."
    )


def test_a_card_has_gain_class_effort_basis_evidence_and_proof(
    given: Callable[[Advice], AppTest],
) -> None:
    app = given(ADVICE)
    shown = markup(app)
    for words in ("lossless", "little work", "latency model", "at most", "Only if", "Evidence"):
        assert words in shown, words
    assert "2.50 s → <b>1.90 s</b> (\u221224.0 %)" in shown
    assert "<small>1.80 s to 2.00 s</small>" in shown
    assert "<dd>90.0 %</dd>" in shown
    assert 'href="https://example.com/docs"' in shown
    assert "<code><bdi>compact</bdi></code>" in shown
    assert drawn(app, "latprobe_listing")[0]["text"] == "latprobe prompts"
    assert "Saves from the same as 1 (" in shown
    assert "25.0 % of it is left" in shown
    assert "2 of 60 model calls" in shown
    assert "decoded and equal" in shown
    assert any("9 → 5 tokens" in each.label for each in app.expander)
    assert [each.label for each in app.expander if "Not enough" in each.label] == [
        "Not enough data (1)"
    ]
    assert "3 starts are too few" in shown


def test_texts_are_never_markup_and_links_lead_to_pages_only(
    given: Callable[[Advice], AppTest],
) -> None:
    shown = markup(given(ADVICE))
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert "\u202e" not in shown
    assert "javascript:" not in shown


def test_where_nothing_gains_it_says_so_and_where_the_time_goes(
    given: Callable[[Advice], AppTest],
) -> None:
    most = Dominant("chat gpt-4o", 0.96, "which reads 20 and writes 400 tokens a call")
    app = given(Advice(requests=60, p50_ms=100.0, p95_ms=140.0, little=LITTLE, dominant=most))
    assert _answer(app) == (
        "Nothing to suggest: no change was found that gains 2 % or more. 2 changes would gain "
        "less. 96 % of the time is chat gpt-4o, which reads 20 and writes 400 tokens a call."
    )
    assert 'class="lp-card-head"' not in markup(app)


def test_where_the_time_goes_that_no_suggestion_touches_is_said_above_them(
    given: Callable[[Advice], AppTest],
) -> None:
    most = Dominant("ocr.tesseract", 0.77, "which waits for something outside of its thread")
    assert _answer(given(replace(ADVICE, dominant=most))).endswith(
        "77 % of the time is ocr.tesseract, which waits for something outside of its thread: "
        "nothing that is suggested touches it."
    )
    touched = replace(ADVICE, dominant=Dominant("llm.answer", 0.77, ""))
    assert "77 %" not in _answer(given(touched))


def test_what_saves_little_is_drawn_when_asked_for(
    given: Callable[[Advice], AppTest],
) -> None:
    app = given(replace(ADVICE, little=LITTLE))
    (toggle,) = app.toggle
    assert toggle.label == "Show what saves under 2 % too (2)"
    assert "Little 0" not in markup(app)
    toggle.set_value(True).run()
    assert [error.value for error in app.exception] == []
    shown = markup(app)
    assert "<i>3</i><h3><bdi>Little 0" in shown
    assert "<i>4</i><h3><bdi>Little 1" in shown


def test_too_few_requests_are_said(given: Callable[[Advice], AppTest]) -> None:
    few = Advice(requests=3, p50_ms=1.0, p95_ms=2.0, refused="3 requests are too few to advise on.")
    assert _answer(given(few)) == "3 requests are too few to advise on."


def test_a_fault_of_a_rule_is_said_once_without_its_words(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> Advice:
        raise ValueError("a recorded secret")

    monkeypatch.setattr(advice_queries, "advise_on", broken)
    monkeypatch.setattr(advice_queries, "_versions", {})
    monkeypatch.setattr(connection, "version", lambda: -7)
    said = _said(drawn_page(home))
    assert "ValueError, a fault of ours" in said
    assert "secret" not in said


def test_an_empty_store_says_how_to_get_data(tmp_path: Path) -> None:
    new_store(tmp_path / "store").close()
    data.use_store(tmp_path / "store", opener=unattended)
    app = AppTest.from_string(PAGE, default_timeout=30).run()
    assert "Nothing has been recorded here yet" in _said(app)


def test_a_trial_on_a_live_model_stands_in_its_card(
    given: Callable[[Advice], AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = Replayed(
        id=FIRST.id, rule=FIRST.rule, title=FIRST.title, subject=FIRST.subject,
        url="http://127.0.0.1/v1", model=HOSTILE, recorded_model="m", at_ns=wall_ns(), requests=80,
        pairs=78, calls=158, margin=0.05, verdict="worse",
        agreement=Against(1.0, 0.75, -0.25, -0.33, -0.18), schema=None,
        output_tokens=Measured(60.0, 20.0, 40.0, 38.0, 42.0),
        fields=(FieldAgreement("steps", 78, 1.0, 0.0),), stopped="interrupted",
    )  # fmt: skip
    monkeypatch.setattr(advice_queries, "replayed", lambda: {FIRST.id: tried})
    page = markup(given(ADVICE))
    assert page.count("Tried on a live model") == 1
    assert "answers are worse" in page
    assert "-33.0 to -18.0 points" in page
    assert "78 requests asked of" in page
    assert "Stopped early: interrupted." in page
    assert "steps" in page
    assert "<script>" not in page


def test_who_may_not_write_sees_a_button_that_does_nothing(
    given: Callable[[Advice], AppTest],
) -> None:
    # No browser, so no Host: as a page on another name would look to the script.
    assert given(ADVICE).button(key=f"lp_mark_{FIRST.id}").disabled


def test_recorded_requests_get_the_advice_of_the_rules(home: Path) -> None:
    app = drawn_page(home)
    advice = advice_queries.given(EVERYTHING).get().advice
    titles = re.findall(r"<h3>(.*?)</h3>", markup(app))
    assert len(titles) == min(len(advice.ranked), 12)
    assert any("llm.answer" in title for title in titles)
