"""By how much each span's own time changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.latency_model import TokenEffect
from latprobe.analysis.requests import Requests
from latprobe.analysis.spans import Ints
from latprobe.analysis.tree import over_ancestors
from latprobe.analysis.whatif.batches import BatchEffect
from latprobe.analysis.whatif.changes import CacheHit, Change, Remove, Scale
from latprobe.analysis.whatif.graph import Floats
from latprobe.analysis.whatif.recording import Names, Recording

CallEffect = TokenEffect | BatchEffect

# By name code, the row of the outermost span of that name over each span.
Tops = dict[int, Ints]

_NOBODY = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class TokenSavings:
    """What changed calls save, by trace and span: the place of a call in its effect's columns."""

    effects: tuple[CallEffect, ...]
    places: tuple[dict[tuple[str, int], int], ...]

    @classmethod
    def of(cls, effects: Sequence[CallEffect]) -> TokenSavings:
        places = tuple(
            {
                key: place
                for place, key in enumerate(
                    zip(effect.trace_id, effect.span_id.tolist(), strict=True)
                )
            }
            for effect in effects
        )
        return cls(tuple(effects), places)

    def calls(self, recorded: Recording, part: Requests) -> list[tuple[CallEffect, Ints]]:
        """Each effect with the place of each span in its columns; -1: none of its calls."""
        if not self.effects:
            return []
        trace = [part.trace_id[each] for each in recorded.spans.trace.tolist()]
        keys = list(zip(trace, recorded.spans.span_id.tolist(), strict=True))
        return [
            (effect, np.array([places.get(key, -1) for key in keys], np.int64))
            for effect, places in zip(self.effects, self.places, strict=True)
        ]


def factors(
    recorded: Recording,
    changes: Sequence[Change],
    names: Names,
    *,
    calls: Sequence[tuple[CallEffect, Ints]],
    column: int,
    rng: np.random.Generator,
    tops: Tops | None = None,
) -> Floats:
    """Each span's factor: the product over the changes of what stands over it.

    A stage within itself is changed once. `calls` is what TokenSavings.calls gives. `column` 0
    holds the point estimate of the token model, a later one its draw; cache hits are drawn afresh
    from `rng` at every call. `tops` keeps what columns have in common.
    """
    factor = np.ones(len(recorded))
    for change in changes:
        if isinstance(change, Scale):
            factor *= below(recorded, names.codes.get(change.stage), change.factor, tops)
        elif isinstance(change, Remove):
            factor *= below(recorded, names.codes.get(change.stage), 0.0, tops)
        elif isinstance(change, CacheHit):
            code = names.codes.get(change.stage)
            hits = (rng.random(len(recorded)) < change.ratio).astype(np.float64)
            factor *= below(recorded, code, 1.0 - hits, tops)
    for effect, place in calls:
        saved = effect.saved_ns if column == 0 else effect.saved_draw((column - 1) % effect.draws)
        factor *= _token_factor(recorded, saved, place)
    return factor


def below(
    recorded: Recording, code: int | None, value: Floats | float, tops: Tops | None = None
) -> Floats:
    """`value` at the outermost spans named `code` and at all spans below them, else 1."""
    known = -1 if code is None else code
    top = None if tops is None else tops.get(known)
    if top is None:
        top = _tops(recorded, recorded.name == known)
        if tops is not None:
            tops[known] = top
    return _spread(recorded, top, value)


def _token_factor(recorded: Recording, saved_ns: Floats, place: Ints) -> Floats:
    spans = recorded.spans
    is_call = (place >= 0) & (spans.duration_ns > 0)
    value = np.ones(len(spans))
    took = spans.duration_ns[is_call]
    value[is_call] = np.maximum((took - saved_ns[place[is_call]]) / took, 0.0)
    return _spread(recorded, _tops(recorded, is_call), value)


def _tops(recorded: Recording, is_marked: np.ndarray) -> Ints:
    """The row of the outermost marked span over each span, or of itself; -1: none."""
    if not is_marked.any():
        return np.full(len(recorded), -1, np.int64)
    parent = recorded.tree.parent
    order = depth(parent) * len(recorded) + np.arange(len(recorded))
    top = over_ancestors(parent, np.where(is_marked, order, _NOBODY), np.minimum)
    return np.asarray(np.where(top < _NOBODY, top % len(recorded), -1))


def _spread(recorded: Recording, top: Ints, value: Floats | float) -> Floats:
    values = np.broadcast_to(np.asarray(value, np.float64), len(recorded))
    return np.where(top >= 0, values[np.maximum(top, 0)], 1.0)


def depth(parent: Ints) -> Ints:
    """How many ancestors each row has."""
    result = (parent >= 0).astype(np.int64)
    above = parent.copy()
    rows = np.flatnonzero(above >= 0)
    while len(rows):
        ahead = above[rows]
        result[rows] += result[ahead]
        above[rows] = above[ahead]
        rows = rows[above[rows] >= 0]
    return result
