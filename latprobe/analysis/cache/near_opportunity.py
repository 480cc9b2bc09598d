"""Caches that answer a call with the answer of one that was nearly the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.cache.near_duplicates import LEAST_ALIKE, shingles, similar
from latprobe.analysis.cache.opportunity import Kind, Limits, Opportunity, answers_saved, refusal
from latprobe.analysis.cache.semantic import LEAST_COSINE, Embed, similar_meaning
from latprobe.analysis.cache.traffic import Traffic

# Parts that so many calls send alike say nothing about whether two calls ask the same.
_STABLE_SHARE = 0.9
# Different inputs that are compared, the latest.
MOST_TEXTS = 3_000


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The different inputs: what varies in each as one text, and a group within which two may
    answer for each other, since all else of them is the same."""

    keys: list[int]
    texts: list[str]
    groups: list[int]


def near_duplicate(traffic: Traffic, limits: Limits) -> Opportunity:
    """By the words of what varies between the calls."""
    inputs = _inputs(traffic)
    if inputs is None:
        return _without_texts("near_duplicate", traffic)
    near = similar([shingles(text) for text in inputs.texts])
    note = (
        f"Inputs whose varying parts share {LEAST_ALIKE:.0%} of their runs of three words count as "
        "the same: the answers may differ."
    )
    return _served("near_duplicate", traffic, limits, inputs, near, note)


def semantic(traffic: Traffic, limits: Limits, embed: Embed) -> Opportunity:
    """By the vectors of the user's own function."""
    inputs = _inputs(traffic)
    if inputs is None:
        return _without_texts("semantic", traffic)
    near = similar_meaning(inputs.texts, embed)
    note = f"Inputs with a cosine of {LEAST_COSINE} or more count as the same: answers may differ."
    return _served("semantic", traffic, limits, inputs, near, note)


def _served(
    kind: Kind,
    traffic: Traffic,
    limits: Limits,
    inputs: _Inputs,
    near: dict[int, tuple[int, ...]],
    note: str,
) -> Opportunity:
    neighbours = {
        inputs.keys[one]: tuple(
            inputs.keys[other] for other in others if inputs.groups[other] == inputs.groups[one]
        )
        for one, others in near.items()
    }
    notes = [note]
    if len(inputs.keys) == MOST_TEXTS:
        notes.append(f"Only the latest {MOST_TEXTS:,} different inputs were compared.")
    return answers_saved(
        kind, traffic, traffic.key, limits, neighbours=neighbours, notes=tuple(notes)
    )


def _inputs(traffic: Traffic) -> _Inputs | None:
    """None where no text of what varies is kept."""
    stable = _stable_parts(traffic)
    groups: dict[tuple[int, ...], int] = {}
    found = _Inputs([], [], [])
    seen: set[int] = set()
    for row in range(len(traffic) - 1, -1, -1):
        key, parts = int(traffic.key[row]), traffic.parts[row]
        if key in seen or len(found.keys) >= MOST_TEXTS:
            continue
        seen.add(key)
        varying = [part for part in parts if part.digest not in stable and part.text is not None]
        if not varying:
            continue
        same = tuple(p.digest for p in parts if p.digest in stable or p.text is None)
        found.keys.append(key)
        found.texts.append("\n".join(part.text or "" for part in varying))
        found.groups.append(groups.setdefault(same, len(groups)))
    return found if found.keys else None


def _stable_parts(traffic: Traffic) -> frozenset[int]:
    calls = Counter(digest for parts in traffic.parts for digest in {p.digest for p in parts})
    return frozenset(d for d, count in calls.items() if count >= _STABLE_SHARE * len(traffic))


def _without_texts(kind: Kind, traffic: Traffic) -> Opportunity:
    return refusal(
        kind,
        len(traffic),
        "No texts of these calls are kept, so they cannot be compared; "
        "record with LATPROBE_CONTENT=local.",
    )


def distinct_inputs(keys: NDArray[np.int64]) -> int:
    """How many different inputs there are."""
    return len(np.unique(keys[keys >= 0]))
