"""The filters of an address."""

from __future__ import annotations

from latprobe.analysis.scope import Scope
from latprobe_dashboard.filters import MINUTE_NS, Filters, parse
from latprobe_dashboard.store_lists import RunChoice

RUNS = [RunChoice(2, "chat", None, None, 20), RunChoice(1, "ocr", "1.0", "abc", 10)]


def test_an_address_with_sense_is_taken_as_it_is() -> None:
    chosen, notes = parse({"service": "ocr", "run": "1", "window": "1h"}, RUNS)
    assert (chosen, notes) == (Filters("ocr", 1, "1h"), [])


def test_nonsense_in_an_address_is_ignored_and_said() -> None:
    raw = {"service": "<b>x", "run": "-1e9", "window": "a year"}
    chosen, notes = parse(raw, RUNS)
    assert chosen == Filters()
    assert notes == [
        "No service is called <b>x; showing all.",
        "There is no run -1e9 here; showing all.",
        "a year is not a window (15m, 1h, 24h, 7d, all); showing all.",
    ]


def test_a_run_of_another_service_is_not_shown_under_this_one() -> None:
    chosen, notes = parse({"service": "ocr", "run": "2"}, RUNS)
    assert chosen == Filters(service="ocr")
    assert len(notes) == 1


def test_a_window_stays_the_same_question_for_a_whole_minute() -> None:
    hour = Filters(window="1h")
    first, last = 100 * MINUTE_NS, 101 * MINUTE_NS - 1
    assert hour.scope(now_ns=first) == Scope(from_ns=40 * MINUTE_NS)
    assert hour.scope(now_ns=last) == hour.scope(now_ns=first)


def test_a_plain_view_has_a_plain_address() -> None:
    assert Filters().query_params() == {}
    assert Filters("ocr", 1, "7d").query_params() == {
        "service": "ocr",
        "run": "1",
        "window": "7d",
    }
