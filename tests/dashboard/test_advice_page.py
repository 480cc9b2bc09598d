"""The Advice page: its states without a browser, and marking a suggestion as applied in one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from latprobe.advice import marking
from latprobe.advice.answer import Advice, Combined, Ranked
from latprobe.advice.applied import read_applied
from latprobe.advice.dominant import Dominant
from latprobe.advice.replay.result import Against, FieldAgreement, Measured, Replayed
from latprobe.advice.suggestion import Evidence, Gain, Sample, Saving, Suggestion, not_enough
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.scope import EVERYTHING
from latprobe.analysis.whatif import Scale
from latprobe.clock import wall_ns
from latprobe.errors import UsageError
from latprobe.store.reader import Reader, open_reader
from latprobe_dashboard import advice_queries, connection, data, permission
from latprobe_dashboard.advice_queries import Given
from latprobe_dashboard.charts import intervals
from latprobe_dashboard.pages import advice as advice_page
from latprobe_dashboard.pages import advice_card
from latprobe_dashboard.pages.advice_words import commands, gain_words, inline
from tests.dashboard.browsing import Served
from tests.dashboard.drawn import drawn
from tests.dashboard.seeding import new_store
from tests.dashboard.seeding_prompts import seed_prompts
from tests.dashboard.test_browser import Watched, browser, contexts  # noqa: F401  # fixtures
from tests.waiting import wait_until

PAGE = "from latprobe_dashboard.pages import advice\nadvice.render()\n"
HOSTILE = "<script>alert(1)</script>\u202e"

FIRST = Suggestion(
    rule="output_format",
    subject="llm.answer",
    title="Ask for compact JSON in llm.answer: 210 -> 95 output tokens",
    evidence=(Evidence("answers", 60, "calls"), Evidence("indented", 0.9, "share")),
    how="Say `compact` in the prompt.\nDrop the fences.",
    verify="latprobe tokens: output tokens of llm.answer fall to about 95.",
    effort="low",
    saving=Saving(
        "latency_model",
        p50_ms=Gain(400.0, 300.0, 500.0),
        p95_ms=Gain(600.0, 500.0, 700.0),
        output_tokens=115.0,
        cost_usd_per_1000=Gain(0.12),
    ),
    link="https://example.com/docs",
    preconditions=("Nothing parses the spaces.",),
    changes=(Scale("llm.answer", 0.7),),
    sample=Sample('{\n "a": 1\n}', '{"a":1}', 9, 5, "lossless", "decoded and equal"),
)
SECOND = Suggestion(
    rule="output_limit",
    subject="llm.answer",
    title=f"Set max_tokens {HOSTILE}",
    evidence=(Evidence(HOSTILE, HOSTILE),),
    how=HOSTILE,
    verify=HOSTILE,
    effort="medium",
    saving=Saving("bound", p95_ms=Gain(100.0)),
    link="javascript:alert(1)",
)
UNCLEAR = not_enough(
    rule="cold_starts",
    subject="llm",
    title="Warm the model up",
    refusal=Refusal("3 starts are too few; record 20 or more."),
)
ADVICE = Advice(
    requests=60,
    p50_ms=1_700.0,
    p95_ms=2_500.0,
    ranked=(
        Ranked(FIRST, 0.24, 0.24),
        Ranked(SECOND, 0.01, 0.04, overlaps=(FIRST.id,), left_share=0.25),
    ),
    unclear=(UNCLEAR,),
    combined=Combined((FIRST.id, SECOND.id), Saving("replay"), 1_300.0, 1_850.0),
    notes=("2 of 60 model calls' texts were not kept.",),
)


def _unattended(home: Path) -> Reader:
    return open_reader(home, start_agent=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seed_prompts(tmp_path_factory.mktemp("advice") / "store", requests=60)


@pytest.fixture(autouse=True)
def _closed_afterwards() -> Iterator[None]:
    yield
    data.close()


def _run(home: Path) -> AppTest:
    """The page with its advice there: the second run, once it is worked out."""
    data.use_store(home, opener=_unattended)
    app = AppTest.from_string(PAGE, default_timeout=60)
    app.run()
    assert [error.value for error in app.exception] == []
    asked = advice_queries.given(EVERYTHING)
    wait_until(lambda: asked.is_there, timeout_s=60)
    rows = advice_queries.applied()
    if rows:
        wait_until(lambda: advice_queries.verified(rows).begin().is_there, timeout_s=60)
    app.run()
    assert [error.value for error in app.exception] == []
    return app


@pytest.fixture
def given(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Advice], AppTest]:
    def show(advice: Advice) -> AppTest:
        monkeypatch.setattr(advice_queries, "advise_on", lambda _: advice)
        # The same store with other advice: the question must differ.
        monkeypatch.setattr(advice_queries, "_versions", {})
        monkeypatch.setattr(connection, "version", lambda: hash(advice.to_json().__repr__()))
        return _run(home)

    return show


def _markup(app: AppTest) -> str:
    return "".join(element.proto.body for element in app.get("html"))


def _said(app: AppTest) -> str:
    spoken = [*app.info, *app.error, *app.warning, *app.markdown, *app.subheader]
    return " ".join(str(element.value) for element in spoken)


def _answer(app: AppTest) -> str:
    found = re.search(r'<p class="lp-answer">(.*?)</p>', _markup(app))
    assert found is not None
    return re.sub("<.*?>", "", found[1])


def test_the_answer_says_what_to_do_first_and_what_it_gains(
    given: Callable[[Advice], AppTest],
) -> None:
    assert _answer(given(ADVICE)) == (
        "First: Ask for compact JSON in llm.answer: 210 → 95 output tokens. It saves 600 ms of p95 "
        "(24.0 %), 115 output tokens a request, $0.12 per 1,000 requests. "
        "Changes 1 and 2 together take p95 from 2.50 s to 1.85 s."
    )


def test_a_card_has_gain_class_effort_basis_evidence_and_proof(
    given: Callable[[Advice], AppTest],
) -> None:
    app = given(ADVICE)
    markup = _markup(app)
    for words in ("lossless", "little work", "latency model", "at most", "Only if", "Evidence"):
        assert words in markup, words
    assert "2.50 s → <b>1.90 s</b> (\u221224.0 %)" in markup
    assert "<small>1.80 s to 2.00 s</small>" in markup
    assert "<dd>90.0 %</dd>" in markup
    assert 'href="https://example.com/docs"' in markup
    assert "<code><bdi>compact</bdi></code>" in markup
    assert drawn(app, "latprobe_listing")[0]["text"] == "latprobe tokens"
    assert "Saves from the same as 1 (" in markup
    assert "25.0 % of it is left" in markup
    assert "2 of 60 model calls" in markup
    assert "decoded and equal" in markup
    assert any("9 → 5 tokens" in each.label for each in app.expander)
    assert [each.label for each in app.expander if "Not enough" in each.label] == [
        "Not enough data (1)"
    ]
    assert "3 starts are too few" in markup


def test_texts_are_never_markup_and_links_lead_to_pages_only(
    given: Callable[[Advice], AppTest],
) -> None:
    markup = _markup(given(ADVICE))
    assert "&lt;script&gt;" in markup
    assert "<script" not in markup
    assert "\u202e" not in markup
    assert "javascript:" not in markup


def test_p50_is_told_where_nobody_can_tell_that_p95_gains() -> None:
    found = Given(ADVICE, None, None)
    unsure = Saving("replay", p50_ms=Gain(90.0, 5.0, 170.0), p95_ms=Gain(2.4, -60.0, 70.0))
    assert gain_words(found, unsure).startswith("<b>90.0 ms</b> of p50")
    sure = replace(unsure, p95_ms=Gain(300.0, 100.0, 500.0))
    assert gain_words(found, sure).startswith("<b>300 ms</b> of p95")


def test_what_is_marked_is_no_longer_what_to_do_first() -> None:
    found = Given(ADVICE, None, None)
    assert "Set max_tokens" in advice_page._answer(found, {FIRST.id})[0]
    both = advice_page._answer(found, {FIRST.id, SECOND.id})
    assert both[0].startswith("<b>All that is suggested is marked as applied:")


def test_where_nothing_gains_it_says_so_and_where_the_time_goes(
    given: Callable[[Advice], AppTest],
) -> None:
    most = Dominant("chat gpt-4o", 0.96, "which reads 20 and writes 400 tokens a call")
    app = given(Advice(requests=60, p50_ms=100.0, p95_ms=140.0, small=2, dominant=most))
    assert _answer(app) == (
        "Nothing to suggest: no change was found that gains 2 % or more. 2 changes would gain "
        "less. 96 % of their time is chat gpt-4o, which reads 20 and writes 400 tokens a call."
    )
    assert 'class="lp-card-head"' not in _markup(app)


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
    said = _said(_run(home))
    assert "ValueError, a fault of ours" in said
    assert "secret" not in said


def test_an_empty_store_says_how_to_get_data(tmp_path: Path) -> None:
    new_store(tmp_path / "store").close()
    data.use_store(tmp_path / "store", opener=_unattended)
    app = AppTest.from_string(PAGE, default_timeout=30).run()
    assert "Nothing has been recorded here yet" in _said(app)


def test_a_suggestion_is_marked_measured_and_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = seed_prompts(tmp_path / "store", requests=30)
    monkeypatch.setattr(permission, "may_write", lambda: True)
    monkeypatch.setattr(advice_queries, "advise_on", lambda _: ADVICE)
    app = _run(home)
    app.button(key=f"lp_mark_{FIRST.id}").click().run()
    (row,) = read_applied(home)
    assert (row.id, row.requests, row.service) == (FIRST.id, 30, "orders")
    app = _run(home)
    assert "not enough requests yet (0 of 20)" in _markup(app)
    assert "<em>predicted</em>" in _markup(app)
    app.button(key=f"lp_back_{FIRST.id}").click().run()
    assert read_applied(home) == ()


def test_two_that_nothing_was_recorded_between_are_marked_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = seed_prompts(tmp_path / "store", requests=30)
    data.use_store(home, opener=_unattended)
    monkeypatch.setattr(marking, "advise_on", lambda _: ADVICE)
    advice_queries.mark_applied(EVERYTHING, FIRST.id)
    advice_queries.mark_applied(EVERYTHING, SECOND.id)
    found = {row.id: row.together for row in read_applied(home)}
    assert found == {FIRST.id: (SECOND.id,), SECOND.id: (FIRST.id,)}
    with pytest.raises(UsageError, match="is not the id of one suggestion"):
        advice_queries.mark_applied(EVERYTHING, "ffffffff")


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
    page = _markup(given(ADVICE))
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


def test_commands_are_found_in_what_verifies() -> None:
    assert commands("latprobe tokens: fewer.") == ["latprobe tokens"]
    assert commands("`latprobe show` draws it; `latprobe compare` too; `a()`.") == [
        "latprobe show",
        "latprobe compare",
    ]
    assert commands("Look at the Tokens page.") == []
    assert inline("a `b` <c>", 99) == (
        "<bdi>a </bdi><code><bdi>b</bdi></code><bdi> &lt;c&gt;</bdi>"
    )


def test_an_interval_is_drawn_on_the_scale_of_what_is_now() -> None:
    drawn = intervals.bar(200.0, 100.0, 80.0, 120.0)
    assert 'lp-kept" style="width:50.00%' in drawn
    assert 'lp-saved" style="left:50.00%;width:50.00%' in drawn
    assert 'lp-whisker" style="left:40.00%;width:20.00%' in drawn
    assert "lp-more" in intervals.bar(100.0, 120.0, None, None)
    assert "lp-whisker" not in intervals.bar(100.0, 50.0, None, None)


def _drawn(saving: Saving) -> str:
    """The gains of a card, of requests with a p95 and a p50 of 684 and 500 ms."""
    advice = replace(ADVICE, p95_ms=684.0, p50_ms=500.0)
    given = Given(advice, None, None)
    return re.sub("<.*?>", "", advice_card._gains(given, saving))


def test_a_bound_has_no_interval_and_no_line_where_nothing_is_gained() -> None:
    gain, none = Gain(156.0, 98.0, 242.0), Gain(0.0, -40.0, 480.0)
    drawn = _drawn(Saving("bound", p50_ms=none, p95_ms=gain))
    assert "684 ms → ≥ 528 ms" in drawn
    assert " to " not in drawn
    assert "p50" not in drawn
    assert "It gains no latency." in _drawn(Saving("bound", p95_ms=none))
    assert "442 ms to 586 ms" in _drawn(Saving("replay", p95_ms=gain))


def test_tokens_that_a_change_costs_are_not_called_saved() -> None:
    both = Saving("simulation", input_tokens=-15.8, output_tokens=40, tokens_estimated=True)
    assert "Saves ~40 output tokens a request, but costs ~16 more input tokens" in _drawn(both)
    assert "It costs 16 more input tokens" in _drawn(Saving("simulation", input_tokens=-16))


def test_recorded_requests_get_the_advice_of_the_rules(home: Path) -> None:
    app = _run(home)
    advice = advice_queries.given(EVERYTHING).get().advice
    titles = re.findall(r"<h3>(.*?)</h3>", _markup(app))
    assert len(titles) == min(len(advice.ranked), 12)
    assert any("llm.answer" in title for title in titles)


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
    browser: Any,  # noqa: F811  # a fixture
) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("advice_browser") / "store"
    seed_prompts(home, requests=40, end_ns=wall_ns())
    started = Served(home, environment={"LATPROBE_AGENT": "on", "LATPROBE_HOME": str(home)})
    yield started
    assert started.stop() == 0
    assert "Uncaught app execution" not in "".join(started.errors)


@pytest.fixture(params=["light"])
def tab(
    request: pytest.FixtureRequest,
    served: Served,
    contexts: Callable[[str], Any],  # noqa: F811  # a fixture
) -> Iterator[Watched]:
    watched = Watched(contexts(request.param).new_page(), served.url())
    watched.watch()
    yield watched
    watched.page.close()
    assert watched.faults == []


# The first visit imports the rules and works advice out: seconds, and more on a busy machine.
FIRST_MS = 180_000


@pytest.mark.browser
@pytest.mark.parametrize("tab", ["light", "dark"], indirect=True)
def test_the_page_is_drawn_in_either_theme(tab: Watched) -> None:
    tab.open("/advice")
    tab.page.wait_for_selector(".lp-card-head h3", timeout=FIRST_MS)
    assert tab.page.locator(".lp-answer").first.inner_text().startswith("First: ")


@pytest.mark.browser
def test_a_text_before_and_after_unfolds(tab: Watched) -> None:
    tab.open("/advice")
    tab.page.locator("summary", has_text="Before and after").first.click(timeout=FIRST_MS)
    after = tab.page.locator("pre[aria-label=After]").first
    after.wait_for()
    wait_until(lambda: after.inner_text() != "")
    before = tab.page.locator("pre[aria-label=Before]").first.inner_text()
    assert len(before) > len(after.inner_text()) > 0


@pytest.mark.browser
def test_marking_shows_predicted_against_measured_and_can_be_taken_back(tab: Watched) -> None:
    tab.open("/advice")
    tab.page.get_by_role("button", name="Mark as applied").first.click(timeout=FIRST_MS)
    tab.page.locator(
        ".lp-outcome", has_text=re.compile("not enough requests|not predicted")
    ).wait_for()
    tab.page.get_by_role("button", name="Take back").click()
    tab.sees(".lp-outcome", 0)
