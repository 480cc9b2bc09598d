"""What a trial would ask, before anything is asked: requests, calls, tokens and their price."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from latprobe.advice.call_texts import CALLS_A_TEMPLATE, fetch_call_texts
from latprobe.advice.outputs.template_calls import TemplateCalls, fetch_template_calls
from latprobe.advice.replay.agreement import ABSENT
from latprobe.advice.replay.change import AsRecorded, Change, change_of
from latprobe.advice.replay.margin import fewest_pairs, smallest_margin
from latprobe.advice.replay.recorded import Found, Recorded, fetch_recorded
from latprobe.advice.suggestion import Suggestion
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.scope import Scope
from latprobe.clock import wall_ns
from latprobe.store.query import Query
from latprobe.tokens.prices import Prices
from latprobe.tokens.rates import Quantities

# Of so many times the wanted requests some are equal to others, or hold more than text.
_SPARE = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests to ask again by both arms; `values` are all recorded answers as read.

    Tokens are estimated: those of the recorded calls, for both arms. `cost_usd` is None where
    nobody knows the model's price.
    """

    recorded: tuple[Recorded, ...]
    old: AsRecorded
    new: Change
    values: tuple[Any, ...]
    recorded_model: str | None
    left_out: Mapping[str, int]
    input_tokens_estimated: int
    output_tokens_estimated: int
    cost_usd_estimated: float | None

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
    if len(usable) < wanted:
        return _too_few(len(usable), found, wanted)
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
    given, made = (
        2 * sum(getattr(each.call, name) or 0 for each in chosen)
        for name in ("input_tokens", "output_tokens")
    )
    return Plan(
        recorded=tuple(chosen),
        old=old,
        new=new,
        values=tuple(old.read(each.answer) for each in usable),
        recorded_model=group.model,
        left_out=found.left_out,
        input_tokens_estimated=given,
        output_tokens_estimated=made,
        cost_usd_estimated=_cost(group, chosen, model or group.model, prices),
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


def _too_few(usable: int, found: Found, wanted: int) -> Refusal:
    left_out = ", ".join(f"{count}: {reason}" for reason, count in found.left_out.items())
    others = f" Left out are {left_out}." if left_out else ""
    return Refusal(
        f"{usable} recorded requests can be asked again, and this margin needs {wanted}: record "
        f"more, or take a margin over {smallest_margin(usable):.1%}.{others}"
    )


def _cost(
    group: TemplateCalls,
    chosen: list[Recorded],
    model: str | None,
    prices: Mapping[str, Any] | None,
) -> float | None:
    """What the recorded calls cost, twice; list prices for another model."""
    if model == group.model and group.cost_usd is not None:
        return 2 * group.cost_usd * len(chosen)
    given = sum(each.call.input_tokens or 0 for each in chosen)
    made = sum(each.call.output_tokens or 0 for each in chosen)
    cost = Prices(prices).cost(
        Quantities(2 * given, 2 * made), model=model, provider=None, at_ns=wall_ns()
    )
    return cost.usd
