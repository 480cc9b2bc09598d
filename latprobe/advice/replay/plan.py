"""What a trial would ask, before anything is asked: requests, calls, tokens and their price."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from latprobe.advice.call_texts import CALLS_A_TEMPLATE, fetch_call_texts
from latprobe.advice.outputs.template_calls import TemplateCalls, fetch_template_calls
from latprobe.advice.replay.agreement import ABSENT
from latprobe.advice.replay.change import AsRecorded, Change, change_of
from latprobe.advice.replay.margin import fewest_pairs, smallest_margin
from latprobe.advice.replay.recorded import Recorded, fetch_recorded
from latprobe.advice.suggestion import Suggestion
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.scope import Scope
from latprobe.clock import wall_ns
from latprobe.store.query import Query
from latprobe.tokens.prices import Prices
from latprobe.tokens.rates import Quantities

# Where a price comes from: the cost of the recorded calls, cache reads included, or known prices
# of a token with nothing read from a cache.
CostBasis = Literal["recorded calls", "prices"]
# Of so many times the wanted requests some are equal to others, or hold more than text.
_SPARE = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests to ask again by both arms; `values` are all recorded answers as read.

    Tokens are estimated: those of the recorded calls, for both arms; None where one of the calls
    does not say. The cost is None where nobody knows the model's price, or not the tokens.
    """

    recorded: tuple[Recorded, ...]
    old: AsRecorded
    new: Change
    values: tuple[Any, ...]
    recorded_model: str | None
    left_out: Mapping[str, int]
    input_tokens_estimated: int | None
    output_tokens_estimated: int | None
    cost_usd_estimated: float | None
    cost_basis: CostBasis | None

    @property
    def calls(self) -> int:
        """Calls of the model, retries not counted."""
        return 2 * len(self.recorded)


def plan(
    query: Query,
    scope: Scope,
    suggestion: Suggestion,
    *,
    requests: int,
    margin: float,
    model: str | None = None,
    prices: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Plan | Refusal:
    """Different requests, drawn from the newest; a Refusal where too few could show anything.

    `model` is the live one, None: the recorded one.
    """
    wanted = fewest_pairs(margin)
    if requests < wanted:
        return Refusal(
            f"{requests} requests cannot show that answers are worse by less than {margin:.0%}; "
            f"ask for {wanted} or more, or for a margin over {smallest_margin(requests):.1%}."
        )
    group = _group(query, scope, suggestion, requests)
    if isinstance(group, Refusal):
        return group
    found = fetch_recorded(query, group.texts)
    old = AsRecorded.of(found.calls) if found.calls else AsRecorded(False)
    usable = [each for each in found.calls if old.read(each.answer) is not ABSENT]
    left_out = dict(found.left_out)
    if len(usable) < len(found.calls):
        left_out["its answer is no JSON, as those of the others are"] = len(found.calls) - len(
            usable
        )
    if len(usable) < wanted:
        return _too_few(len(usable), left_out, wanted)
    new = change_of(suggestion, usable, model=model or group.model)
    if isinstance(new, Refusal):
        return new
    changed = [each for each in usable if new.messages(each) != each.messages]
    if len(changed) < wanted:
        return Refusal(
            f"The suggestion changes {len(changed)} of {len(usable)} recorded requests; "
            f"{wanted} or more are needed."
        )
    chosen = random.Random(seed).sample(changed, min(requests, len(changed)))
    given = _twice([each.call.input_tokens for each in chosen])
    made = _twice([each.call.output_tokens for each in chosen])
    cost, basis = _cost(group, 2 * len(chosen), given, made, model or group.model, prices)
    return Plan(
        recorded=tuple(chosen),
        old=old,
        new=new,
        values=tuple(old.read(each.answer) for each in usable),
        recorded_model=group.model,
        left_out=left_out,
        input_tokens_estimated=given,
        output_tokens_estimated=made,
        cost_usd_estimated=cost,
        cost_basis=basis,
    )


def _group(
    query: Query, scope: Scope, suggestion: Suggestion, requests: int
) -> TemplateCalls | Refusal:
    """The calls that the suggestion is about, with enough of their texts."""
    texts = fetch_call_texts(
        query, scope, calls_a_template=max(CALLS_A_TEMPLATE, _SPARE * requests)
    )
    groups = fetch_template_calls(query, scope, texts=texts, requests=1)
    found = [each for each in groups if each.subject == suggestion.subject]
    if not found:
        return Refusal(
            f"{suggestion.subject} is no prompt of recorded model calls, so there is nothing to "
            "ask again; follow the suggestion, then `latprobe applied` measures it."
        )
    if not any(call.has_text for call in found[0].texts):
        return Refusal(
            "The texts of these calls were not kept (content is off), so they cannot be asked "
            "again; record some requests with LATPROBE_CONTENT=local (docs/content.md)."
        )
    return found[0]


def _too_few(usable: int, left_out: Mapping[str, int], wanted: int) -> Refusal:
    counted = ", ".join(f"{count}: {reason}" for reason, count in left_out.items())
    others = f" Left out are {counted}." if counted else ""
    return Refusal(
        f"{usable} recorded requests can be asked again, and this margin needs {wanted}: record "
        f"more, or take a margin over {smallest_margin(usable):.1%}.{others}"
    )


def _twice(tokens: Sequence[int | None]) -> int | None:
    """Of both arms; None where one is not known."""
    known = [each for each in tokens if each is not None]
    return 2 * sum(known) if len(known) == len(tokens) else None


def _cost(
    group: TemplateCalls,
    calls: int,
    given: int | None,
    made: int | None,
    model: str | None,
    prices: Mapping[str, Any] | None,
) -> tuple[float | None, CostBasis | None]:
    """USD of so many calls, and by what: their recorded cost, or prices of tokens."""
    if model == group.model and group.cost_usd is not None:
        return group.cost_usd * calls, "recorded calls"
    if given is None or made is None:
        return None, None
    usd = (
        Prices(prices)
        .cost(Quantities(given, made), model=model, provider=None, at_ns=wall_ns())
        .usd
    )
    return usd, None if usd is None else "prices"
