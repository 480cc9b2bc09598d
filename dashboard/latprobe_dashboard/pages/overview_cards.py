"""The overview's cards: the figures of all requests, kept up to date while rows are being added.

They are drawn every two seconds from what came since; the page around them costs many times as much
and is drawn again more rarely.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import streamlit as st

from latprobe.analysis.overview import Headline
from latprobe.analysis.scope import Scope
from latprobe.clock import monotonic_ns
from latprobe.errors import LatprobeError
from latprobe_dashboard import connection, data, filters, frame, quantities
from latprobe_dashboard.charts import cards

# They rest for so many times what drawing them has cost: 2 % of a core at most.
REST_FACTOR = 50
# The words for one origin of all costs, and for one of several.
_COST_WORDS = {
    "provider": ("as reported by the provider", "the provider"),
    "prices": ("by list prices", "list prices"),
    "override": ("by your own prices", "your own prices"),
}


@dataclass(slots=True)
class _Shown:
    """The cards, of which version of the data they are, and until when they rest."""

    version: int
    drawn: list[cards.Card]
    rests_until_ns: int = 0
    is_first: bool = True


def mount(scope: Scope) -> None:
    """Draws the cards of the scope; raises LatprobeError where they cannot be read."""
    drawn = _cards(scope)
    frame.follow_here()
    _keep_up(_Shown(connection.drawn_version(), drawn))


@st.fragment(run_every=frame.FOLLOW_S)
def _keep_up(shown: _Shown) -> None:
    """Draws the cards, of new rows where there are any and it is time."""
    if not shown.is_first:
        frame.redraw_if_due()
        with contextlib.suppress(LatprobeError):  # the next look finds the store again
            _look(shown)
    shown.is_first = False
    cards.mount(shown.drawn)


def _look(shown: _Shown) -> None:
    if monotonic_ns() < shown.rests_until_ns or connection.version() == shown.version:
        return
    before = connection.spent()
    version = connection.version()
    shown.drawn, shown.version = _cards(frame.scope_now()), version
    rest_s = connection.spent().since(before) * REST_FACTOR
    shown.rests_until_ns = monotonic_ns() + int(rest_s * 1e9)


def _cards(scope: Scope) -> list[cards.Card]:
    seen, points, tokens = data.headline(scope), data.timeline(scope), data.token_points(scope)
    requests = seen.requests
    spans = quantities.counted(seen.spans, "span")
    total = _sum(requests.input_tokens, requests.output_tokens)
    share = requests.errors / requests.count if requests.count else None
    return [
        cards.Card(
            "Requests",
            quantities.count(requests.count),
            f"{quantities.rate(requests.throughput_per_s)}{_running_words(scope)} · {spans}",
            [point.count for point in points],
            help="Requests that ended here, and how many a second while any ran",
        ),
        cards.Card(
            "p50",
            quantities.milliseconds(requests.p50_ms),
            "half are faster",
            [point.p50_ms for point in points],
            help=f"The median duration, n = {requests.count:,}",
        ),
        cards.Card(
            "p95",
            quantities.milliseconds(requests.p95_ms),
            f"p99 {quantities.milliseconds(requests.p99_ms)}",
            [point.p95_ms for point in points],
            help=f"5 % of the requests took longer, 1 % longer than p99; n = {requests.count:,}",
        ),
        cards.Card(
            "Failed requests",
            quantities.share(share),
            f"{quantities.count(requests.errors)} of {quantities.count(requests.count)}",
            [point.errors / point.count if point.count else None for point in points],
            is_error=bool(requests.errors),
            help="Requests whose outermost span failed. A span that failed inside one and was "
            "retried is counted with its stage, as a failed span",
        ),
        cards.Card(
            "Tokens",
            quantities.count(total),
            _token_words(seen),
            [point.tokens for point in tokens],
            help="Of all model calls: as the provider billed them where it said so, else counted",
        ),
        cards.Card(
            "Cost",
            quantities.dollars(requests.cost_usd),
            _cost_words(seen),
            [point.cost_usd for point in tokens],
            help="Of the calls that have a price; a call without one is not free",
        ),
    ]


def _running_words(scope: Scope) -> str:
    """How many requests run now, where any is seen to; their stages that ended were recorded."""
    count = data.running(scope, filters.now_ns())
    return f" · {quantities.count(count)} running" if count else ""


def _cost_words(seen: Headline) -> str:
    """Who says what the calls cost."""
    if seen.requests.cost_usd is None:
        return "not measured"
    if len(seen.cost_origins) > 1:
        return "from " + " and ".join(_COST_WORDS[each][1] for each in seen.cost_origins)
    return _COST_WORDS[seen.cost_origins[0]][0] if seen.cost_origins else "as recorded"


def _token_words(seen: Headline) -> str:
    requests = seen.requests
    if requests.input_tokens is None and requests.output_tokens is None:
        return "no call reported any"
    return (
        f"{quantities.count(requests.input_tokens)} in · "
        f"{quantities.count(requests.output_tokens)} out"
    )


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None and second is None else (first or 0) + (second or 0)
