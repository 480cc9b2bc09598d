"""A figure now, what becomes of it, and the interval of that, as boxes of HTML on one scale."""

from __future__ import annotations


def bar(before: float, after: float, low: float | None, high: float | None, *, top: float) -> str:
    """What stays solid, what is saved in blue; a line from `low` to `high` over it.

    `top` is what the whole width stands for: the same for bars that are looked at together.
    """
    top = top or 1.0
    kept, rest = sorted((min(max(after, 0.0), top), before))
    saved = "lp-more" if after > before else "lp-saved"
    drawn = (
        f'<i class="lp-kept" style="width:{_at(kept, top)}"></i>'
        f'<i class="{saved}" style="left:{_at(kept, top)};width:{_at(rest - kept, top)}"></i>'
    )
    return f'<div class="lp-track" aria-hidden="true">{drawn}{line(low, high, top)}</div>'


def line(low: float | None, high: float | None, top: float) -> str:
    """The interval as a line with ends; "" where it is not known."""
    if low is None or high is None:
        return ""
    first, last = max(low, 0.0), min(max(high, 0.0), top)
    return (
        f'<i class="lp-whisker" style="left:{_at(first, top)};'
        f'width:{_at(max(last - first, 0.0), top)}"></i>'
    )


def span(low: float | None, high: float | None, at: float | None, top: float, name: str) -> str:
    """An interval as a line and its figure as a dot, in a row of its own."""
    dot = "" if at is None else f'<i class="lp-dot" style="left:{_at(at, top)}"></i>'
    return f'<div class="lp-track lp-{name}" aria-hidden="true">{line(low, high, top)}{dot}</div>'


def _at(value: float, top: float) -> str:
    return f"{100 * min(max(value / top, 0.0), 1.0):.2f}%"
