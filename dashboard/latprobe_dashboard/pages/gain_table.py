"""What requests would gain from each stage: a row a stage, with its intervals drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from latprobe.analysis.intervals import Interval
from latprobe.analysis.whatif.gains import StageGain
from latprobe_dashboard import gain_words, quantities, shown_text
from latprobe_dashboard.charts import rows
from latprobe_dashboard.theme import Hue, hue_of

TABLE_HEIGHT = 292

COLUMNS = (
    rows.Column("Stage", field="stage"),
    rows.Column(
        "Half the time: p50",
        field="half_p50_saved_ms",
        help="How much the median request gets shorter when the stage, with all below it, takes "
        "half its time. The whisker is the 95 % interval",
        is_bar=True,
    ),
    rows.Column(
        "Half the time: p95",
        field="half_p95_saved_ms",
        help="The same of the 95th percentile",
        is_bar=True,
    ),
    rows.Column(
        "No time: p50",
        field="none_p50_saved_ms",
        help="How much p50 falls when the stage takes no time at all: the most there is to gain",
        is_number=True,
    ),
    rows.Column("No time: p95", field="none_p95_saved_ms", is_number=True),
    rows.Column(
        "Own work: p50",
        field="own_half_p50_saved_ms",
        help="How much p50 falls when only what the stage does itself takes half the time; a stage "
        "that only calls others has little of that",
        is_number=True,
    ),
)


def gain_table(found: Sequence[StageGain], modalities: Mapping[str, str | None]) -> None:
    """Draws the rows; opening one asks what-if about its stage."""
    if not found:  # the page's answer says why
        return
    requests = quantities.counted(found[0].requests, "request")
    st.html(
        f'<p class="lp-h">What requests would gain<small>from {requests}, each replayed with the '
        "stage changed; whiskers are 95 % intervals; a row asks what-if</small></p>"
    )
    top = _scale(found)
    opened = rows.mount(
        COLUMNS,
        [_row(gain, top, modalities.get(gain.stage)) for gain in found],
        key="lp_gains",
        label="What requests would gain",
        height=TABLE_HEIGHT,
    )
    if opened is not None:
        st.query_params.update({"whatif": found[opened].stage, "change": "time", "by": "50"})
        st.rerun()


def _scale(found: Sequence[StageGain]) -> float:
    """The greatest end of an interval, to which all bars are drawn."""
    ends = [
        value
        for gain in found
        for figure, interval in (
            (gain.half.p50_ms, gain.half.p50_ci95_ms),
            (gain.half.p95_ms, gain.half.p95_ci95_ms),
        )
        for value in (figure, 0.0 if interval is None else interval.high)
    ]
    return max(ends, default=0.0) or 1.0


def _row(gain: StageGain, top: float, modality: str | None) -> rows.Row:
    hue = hue_of(modality)
    half, none = gain.half, gain.none
    return rows.Row(
        cells=(
            rows.Cell(shown_text.line(gain.stage), hue=hue, hint=hue.label),
            _saved(half.p50_ms, half.p50_ci95_ms, top, hue),
            _saved(half.p95_ms, half.p95_ci95_ms, top, hue),
            rows.figure(quantities.milliseconds, none.p50_ms),
            rows.figure(quantities.milliseconds, none.p95_ms),
            rows.figure(quantities.milliseconds, gain.own_half_ms),
        ),
        link=gain_words.whatif_address(gain.stage),
    )


def _saved(value_ms: float, interval: Interval | None, top: float, hue: Hue) -> rows.Cell:
    return rows.Cell(
        quantities.milliseconds(value_ms),
        value=value_ms,
        hue=hue,
        hint=gain_words.spread(interval),
        reach=rows.Reach(
            zero=0.0,
            at=value_ms / top,
            low=None if interval is None else interval.low / top,
            high=None if interval is None else interval.high / top,
            is_faint=interval is not None and interval.low <= 0,
        ),
    )
