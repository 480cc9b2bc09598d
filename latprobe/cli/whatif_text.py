"""A prediction as text: one sentence, the percentiles, what was assumed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from latprobe.analysis.whatif.changes import (
    Batch,
    CacheHit,
    Concurrency,
    Parallel,
    Remove,
    Replicas,
    Scale,
    Tokens,
)
from latprobe.cli import figures, output
from latprobe.cli.output import Column

if TYPE_CHECKING:
    from latprobe.analysis.whatif import Change, Percentile, Prediction


def print_prediction(found: Prediction, changes: Sequence[Change]) -> None:
    """Prints the whole prediction."""
    output.line(headline(found), style="bold")
    output.line()
    columns = [Column("", "left"), Column("Recorded"), Column("With the change"), Column("95 %")]
    rows = [
        [name, figures.ms(each.before_ms), figures.ms(each.after_ms), interval(each)]
        for name, each in (("p50", found.p50), ("p95", found.p95), ("p99", found.p99))
    ]
    output.table(columns, rows)
    output.line()
    output.line(f"Change    {' · '.join(map(change_text, changes))}")
    if found.throughput is not None:
        rate = found.throughput
        output.line(f"Requests  {rate.before_per_s:.2f}/s -> {rate.after_per_s:.2f}/s")
    output.line(
        f"Interval  where {figures.many(found.requests, 'new request')} with the change would lie"
    )
    for note in found.notes:
        output.line(f"Note      {note}")


def headline(found: Prediction) -> str:
    """The sentence that matters: p50 812 ms -> 640 ms (610 ms-665 ms), over 1,200 requests."""
    each = found.p50
    return (
        f"p50 {figures.ms(each.before_ms)} -> {figures.ms(each.after_ms)} ({interval(each)}), "
        f"p95 {figures.ms(found.p95.before_ms)} -> {figures.ms(found.p95.after_ms)} "
        f"({interval(found.p95)}), over {figures.many(found.requests, 'request')}."
    )


def change_text(change: Change) -> str:
    """A change as a person would say it."""
    match change:
        case Scale(stage, factor):
            return f"{stage} in {_times(factor)} the time"
        case Remove(stage):
            return f"without {stage}"
        case Parallel(stage, other):
            return f"{stage} beside {other}"
        case CacheHit(stage, ratio):
            return f"{figures.percent(ratio)} of the calls of {stage} from a cache"
        case Replicas(stage, count):
            return f"{stage} on {figures.many(count, 'worker')}"
        case Concurrency(count):
            return f"at most {figures.many(count, 'request')} at once"
        case Batch(stage, size):
            return f"{stage} in batches of {figures.count(size)}"
        case Tokens():
            return _tokens_text(change)


def _times(factor: float) -> str:
    return "half" if factor == 0.5 else f"{factor:.4g} times"


def _tokens_text(change: Tokens) -> str:
    said = [
        f"{(factor - 1) * 100:+.4g} % {side} tokens"
        for side, factor in (("input", change.input_factor), ("output", change.output_factor))
        if factor != 1
    ]
    if change.output_limit is not None:
        said.append(f"at most {figures.many(change.output_limit, 'output token')}")
    return f"{change.stage} with {' and '.join(said)}" if said else f"{change.stage} as it is"


def interval(figure: Percentile) -> str:
    """Where a re-run would lie."""
    if figure.ci95_ms is None:
        return figures.UNMEASURED
    return f"{figures.ms(figure.ci95_ms.low)} to {figures.ms(figure.ci95_ms.high)}"
