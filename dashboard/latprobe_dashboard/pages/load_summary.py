"""How loaded the stages are: which saturates first, and what one more server would give."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from latprobe.analysis.intervals import Estimate
from latprobe.analysis.load import LoadReport, StageLoad
from latprobe.analysis.load.batch_effect import BatchEffect
from latprobe.analysis.load.capacity import Capacity, OneMore
from latprobe.analysis.load.imbalance import Imbalance
from latprobe.analysis.refusal import Refusal
from latprobe_dashboard import links, quantities, shown_text
from latprobe_dashboard.charts import rows
from latprobe_dashboard.theme import hue_of

COLUMNS = (
    rows.Column("Stage", field="stage"),
    rows.Column("Busy", field="utilisation", is_bar=True,
                help="Share of what its servers can take; whiskers are 95 % intervals"),
    rows.Column("Servers", field="servers", is_number=True,
                help="How many of its runs go at once while others wait"),
    rows.Column("Runs", field="runs_per_s", is_number=True),
    rows.Column("Takes up to", field="capacity_per_s", is_number=True,
                help="Runs a second at which all its servers work all the time"),
    rows.Column("Waits p50", field="waits_p50_ms", is_number=True),
    rows.Column("Waits p95", field="waits_p95_ms", is_number=True),
    rows.Column("p95 now", field="p95_ms", is_number=True,
                help="Of waiting and running together"),
    rows.Column("p95 with one more", field="one_more_p95_ms", is_number=True,
                help="The same with one server more, all runs lined up again"),
)  # fmt: skip
SENTENCES = 8


def load_summary(found: LoadReport) -> None:
    """A table where stages queue, else one sentence; what else the load shows below."""
    st.html('<p class="lp-h">Load<small>who waits for whom</small></p>')
    _note(headline(found))
    queued = [stage for stage in found.stages if stage.capacity is not None]
    if queued:
        opened = rows.mount(
            COLUMNS,
            [_row(stage, stage.capacity) for stage in queued if stage.capacity is not None],
            key="lp_load",
            label="Load",
        )
        if opened is not None:
            links.go("stage", name=queued[opened].name)
    for words in list(_sentences(found))[:SENTENCES]:
        _note(words)


def headline(found: LoadReport) -> str:
    """What saturates first, or that nothing queues."""
    if found.refused is not None:
        return found.refused
    full = [(each, each.capacity) for each in found.stages if each.capacity is not None]
    if not full:
        busy = found.busy
        return (
            f"No stage shows a queue: {busy.mean_running:.1f} requests at once on average, "
            f"{busy.max_running} at most."
        )
    first, capacity = max(full, key=lambda each: each[1].utilisation.value)
    return (
        f"{shown_text.line(first.name)} saturates first: "
        f"{quantities.counted(capacity.servers, 'server')} "
        f"{quantities.share(capacity.utilisation.value)} busy."
    )


def _note(words: str) -> None:
    st.html(f'<p class="lp-note">{shown_text.block_markup(words)}</p>')


def _row(stage: StageLoad, capacity: Capacity) -> rows.Row:
    hue, used, waits = hue_of(stage.modality), capacity.utilisation, stage.waits
    interval = used.interval
    top = max(1.0, used.value, 0.0 if interval is None else interval.high)
    return rows.Row(
        cells=(
            rows.Cell(shown_text.line(stage.name), hue=hue, hint=hue.label),
            rows.Cell(
                quantities.share(used.value),
                value=used.value,
                hue=hue,
                reach=rows.Reach(
                    zero=0.0,
                    at=used.value / top,
                    low=None if interval is None else interval.low / top,
                    high=None if interval is None else interval.high / top,
                ),
            ),
            rows.figure(quantities.count, capacity.servers),
            rows.figure(quantities.rate, stage.busy.rate_per_s),
            _rate(capacity.capacity_per_s),
            rows.figure(quantities.milliseconds, None if waits is None else waits.p50_ms),
            rows.figure(quantities.milliseconds, None if waits is None else waits.p95_ms),
            rows.figure(quantities.milliseconds, capacity.p95_ms),
            _with_one_more(capacity.one_more),
        ),
        link=links.stage_address(stage.name),
    )


def _rate(found: Estimate) -> rows.Cell:
    interval = found.interval
    note = (
        ""
        if interval is None
        else f"{quantities.rate(interval.low)} to {quantities.rate(interval.high)}"
    )
    return rows.figure(quantities.rate, found.value, hint=note)


def _with_one_more(found: OneMore | Refusal) -> rows.Cell:
    if isinstance(found, Refusal):
        return rows.Cell(quantities.milliseconds(None), hint=found.reason)
    more = found.p95_ms
    return rows.figure(quantities.milliseconds, more.value, note=_between(more))


def _between(found: Estimate) -> str:
    interval = found.interval
    if interval is None:
        return ""
    return f"{quantities.milliseconds(interval.low)} to {quantities.milliseconds(interval.high)}"


def _sentences(found: LoadReport) -> Iterator[str]:
    for stage in found.stages:
        name = shown_text.line(stage.name)
        uneven = stage.imbalance
        if isinstance(uneven, Imbalance) and uneven.is_found:
            yield (
                f"{name}: {shown_text.line(uneven.busiest, 40)} does {uneven.ratio:.2f} times the "
                "work of the average replica."
            )
        batch = stage.batch
        saved = batch.per_item_saved if isinstance(batch, BatchEffect) else None
        interval = None if saved is None else saved.interval
        if isinstance(batch, BatchEffect) and saved and interval and interval.low > 0:
            yield (
                f"{name}: in batches of {batch.largest_size} an item takes "
                f"{quantities.share(saved.value)} less ({quantities.share(interval.low)} to "
                f"{quantities.share(interval.high)}) than in batches of {batch.usual_size}."
            )
    told = next((each.capacity for each in found.stages if each.capacity is not None), None)
    if told is not None:
        yield "Assumed: " + " ".join(told.assumptions)
    if found.requests < found.all_requests:
        yield (
            f"From the latest {quantities.count(found.requests)} of "
            f"{quantities.count(found.all_requests)} requests."
        )
