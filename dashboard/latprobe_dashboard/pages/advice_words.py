"""Words and figures of suggestions as HTML: what they gain, how sure, on what evidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from latprobe.advice.applied import Applied
from latprobe.advice.gain_range import between
from latprobe.advice.ranking import sure_ms
from latprobe.advice.suggestion import (
    Basis,
    Effort,
    Evidence,
    Gain,
    Meaning,
    Saving,
    Suggestion,
)
from latprobe_dashboard import quantities, shown_text
from latprobe_dashboard.advice_queries import Given

BASIS: dict[Basis, tuple[str, str]] = {
    "replay": ("replayed", "The recorded requests were replayed with the change"),
    "queue": ("replayed with queues", "The recorded requests were replayed with their queues"),
    "latency_model": ("latency model", "From how long your calls took by their tokens"),
    "simulation": ("simulated", "Simulated on the recorded calls"),
    "bound": ("upper bound", "It saves at most this much; how much less is not known"),
}
EFFORT: dict[Effort, str] = {"low": "little work", "medium": "some work", "high": "much work"}
MEANING: dict[Meaning, str] = {
    "lossless": "A decoder was run and gave the same content back",
    "near": "Equal after a named normalisation, which was checked",
    "lossy": "Something is gone: the check says what",
}
# How words begin that say what there is more of with the change.
COSTS = "costs "
_CODE = re.compile(r"`([^`]{1,300})`")
_UNITS: dict[str, Callable[[float | None], str]] = {
    "ms": quantities.milliseconds,
    "s": lambda value: quantities.milliseconds((value or 0.0) * 1e3),
    "ns": quantities.nanoseconds,
    "us": lambda value: quantities.milliseconds((value or 0.0) / 1e3),
    "bytes": quantities.size,
    "usd": quantities.dollars,
    "share": quantities.share,
}


def inline(text: str, limit: int) -> str:
    """A sentence as HTML text, what stands in backquotes as code."""
    pieces = _CODE.split(shown_text.block(text, limit))
    pieces = [piece if at % 2 else quantities.typeset(piece) for at, piece in enumerate(pieces)]
    drawn = (shown_text.block_markup(piece, limit) if piece else "" for piece in pieces)
    return "".join(f"<code>{text}</code>" if at % 2 else text for at, text in enumerate(drawn))


def title(each: Suggestion | Applied) -> str:
    """What to change, as HTML."""
    return inline(each.title.replace(" -> ", " \u2192 "), 300)


def commands(text: str) -> list[str]:
    """The commands of ours that a sentence names, to be copied."""
    found = [code for code in _CODE.findall(text) if code.startswith("latprobe ")]
    return list(dict.fromkeys(found))


def gain_words(found: Given, saving: Saving | None) -> str:
    """What is saved in a few words of HTML, the surest first; "" where nothing is known."""
    if saving is None:
        return ""
    about = "at most " if saving.basis == "bound" else ""
    parts = []
    figures = (
        ("p95", saving.p95_ms, found.advice.p95_ms),
        ("p50", saving.p50_ms, found.advice.p50_ms),
    )
    gained = [(name, gain, whole) for name, gain, whole in figures if gain and gain.value > 0]
    # Of the median where nobody can tell that anything comes off p95.
    gained.sort(key=lambda each: sure_ms(each[1]) <= 0)
    for name, gain, whole in gained[:1]:
        share = quantities.share(gain.value / whole) if whole else ""
        # A bound is no prediction: no interval goes with it.
        sure = "" if saving.basis == "bound" else between(gain, quantities.milliseconds)
        how = "; ".join(each for each in (share, sure) if each)
        words = f"{about}<b>{quantities.milliseconds(gain.value)}</b> of {name}"
        parts.append(f"{words} ({how})" if how else words)
    parts += token_words(saving)
    cost = saving.cost_usd_per_1000
    if cost is not None and cost.value > 0:
        parts.append(f"<b>{quantities.dollars(cost.value)}</b> per 1,000 requests")
    return ", ".join(parts)


def token_words(saving: Saving) -> list[str]:
    """Tokens that a request has less of, by side; one with more "costs" them."""
    sign = "~" if saving.tokens_estimated else ""
    words = []
    for name, tokens in (("output", saving.output_tokens), ("input", saving.input_tokens)):
        if tokens:
            count = f"{sign}{quantities.count(abs(tokens))}"
            many = f"{COSTS}{count} more" if tokens < 0 else count
            words.append(f"{many} {name} tokens a request")
    return words


def saved_and_spent(words: Sequence[str]) -> str:
    """ "Saves" what is saved and then what it costs, as one sentence; "" without words."""
    saved = " · ".join(each for each in words if not each.startswith(COSTS))
    spent = " and ".join(each for each in words if each.startswith(COSTS))
    if saved and spent:
        return f"Saves {saved}, but {spent}"
    return f"Saves {saved}" if saved else f"It {spent}" if spent else ""


def facts(evidence: Sequence[Evidence]) -> str:
    """The figures a suggestion rests on, as HTML."""
    rows = "".join(
        f"<dt>{shown_text.markup(each.what, 80)}</dt><dd>{_value(each)}</dd>" for each in evidence
    )
    return f'<dl class="lp-facts">{rows}</dl>' if rows else ""


def _value(each: Evidence) -> str:
    value, unit = each.value, each.unit
    if value is None:
        return quantities.NOT_MEASURED
    if isinstance(value, str):
        return shown_text.block_markup(quantities.typeset(f"{value} {unit}".strip()), 400)
    if unit in _UNITS:
        return _UNITS[unit](float(value))
    if unit == "%":
        return f"{quantities.significant(float(value))} %"
    is_whole = isinstance(value, int) or float(value).is_integer()
    figure = quantities.count(value) if is_whole else quantities.significant(float(value))
    return f"{figure} {shown_text.markup(unit, 40)}".strip() if unit else figure


def left_of(
    before: float, gain: Gain, *, is_bound: bool = False
) -> tuple[float, float | None, float | None]:
    """What is left after the gain, from and to; a bound is no prediction and has no interval."""
    if is_bound:
        return before - gain.value, None, None
    low = None if gain.high is None else before - gain.high
    high = None if gain.low is None else before - gain.low
    return before - gain.value, low, high
