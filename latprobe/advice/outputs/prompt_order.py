"""How much of a template's prompts is the same in all calls, and how much of that stands first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from latprobe.advice.call_texts import CallText, TextPart
from latprobe.advice.outputs.cached_input import mean
from latprobe.advice.outputs.shared_ends import shared_end

# One changed prompt in a window does not make the rest new to a cache.
_STABLE = 0.9
_TEXTS = 32


@dataclass(frozen=True, slots=True)
class PromptOrder:
    """Tokens of a prompt, on average. `first` are the stable ones it begins with, `behind` the
    stable ones after the first that differs, estimated where they are a piece of a part.

    `broken_by` is the part at which calls begin to differ: its kind, and how it begins in two of
    them (None without texts).
    """

    first: float
    behind: float
    broken_by: str | None
    beginnings: tuple[str, str] | None


def prompt_order(calls: Sequence[CallText]) -> PromptOrder | None:
    """None where parts were not counted, or prompts are all the same."""
    prompts = [_parts(call) for call in calls]
    prompts = [parts for parts in prompts if parts]
    if not prompts:
        return None
    seen = Counter(digest for parts in prompts for digest in {part.hash for part in parts})
    stable = {digest for digest, count in seen.items() if count >= _STABLE * len(prompts)}
    place = _first_other(prompts, stable)
    if place is None:
        return None
    here = [parts[place] for parts in prompts if len(parts) > place]
    first = mean([float(_sum(parts[:place])) for parts in prompts])
    later = [[part for part in parts[place + 1 :] if part.hash in stable] for parts in prompts]
    behind = mean([float(_sum(parts)) for parts in later])
    begins, ends = _inside(here)
    return PromptOrder(
        first=first + begins,
        behind=behind + ends,
        broken_by=here[0].kind if here else None,
        beginnings=_beginnings(here),
    )


def _parts(call: CallText) -> list[TextPart]:
    found = [part for part in call.side("input") if part.hash and part.tokens is not None]
    return found if len(found) == len(call.side("input")) else []


def _first_other(prompts: list[list[TextPart]], stable: set[str | None]) -> int | None:
    for place in range(max(map(len, prompts))):
        here = Counter(parts[place].hash for parts in prompts if len(parts) > place)
        ((_, times),) = here.most_common(1)
        if times < _STABLE * len(prompts):
            return place
    return None


def _sum(parts: Sequence[TextPart]) -> int:
    return sum(part.tokens or 0 for part in parts)


def _inside(parts: Sequence[TextPart]) -> tuple[float, float]:
    """(tokens that such parts begin with alike, tokens of them that are alike behind that)."""
    texts = [part.text or "" for part in parts if part.text and not part.is_truncated][-_TEXTS:]
    if len(texts) < 2 or len(set(texts)) < 2:
        return 0.0, 0.0
    size = mean([float(len(text)) for text in texts])
    per_character = mean([float(part.tokens or 0) for part in parts]) / max(size, 1.0)
    start = len(_common_start(texts))
    end = max(len(shared_end(texts)), _same_lines(texts, start))
    return start * per_character, min(end, size - start) * per_character


def _same_lines(texts: Sequence[str], start: int) -> int:
    """Characters of the lines behind `start` that stand in nearly all of the texts."""
    lines = [set(text[start:].split("\n")[1:]) for text in texts]
    seen = Counter(line for each in lines for line in each)
    return sum(len(line) + 1 for line, times in seen.items() if times >= _STABLE * len(texts))


def _beginnings(parts: Sequence[TextPart]) -> tuple[str, str] | None:
    texts = list(dict.fromkeys(part.text for part in parts if part.text))
    if len(texts) < 2:
        return None
    start = max(len(_common_start(texts[-2:])) - 20, 0)
    first, second = (text[start : start + 60] for text in texts[-2:])
    return first, second


def _common_start(texts: Sequence[str]) -> str:
    """What all texts begin with, to the character: it is that of the least and the greatest."""
    first, last = min(texts), max(texts)
    for at, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return first[:at]
    return first
