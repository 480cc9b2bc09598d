"""What the Advice page says and draws of a gain."""

from __future__ import annotations

import re
from dataclasses import replace

from latprobe.advice.suggestion import Gain, Saving
from latprobe.cli.advise_text import saving_line
from latprobe_dashboard.advice_queries import Given
from latprobe_dashboard.charts import intervals
from latprobe_dashboard.pages import advice as advice_page
from latprobe_dashboard.pages import advice_card
from latprobe_dashboard.pages.advice_words import commands, gain_words, inline
from tests.dashboard.advised import ADVICE, FIRST, SECOND


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


def test_commands_are_found_in_what_verifies() -> None:
    assert commands("`latprobe prompts`: fewer.") == ["latprobe prompts"]
    assert commands("`latprobe show` draws it; `latprobe compare` too; `a()`.") == [
        "latprobe show",
        "latprobe compare",
    ]
    assert commands("Look at the Tokens page.") == []
    assert inline("a `b` <c>", 99) == (
        "<bdi>a </bdi><code><bdi>b</bdi></code><bdi> &lt;c&gt;</bdi>"
    )


def test_an_interval_is_drawn_on_the_scale_of_what_is_now() -> None:
    drawn = intervals.bar(200.0, 100.0, 80.0, 120.0, top=200.0)
    assert 'lp-kept" style="width:50.00%' in drawn
    assert 'lp-saved" style="left:50.00%;width:50.00%' in drawn
    assert 'lp-whisker" style="left:40.00%;width:20.00%' in drawn
    assert "lp-more" in intervals.bar(100.0, 120.0, None, None, top=120.0)
    assert "lp-whisker" not in intervals.bar(100.0, 50.0, None, None, top=100.0)


def _drawn(saving: Saving) -> str:
    """The gains of a card, of requests with a p95 and a p50 of 684 and 500 ms."""
    advice = replace(ADVICE, p95_ms=684.0, p50_ms=500.0)
    given = Given(advice, None, None)
    return re.sub("<.*?>", "", _markup(given, saving))


def _markup(given: Given, saving: Saving) -> str:
    return advice_card._gains(given, saving)


def test_the_bars_of_a_card_have_one_scale() -> None:
    found = Given(replace(ADVICE, p95_ms=10_000.0, p50_ms=5_000.0), None, None)
    saving = Saving(
        "replay", p95_ms=Gain(2_000.0, 1_000.0, 3_000.0), p50_ms=Gain(1_000.0, -3_000.0, 2_000.0)
    )
    slow, median = re.findall(r'lp-kept" style="width:([\d.]+)%', _markup(found, saving))
    assert (slow, median) == ("80.00", "40.00")
    ends = re.findall(r'lp-whisker" style="left:([\d.]+)%;width:([\d.]+)%', _markup(found, saving))
    assert ends == [("70.00", "20.00"), ("30.00", "50.00")]


def test_a_range_that_holds_no_gain_is_told_with_what_is_sure() -> None:
    gain = Gain(224.0, -3_770.0, 3_300.0, least=154.0)
    saving = Saving("replay", p95_ms=gain, p50_ms=Gain(-20.0, -40.0, 10.0))
    words = re.sub(
        "<.*?>", "", gain_words(Given(replace(ADVICE, p95_ms=11_600.0), None, None), saving)
    )
    sure = "at least 154 ms on these requests; runs differ by more"
    assert words == f"224 ms of p95 (1.9 %; 3.77 s more to 3.30 s less in a re-run; {sure})"
    assert saving_line(saving) == (
        f"224 ms of p95 (3.77 s more to 3.30 s less in a re-run; {sure}); "
        "it costs 20.0 ms more of p50 (40.0 ms more to 10.0 ms less in a re-run)"
    )
    assert f"0 ms to 4.45 s; {sure}" in _drawn(saving)


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
