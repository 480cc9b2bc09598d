"""The overview's first sentence: what to change and what it gains, and what changed since.

It takes longer than the page may, so it comes when it is there; the page stands meanwhile.
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from latprobe.analysis.scope import Scope
from latprobe.analysis.whatif.gains import Gains
from latprobe_dashboard import (
    analysis_queries,
    compared_runs,
    data,
    gain_words,
    links,
    quantities,
)
from latprobe_dashboard.frame import sentence
from latprobe_dashboard.later import fill, later
from latprobe_dashboard.pages import compare_words

HEIGHT = 28
# Two runs of more requests than this take seconds to compare: their medians are told instead.
COMPARED_REQUESTS = 5_000


def advise(scope: Scope) -> None:
    """Draws the sentence, or a grey box until it can be said."""
    fill(
        analysis_queries.gains(scope),
        _say,
        height=HEIGHT,
        gives_way=True,
        words="Replaying the requests with each stage at half its time…",
    )


def since(scope: Scope) -> None:
    """What changed since the run before; nothing where there is none."""
    runs = compared_runs.recorded_runs()
    own = [run for run in runs if scope.service in (None, run.service)]
    after = str(scope.run_id) if scope.run_id is not None else str(own[0].run_id) if own else None
    before = compared_runs.previous(runs, after)
    if before is None or after is None:
        return
    scopes = Scope(run_id=int(before)), Scope(run_id=int(after))
    fill(
        later("since", scopes, lambda: _changed(*scopes)),
        lambda words: _told(words, before, after),
        height=HEIGHT,
        gives_way=True,
        words="Comparing with the run before…",
    )


def _changed(before: Scope, after: Scope) -> str:
    medians = _medians(before, after)
    if medians is not None:
        return medians
    return compare_words.brief(analysis_queries.comparison(before, after).get())


def _say(found: Gains) -> None:
    gain = gain_words.best(found)
    if gain is None:
        st.html(f'<p class="lp-note">{gain_words.verdict(found)}</p>')
        return
    sentence([gain_words.verdict(found)])


def _told(words: str, before: str, after: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="lp_since"):
        st.html(
            f'<p class="lp-note">Run {after} against run {before}: {words}.</p>', width="content"
        )
        links.offer("compare", "What changed?", a=before, b=after)
        links.offer("analyze", "What if?")


def _medians(before: Scope, after: Scope) -> str | None:
    """The medians of large runs in words; None for runs that can be compared at once."""
    roots = data.roots()
    rows = [roots.rows(each) for each in (before, after)]
    if sum(map(len, rows)) <= COMPARED_REQUESTS or not all(map(len, rows)):
        return None
    first, second = (float(np.median(roots.duration_ns[each])) / 1e6 for each in rows)
    change = f" ({(second / first - 1) * 100:+.1f} %)" if first > 0 else ""
    return f"p50 {quantities.milliseconds(first)} → {quantities.milliseconds(second)}{change}"
