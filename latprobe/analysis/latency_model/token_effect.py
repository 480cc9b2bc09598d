"""What a stage's recorded calls would save with other tokens, each by the model of its kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.counted import counted
from latprobe.analysis.intervals import Floats
from latprobe.analysis.latency_model.calls import CallColumns
from latprobe.analysis.latency_model.changed_calls import ChangedCalls, TokenChange, changed_calls
from latprobe.analysis.latency_model.fit import fit_latency
from latprobe.analysis.latency_model.part import DRAWS
from latprobe.analysis.latency_model.stored_calls import StoredCalls, fetch_stage_calls
from latprobe.analysis.latency_model.stored_models import LEVELS, ended_well
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.spans import Ids, Ints
from latprobe.store.query import Query

ASSOCIATION = (
    "What a token costs is read off your calls that have more or fewer of them; it is not an "
    "experiment."
)
# Calls without an answer may be so many and the rest still speak for the stage.
_MOST_LEFT_OUT = 0.05


@dataclass(frozen=True, slots=True)
class TokenEffect:
    """One row a call. `saved_ns` is how much shorter its span gets, negative if longer.

    `saved_draw(k)` for k < `draws` gives the same under the k-th bootstrap draw of the model.
    `trace_id` as text, as `Requests.trace_id` has it. `notes` are sentences for the user.
    """

    trace_id: tuple[str, ...]
    span_id: Ids
    saved_ns: Floats
    draws: int
    notes: tuple[str, ...]
    parts: tuple[tuple[Ints, ChangedCalls], ...]

    def saved_draw(self, draw: int) -> Floats:
        """`saved_ns` under one draw."""
        saved = np.zeros(len(self.span_id))
        for rows, changed in self.parts:
            saved[rows] = changed.saved_ns(draw)
        return saved


def token_effect(
    query: Query,
    scope: Scope = EVERYTHING,
    stage: str = "",
    *,
    input_factor: float = 1.0,
    output_factor: float = 1.0,
    output_limit: int | None = None,
) -> TokenEffect | Refusal:
    """What each recorded call of the stage, or within it, would save; or why that cannot be told.

    A call that failed saves nothing. Of a kind (model, template, replica) with too little to learn
    from, calls are answered by the model of their template, replica, or model alone.
    """
    calls = fetch_stage_calls(query, scope, stage)
    if len(calls) == 0:
        return Refusal(
            f"No model call with token counts was recorded in the stage {stage!r}; "
            "`latprobe latency` lists the calls that were."
        )
    change = TokenChange(input_factor, output_factor, output_limit)
    answered, refused, left = _answers(calls, change)
    good = int((~calls.is_error).sum())
    if refused is not None and len(left) > _MOST_LEFT_OUT * good:
        return refused
    notes = list(dict.fromkeys(note for _, changed in answered for note in changed.notes))
    if len(left):
        notes.append(
            f"{len(left):,} of {counted(good, 'call')} "
            f"{'is taken as it is' if len(left) == 1 else 'are taken as they are'}: too few of "
            f"{'its' if len(left) == 1 else 'their'} kind."
        )
    effect = TokenEffect(
        trace_id=tuple(calls.trace_id.tolist()),
        span_id=calls.span_id,
        saved_ns=np.zeros(len(calls)),
        draws=DRAWS,
        notes=(*notes, ASSOCIATION),
        parts=tuple(answered),
    )
    for rows, changed in answered:
        effect.saved_ns[rows] = changed.saved_ns()
    return effect


def _answers(
    calls: StoredCalls, change: TokenChange
) -> tuple[list[tuple[Ints, ChangedCalls]], Refusal | None, Ints]:
    """Answers by rows; the finest level's refusal of the most calls; the rows without an answer."""
    is_open = ~calls.is_error
    answered: list[tuple[Ints, ChangedCalls]] = []
    refused: Refusal | None = None
    tried: set[bytes] = set()
    for level in LEVELS:
        for _, rows in calls.groups(level):
            good = ended_well(calls, rows)
            wanted = good[is_open[good]]
            if len(wanted) == 0 or good.tobytes() in tried:
                continue
            tried.add(good.tobytes())
            changed = _answer(calls.columns.take(good), calls.columns.take(wanted), change)
            if isinstance(changed, Refusal):
                refused = refused or changed
            else:
                answered.append((wanted, changed))
                is_open[wanted] = False
    return answered, refused, np.flatnonzero(is_open)


def _answer(
    learned_from: CallColumns, wanted: CallColumns, change: TokenChange
) -> ChangedCalls | Refusal:
    model = fit_latency(learned_from)
    return model if isinstance(model, Refusal) else changed_calls(model, wanted, change)
