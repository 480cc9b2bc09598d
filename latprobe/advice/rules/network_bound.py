"""Calls to other machines whose time goes into connecting, distance or large payloads."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from latprobe.advice.context import MIN_REQUESTS, Context
from latprobe.advice.saving import with_saving
from latprobe.advice.span_attributes import number
from latprobe.advice.stage_words import has_any, word_set
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.advice.time_off import at_most, sampled_time_off, saved_on_path
from latprobe.analysis.load.batch_effect import fit_line
from latprobe.analysis.verdict import certain_verdict
from latprobe.analysis.whatif import Remove

NAME = "network_bound"

LEAST_SHARE = 0.03
SET_UP = word_set("connect connection dns tls ssl handshake")
# A connection that is kept is set up once in many calls: every second request is not kept.
LEAST_RUNS = 0.5

# On the wire for longer than this share of a call, and longer than one data centre explains.
LEAST_WIRE = 0.3
LEAST_WIRE_MS = 5.0

BYTES = (
    "http.request.body.size",
    "http.response.body.size",
    "http.request_content_length",
    "http.response_content_length",
    "messaging.message.body.size",
    "rpc.message.uncompressed_size",
)
FEWEST_CALLS = 30
# The larger third takes half as long again, of payloads three times as large.
LEAST_GROWTH = 1.5
LEAST_SPREAD = 3.0
LINK = "https://www.python-httpx.org/advanced/clients/"


def find(context: Context) -> Iterable[Suggestion]:
    """Set-up of connections, time on the wire, and time that grows with the payload."""
    for stage, facts in context.stages.items():
        if facts.critical_share + facts.given_share < LEAST_SHARE:
            continue
        if has_any(stage, SET_UP):
            if facts.per_request >= LEAST_RUNS:
                yield _set_up(context, stage)
            continue
        rows = _rows(context, stage)
        if len(rows) < MIN_REQUESTS:
            continue
        wire = _wire_ns(context, rows)
        if wire is not None:
            yield _far_away(context, stage, rows, wire)
        elif certain_verdict(facts.path) != "cpu-bound":
            yield from _payload(context, stage, rows)


def _rows(context: Context, stage: str) -> NDArray[np.int64]:
    spans = context.sampled.spans
    if stage not in spans.names:
        return np.zeros(0, np.int64)
    return np.flatnonzero(spans.name == spans.names.index(stage))


def _wire_ns(context: Context, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """What of each call the called process did not see; None where that is little or not known."""
    sampled = context.sampled
    remote = np.array([each is True for each in sampled.column("remote_parent")])
    inside = np.zeros(len(remote))
    served = np.flatnonzero(remote & (sampled.tree.parent >= 0))
    np.add.at(inside, sampled.tree.parent[served], sampled.spans.duration_ns[served])
    took = sampled.spans.duration_ns[rows].astype(np.float64)
    known = inside[rows] > 0
    if known.mean() < 0.5:
        return None
    wire = np.where(known, np.maximum(took - inside[rows], 0.0), 0.0)
    median = float(np.median(wire[known]))
    if median < LEAST_WIRE_MS * 1e6 or median < LEAST_WIRE * float(np.median(took[known])):
        return None
    return wire


def _far_away(
    context: Context, stage: str, rows: NDArray[np.int64], wire: NDArray[np.float64]
) -> Suggestion:
    saved = saved_on_path(context, rows, wire)
    took = context.sampled.spans.duration_ns[rows]
    return Suggestion(
        rule=NAME,
        subject=stage,
        title=f"Bring {stage} closer: {wire.sum() / max(took.sum(), 1):.0%} of it is neither "
        "caller nor server",
        evidence=(
            Evidence("A call: p50", round(float(np.median(took)) / 1e6, 1), "ms"),
            Evidence("Of this outside the server", round(float(np.median(wire)) / 1e6, 1), "ms"),
            Evidence("Calls", len(rows)),
        ),
        how="Keep one client with its connections for the whole process (HTTP/2 or a pool), and "
        "put both sides in one region.\nIf the server has a line before its first span, it is "
        "counted here: see `latprobe load`.",
        verify="The gap between the two processes' spans in `latprobe show latest` is gone.",
        effort="medium",
        saving=sampled_time_off(context, saved, basis="bound"),
        link=LINK,
        stage=stage,
        preconditions=("The saving is that of no network at all.",),
        claims=frozenset({("stage_time", stage)}),
    )


def _set_up(context: Context, stage: str) -> Suggestion:
    facts = context.stages[stage]
    title = f"Keep connections open: requests wait for {stage} again and again"
    change = Remove(stage)
    saving = at_most(context, change)
    evidence = (
        Evidence("Runs", round(facts.per_request, 2), "a request"),
        Evidence("p50", round(facts.stats.p50_ms, 1), "ms"),
        Evidence(
            "Share of the latency", round(100 * (facts.critical_share + facts.given_share), 1), "%"
        ),
    )
    made = Suggestion(
        rule=NAME,
        subject=stage,
        title=title,
        evidence=evidence,
        how="Make one client (httpx.Client, requests.Session, a database pool) when the process "
        "starts and use it for all requests.\nRaise its keep-alive over the pauses between "
        "requests.",
        verify=f"`latprobe report`: {stage} runs once a process instead of once a request.",
        effort="low",
        link=LINK,
        stage=stage,
        preconditions=("The other side keeps connections open.",),
        changes=(change,),
        claims=frozenset({("stage_time", stage)}),
    )
    return with_saving(made, saving)


def _payload(context: Context, stage: str, rows: NDArray[np.int64]) -> Iterable[Suggestion]:
    sizes = number(context.sampled, BYTES)
    known = np.array([row for row in rows.tolist() if sizes.get(row, 0) > 0], np.int64)
    if len(known) < FEWEST_CALLS:
        return
    size = np.array([sizes[row] for row in known.tolist()])
    took_ms = np.maximum(context.sampled.spans.duration_ns[known], 1) / 1e6
    low, high = np.quantile(size, [1 / 3, 2 / 3])
    small, large = size <= low, size >= high
    grew = float(np.median(took_ms[large]) / np.median(took_ms[small]))
    if grew < LEAST_GROWTH or np.median(size[large]) < LEAST_SPREAD * np.median(size[small]):
        return
    base_ms, ms_a_byte = fit_line(size, took_ms).tolist()
    saved = saved_on_path(context, known, ms_a_byte * size * 1e6)
    yield Suggestion(
        rule=NAME,
        subject=stage,
        title=f"Send less in {stage}: its time grows with the bytes",
        evidence=(
            Evidence("Payload: median", round(float(np.median(size)) / 1000, 1), "kB"),
            Evidence("A call without payload", round(base_ms, 1), "ms"),
            Evidence("A megabyte takes", round(ms_a_byte * 1e6, 1), "ms"),
        ),
        how="Compress (zstd, gzip), send bytes instead of base64 or JSON arrays, and leave out "
        "what is not read; shrink pictures before they are sent.\nOr send a reference to where "
        "the data lies.",
        verify="`latprobe report`: the stage's p95 falls with the payload's size.",
        effort="medium",
        saving=sampled_time_off(context, saved, basis="bound"),
        link="https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/Compression",
        stage=stage,
        preconditions=(
            "What takes longer is the way, not the work on larger data. The saving is that of no "
            "payload.",
        ),
        claims=frozenset({("stage_time", stage)}),
    )
