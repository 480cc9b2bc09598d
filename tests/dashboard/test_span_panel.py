"""What the Trace page says of one span, and the Stage page of many in one request."""

from __future__ import annotations

import re

import pytest

from latprobe.analysis.fan_out import FanOut
from latprobe.analysis.trace import TraceSpan
from latprobe_dashboard.pages.span_panel import http_answer, trouble
from latprobe_dashboard.pages.stage import fan_out_words


def _failed(**more: object) -> TraceSpan:
    values: dict[str, object] = dict.fromkeys(TraceSpan.__dataclass_fields__)
    values |= {"name": "POST", "status": "error", "attributes": {}, "events": ()}
    return TraceSpan(**(values | more))  # type: ignore[arg-type]  # only these are read


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        ({"http.response.status_code": 503}, "503 Service Unavailable"),
        ({"http.status_code": "429"}, "429 Too Many Requests"),
        ({"http.response.status_code": 200, "http.status_code": 500}, "200 OK"),
        ({"http.status_code": 599}, "599"),
        ({"http.status_code": "<b>"}, None),
        ({"http.status_code": None}, None),
        ({}, None),
    ],
)
def test_the_status_of_an_http_answer_has_its_name(
    attributes: dict[str, object], shown: str | None
) -> None:
    assert http_answer(attributes) == shown


def test_a_failed_span_says_why_by_its_words_or_by_its_http_answer() -> None:
    busy = {"http.status_code": 503}
    assert trouble(_failed(attributes=busy)) == "HTTP 503 Service Unavailable"
    assert trouble(_failed(attributes=busy, error_type="503")) == "503"
    said = trouble(_failed(attributes=busy, error_type="Overloaded", status_message="try again"))
    assert said == "HTTP 503 Service Unavailable: Overloaded: try again"
    assert trouble(_failed()) == "It failed and says no more."
    assert trouble(_failed(status="ok", attributes=busy)) == ""


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (FanOut(9, 3.0, 3.0, 4, 1.0), "runs it 3 times, 3 side by side: it waits for the last one"),
        (FanOut(9, 1.0, 1.0, 2, 0.29), "run it once; in 29.0 % it runs side by side, at most 2"),
        (FanOut(9, 2.5, 1.0, 1, 0.0), "runs it 2.5 times, one after the other."),
    ],
)
def test_a_fan_out_is_said_with_what_it_means_for_the_request(found: FanOut, said: str) -> None:
    assert said in re.sub("<.*?>", "", fan_out_words(found))
