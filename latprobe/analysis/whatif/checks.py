"""Changes that make no sense, or not here: the reason in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches

from latprobe.analysis.counted import counted
from latprobe.analysis.scope import Scope
from latprobe.analysis.whatif.changes import (
    Batch,
    CacheHit,
    Change,
    Concurrency,
    Parallel,
    Remove,
    Replicas,
    Scale,
    Tokens,
)
from latprobe.analysis.whatif.precedence import Precedence, names_of
from latprobe.analysis.whatif.recording import Names, Recording
from latprobe.analysis.whatif.timers import find_timer
from latprobe.analysis.whatif.unreplayable import is_cut_off
from latprobe.store.query import Query

FEWEST_REQUESTS = 20


def impossible(changes: Sequence[Change]) -> str | None:
    """Why the changes cannot be meant; None if they can."""
    if not changes:
        return "No change was given: say what to change, as Scale('llm', 0.5)."
    for change in changes:
        reason = _impossible(change)
        if reason is not None:
            return reason
    return None


def _impossible(change: Change) -> str | None:
    match change:
        case Scale(_, factor) if not (math.isfinite(factor) and factor >= 0):
            return f"A stage cannot take {factor} times as long: give a factor of 0 or more."
        case CacheHit(_, ratio) if not 0 <= ratio <= 1:
            return f"A hit ratio of {ratio} is not between 0 and 1."
        case Parallel(stage, other) if stage == other:
            return f"{stage!r} cannot run beside itself: name two stages."
        case Replicas(_, count) | Concurrency(count) if count < 1:
            return f"{count} at once is not possible: give a number of 1 or more."
        case Batch(_, size) if size < 1:
            return f"A batch of {size} is not possible: give a number of 1 or more."
        case Tokens(_, given, made, limit):
            if not all(math.isfinite(each) and each >= 0 for each in (given, made)):
                return "A call cannot have less than no tokens: reduce them by at most 100 %."
            if limit is not None and limit < 1:
                return f"An output limit of {limit} tokens is not possible: give 1 or more."
    return None


def stages_of(changes: Sequence[Change]) -> list[str]:
    """The stages that the changes name, each once."""
    found: dict[str, None] = {}
    for change in changes:
        match change:
            case Parallel(stage, other):
                found |= {stage: None, other: None}
            case Concurrency():
                pass
            case _:
                found[change.stage] = None
    return list(found)


def unknown_stage(query: Query, scope: Scope, stages: Sequence[str]) -> str | None:
    """Which of the stages was not recorded in the scope, and the nearest that was."""
    if not stages:
        return None
    where, parameters = scope.where()
    table = query(f"SELECT DISTINCT s.name FROM spans s WHERE {where} ORDER BY 1", parameters)
    known = [str(name) for name in table["name"].to_pylist()]
    for stage in stages:
        if stage not in known:
            near = get_close_matches(stage, known, n=1, cutoff=0.4)
            hint = f"Did you mean {near[0]!r}?" if near else "`latprobe report` lists the stages."
            return f"Nothing is recorded here on a stage {stage!r}. {hint}"
    return None


def too_few(requests: int) -> str | None:
    """Why so many requests are not enough to predict from."""
    if requests >= FEWEST_REQUESTS:
        return None
    is_ = "is" if requests == 1 else "are"
    return (
        f"Only {counted(requests, 'finished request')} {is_} recorded here and a prediction takes "
        f"{FEWEST_REQUESTS}: record more, or widen the filter."
    )


def raced(changes: Sequence[Change], names: Names, precedence: Precedence) -> str | None:
    """Why a stage cannot be changed that is stopped when another one ends, or stops it."""
    called = {code: name for name, code in names.codes.items()}
    wanted = set(stages_of(changes))
    for _, first, then in map(names_of, precedence.races.tolist()):
        both = called.get(first), called.get(then)
        if wanted & set(both):
            return (
                f"{both[0]!r} and {both[1]!r} mostly end at the same moment, as if one were "
                "stopped when the other has an answer: how long it would have gone on is not "
                "recorded. "
                "Let them run to their end in a trial, and record that."
            )
    return None


def handed_on(changes: Sequence[Change], names: Names, precedence: Precedence) -> str | None:
    """Why the tokens of a call cannot be changed whose pieces another stage begins with: when the
    first comes hangs on other tokens than when the last does, and the other's work on all."""
    called = {code: name for name, code in names.codes.items()}
    token_stages = {change.stage for change in changes if isinstance(change, Tokens)}
    for _, first, then in map(names_of, [*precedence.within.tolist(), *precedence.begins.tolist()]):
        if called.get(first) in token_stages:
            return (
                f"{called.get(then)!r} begins with what {called[first]!r} has made so far: when it "
                "would begin, and how much there would be for it, is not recorded for other "
                "tokens. Make the change in a trial, and record that."
            )
    return None


def cut_off(changes: Sequence[Change], names: Names, recorded: Recording | None) -> str | None:
    """Why a stage cannot be made faster or slower that is given up after a while."""
    for change in changes:
        code = names.codes.get(getattr(change, "stage", ""))
        if recorded is None or code is None or not isinstance(change, Scale | Tokens):
            continue
        if is_cut_off(recorded, code):
            return (
                f"{change.stage!r} often takes as long as its longest run, and never longer, as if "
                "it were given up then: how long it would have gone on is not recorded. Lift the "
                "limit for a trial, and record that."
            )
    return None


def timed(changes: Sequence[Change], names: Names, recorded: Recording | None) -> str | None:
    """Why a stage cannot be changed that another one begins after, when it has taken a while."""
    called = {code: name for name, code in names.codes.items()}
    for stage in stages_of(changes):
        code = names.codes.get(stage)
        timer = None if recorded is None or code is None else find_timer(recorded, code)
        if timer is not None:
            return (
                f"{called[timer.then]!r} begins when {stage!r} has not ended after "
                f"{timer.after_ns / 1e6:.3g} ms, as after a timeout or as a second try: how often "
                "it would with the change is not recorded. Make the change in a trial, and record "
                "that."
            )
    return None


def twice(changes: Sequence[Change]) -> str | None:
    """A stage that is removed and changed besides, which can hardly be meant."""
    removed = {change.stage for change in changes if isinstance(change, Remove)}
    for change in changes:
        stage = getattr(change, "stage", None)
        if stage in removed and not isinstance(change, Remove):
            return f"{stage!r} is removed and changed as well: leave one of the two out."
    return None
