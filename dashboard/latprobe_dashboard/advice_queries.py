"""What the Advice page asks: suggestions, what was applied, and marking one as applied."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from latprobe.advice.advisor import advise_on
from latprobe.advice.answer import Advice
from latprobe.advice.applied import Applied, read_applied, unmark
from latprobe.advice.context import Context
from latprobe.advice.marking import follow
from latprobe.advice.replay.kept import read_replays
from latprobe.advice.replay.result import Replayed
from latprobe.advice.verify import Verified, verify_all
from latprobe.analysis.scope import Scope
from latprobe.clock import monotonic_ns, wall_ns
from latprobe.errors import LatprobeError, StoreError
from latprobe_dashboard import connection
from latprobe_dashboard.later import Later

T = TypeVar("T")

# While rows are being added, advice is kept this long: it takes seconds and hardly moves.
HELD_S = 120.0


@dataclass(frozen=True, slots=True)
class Given:
    """Advice, with what its gains are shares of. None: no call has tokens, or a price."""

    advice: Advice
    tokens_per_request: float | None
    cost_usd_per_1000: float | None


def given(scope: Scope) -> Later[Given]:
    """The advice for the scope's requests."""
    return held("advice", scope, lambda: _given(scope))


def _given(scope: Scope) -> Given:
    context = Context(connection.query, scope)
    advice = advise_on(context)
    _latest.clear()
    _latest[scope, connection.home()] = context, advice
    if advice.refused is not None:
        return Given(advice, None, None)
    return Given(advice, context.tokens_per_request, context.cost_usd_per_1000)


def applied() -> tuple[Applied, ...]:
    """What was marked in this store. Raises StoreError for a list that cannot be read."""
    return read_applied(connection.home())


def replayed() -> dict[str, Replayed]:
    """The last trial of each suggestion on a live model, by its id. Raises StoreError likewise."""
    return read_replays(connection.home())


def verified(rows: tuple[Applied, ...]) -> Later[list[Verified]]:
    """Predicted against measured, oldest first."""
    return held("verified", rows, lambda: verify_all(connection.query, rows))


def mark_applied(scope: Scope, suggestion_id: str) -> None:
    """Marks it, together with what was marked before and cannot be told apart from it by now.

    What was last advised is taken where nothing else waits, else it takes as long as advice does.
    Raises UsageError where the suggestion is no longer made.
    """
    known = _latest.get((scope, connection.home()))
    follow(
        connection.query, connection.home(), scope, [suggestion_id], at_ns=wall_ns(), known=known
    )


def take_back(suggestion_id: str) -> None:
    """Takes it off the list."""
    unmark(connection.home(), suggestion_id)


# The context of the newest advice: of one only, since it holds thousands of requests.
_latest: dict[tuple[Scope, Path], tuple[Context, Advice]] = {}
_versions: dict[Hashable, tuple[int, int]] = {}
_lock = threading.Lock()
_MOST_TOPICS = 64


def held(what: str, asked: Hashable, work: Callable[[], T]) -> Later[T]:
    """The question about the store as it is, or was at most HELD_S ago."""
    topic = (what, asked, str(connection.home()))
    newest, now_ns = connection.version(), monotonic_ns()
    with _lock:
        version, since_ns = _versions.get(topic, (newest, now_ns))
        if newest < version or now_ns - since_ns > HELD_S * 1e9:
            version, since_ns = newest, now_ns
        _versions[topic] = version, since_ns
        while len(_versions) > _MOST_TOPICS:
            _versions.pop(next(iter(_versions)))
    return Later((*topic, version), lambda: _said(what, work))


def _said(what: str, work: Callable[[], T]) -> T:
    """The answer. A fault of ours is said once: asked again and again, it would never come."""
    try:
        return work()
    except LatprobeError:
        raise
    except Exception as error:
        # Its own words could hold a part of a recorded text.
        kind = type(error).__name__
        raise StoreError(f"The {what} could not be worked out: {kind}, a fault of ours.") from error
