"""Which suggestions there are for the recorded requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from latprobe.advice.answer import Advice
from latprobe.advice.context import MIN_REQUESTS, Context
from latprobe.advice.dominant import dominant
from latprobe.advice.ranking import rank
from latprobe.advice.rule import Rule, all_rules
from latprobe.advice.suggestion import Suggestion
from latprobe.analysis.mixed_programs import mixed_programs
from latprobe.analysis.no_data import nothing_found
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.errors import NoDataError
from latprobe.store.query import Query


def advise(
    query: Query, scope: Scope = EVERYTHING, *, rules: Sequence[Rule] | None = None, seed: int = 0
) -> Advice:
    """What to change, the best first. Raises NoDataError when nothing is in the scope."""
    return advise_on(Context(query, scope, seed=seed), rules=rules)


def advise_on(context: Context, *, rules: Sequence[Rule] | None = None) -> Advice:
    """The same for a context that is kept, to ask it for more. None: every rule there is."""
    count = len(context.requests)
    if count == 0:
        raise nothing_found(context.query, context.scope)
    refused = _refused(context)
    if refused is not None:
        return Advice(requests=count, p50_ms=context.p50_ms, p95_ms=context.p95_ms, refused=refused)
    found = _found(context, all_rules() if rules is None else rules)
    return replace(rank(context, found), notes=_unseen(context), dominant=dominant(context))


def _refused(context: Context) -> str | None:
    """Why no advice on these requests would mean anything; None where it does.

    What a change saves is a share of all requests' latency: among those of another program it
    gets lost, or stands for what nobody measures.
    """
    count = len(context.requests)
    if count < MIN_REQUESTS:
        return f"{count} requests are too few to advise on; record {MIN_REQUESTS} or more."
    mixed = mixed_programs(context.query, context.requests)
    return None if mixed is None else mixed.reason


def _found(context: Context, rules: Sequence[Rule]) -> Iterator[Suggestion]:
    for rule in rules:
        try:
            yield from rule.find(context)
        except NoDataError:
            # The rule asked about something that was not recorded: it has nothing to say.
            continue


def _unseen(context: Context) -> tuple[str, ...]:
    """What advice could not look at."""
    calls = context.texts
    hidden = sum(1 for each in calls if each.parts and not each.has_text)
    if hidden == 0:
        return ()
    whose = "the model calls'" if hidden == len(calls) else f"{hidden} of {len(calls)} model calls'"
    return (
        f"{whose[0].upper()}{whose[1:]} texts were not kept: advice knows their hashes and lengths "
        "only and cannot see what they say (docs/content.md).",
    )
