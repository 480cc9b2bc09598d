"""The filters of an address."""

from __future__ import annotations

from latprobe.analysis.scope import Scope
from latprobe_dashboard.filters import MINUTE_NS, Filters, offered, parse
from latprobe_dashboard.store_lists import RunChoice

RUNS = [RunChoice(2, "chat", None, None, 20), RunChoice(1, "ocr", "1.0", "abc", 10)]

KNOWN = {"ocr", "m", ("page", "3"), ("a", "b=c")}


def _has(scope: Scope) -> bool:
    """Whether the store that these tests imagine has such requests."""
    return {scope.passing, scope.calling, scope.tag} - {None} <= KNOWN


def test_an_address_with_sense_is_taken_as_it_is() -> None:
    chosen, notes = parse({"service": "ocr", "run": "1", "window": "1h"}, RUNS, _has)
    assert (chosen, notes) == (Filters("ocr", 1, "1h"), [])


def test_nonsense_in_an_address_is_ignored_and_said() -> None:
    raw = {"service": "<b>x", "run": "-1e9", "window": "a year"}
    chosen, notes = parse(raw, RUNS, _has)
    assert chosen == Filters()
    assert notes == [
        "No service is called <b>x; showing all.",
        "There is no run -1e9 here; showing all.",
        "a year is not a window (15m, 1h, 24h, 7d, all); showing all.",
    ]


def test_a_run_of_another_service_is_not_shown_under_this_one() -> None:
    chosen, notes = parse({"service": "ocr", "run": "2"}, RUNS, _has)
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


def test_requests_are_chosen_by_what_their_spans_have() -> None:
    raw = {"version": "abc", "passes": "ocr", "calls": "m", "tag": "page=3"}
    chosen, notes = parse(raw, RUNS, _has)
    assert notes == []
    assert chosen == Filters(version="abc", passes="ocr", calls="m", tag=("page", "3"))
    assert chosen.query_params() == raw
    scope = chosen.scope(now_ns=0)
    assert (scope.version, scope.passing, scope.calling) == ("abc", "ocr", "m")
    assert (scope.tag, scope.stage, scope.model) == (("page", "3"), None, None)
    assert chosen.more == ("abc", "ocr", "m", "page = 3")


def test_the_value_of_an_attribute_may_contain_the_sign() -> None:
    chosen, _ = parse({"tag": "a=b=c"}, RUNS, _has)
    assert chosen.tag == ("a", "b=c")
    assert chosen.query_params() == {"tag": "a=b=c"}


def test_what_no_request_has_is_ignored_and_said() -> None:
    raw = {"version": "9", "passes": "<i>", "calls": "", "tag": "page", "service": "chat"}
    chosen, notes = parse(raw, RUNS, _has)
    assert chosen == Filters(service="chat")
    assert notes == [
        "No run is of version 9; showing all.",
        "No request has a stage <i>; showing all.",
        "No request calls a model (empty); showing all.",
        "No request has an attribute page; showing all.",
    ]


def test_an_endless_attribute_is_not_searched_for() -> None:
    chosen, notes = parse({"tag": "a=" + "b" * 100_000}, RUNS, lambda _: True)
    assert chosen == Filters()
    assert len(notes[0]) < 300


def test_a_run_is_one_of_its_version() -> None:
    assert [run.run_id for run in offered(Filters(version="1.0"), RUNS)] == [1]
    chosen, notes = parse({"version": "1.0", "run": "2"}, RUNS, _has)
    assert (chosen, len(notes)) == (Filters(version="1.0"), 1)
