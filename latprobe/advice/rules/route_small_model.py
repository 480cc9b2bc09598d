"""Simple requests that a large model answers, and what a smaller sibling would cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from latprobe.advice.context import MIN_REQUESTS, Context
from latprobe.advice.suggestion import Evidence, Gain, Saving, Suggestion, not_enough
from latprobe.analysis.refusal import Refusal
from latprobe.tokens.prices import Prices
from latprobe.tokens.rates import Quantities

NAME = "route_small_model"

# What is asked in a page and answered in a line is mostly sorting, naming or yes and no.
SHORT_INPUT = 600
SHORT_OUTPUT = 32
# Under a fifth of a template's calls, sorting them out costs more than it saves.
LEAST_SHARE = 0.2
FEWEST_CALLS = 30
# The sibling has to be a good deal cheaper.
MOST_PRICE = 0.5

# Model families by how their names begin (the longest fits), each with a smaller sibling.
SIBLINGS = {
    "gpt-4o": "gpt-4o-mini",
    "gpt-4.1": "gpt-4.1-mini",
    "gpt-4-turbo": "gpt-4o-mini",
    "gpt-4": "gpt-4o-mini",
    "gpt-5": "gpt-5-mini",
    "o1": "o4-mini",
    "o3": "o4-mini",
    "claude-opus": "claude-haiku-4-5",
    "claude-sonnet": "claude-haiku-4-5",
    "claude-3-opus": "claude-haiku-4-5",
    "claude-3-5-sonnet": "claude-3-5-haiku-latest",
    "claude-3-7-sonnet": "claude-haiku-4-5",
    "gemini-2.5-pro": "gemini-2.5-flash",
    "gemini-1.5-pro": "gemini-1.5-flash",
}
SMALL = ("mini", "nano", "haiku", "flash", "small", "lite", "tiny")


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage and model with many simple calls of a template."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for call in context.calls.to_pylist():
        if call["model"] and smaller(call["model"]) and call["stage"] in context.stages:
            groups[call["stage"], call["model"]].append(call)
    for (stage, model), calls in sorted(groups.items()):
        simple = [call for call in calls if _is_simple(call)]
        if len(simple) >= max(LEAST_SHARE * len(calls), 1):
            yield from _suggestion(context, stage, model, calls, simple)


def smaller(model: str) -> str | None:
    """A cheaper model of the same family; None where none is known or it is small already."""
    name = model.lower().rpartition("/")[2]
    if any(word in name for word in SMALL):
        return None
    fitting = [prefix for prefix in SIBLINGS if name.startswith(prefix)]
    return SIBLINGS[max(fitting, key=len)] if fitting else None


def _is_simple(call: dict[str, Any]) -> bool:
    given, made = call["input_tokens"], call["output_tokens"]
    return (
        given is not None
        and made is not None
        and given <= SHORT_INPUT
        and 0 < made <= SHORT_OUTPUT
        and not call["tools_called"]
        and not call["reasoning_tokens"]
        and not call["image_input_tokens"]
        and not call["audio_input_tokens"]
    )


def _suggestion(
    context: Context,
    stage: str,
    model: str,
    calls: list[dict[str, Any]],
    simple: list[dict[str, Any]],
) -> Iterable[Suggestion]:
    other = str(smaller(model))
    subject, share = f"{stage}: {model}", len(simple) / len(calls)
    title = f"Route simple requests of {stage} to {other}: {share:.0%} of its calls are simple"
    prices = [(call["cost_usd"], _price(call, other)) for call in simple]
    known = [(now, then) for now, then in prices if now and then is not None]
    if not known:
        return
    now, then = sum(pair[0] for pair in known), sum(pair[1] for pair in known)
    if then > MOST_PRICE * now:
        return
    evidence = (
        Evidence("Calls of this model", len(calls)),
        Evidence(f"At most {SHORT_INPUT} tokens in and {SHORT_OUTPUT} out", len(simple), "calls"),
        Evidence(f"Price of these on {other}", round(100 * then / now), "% of today's"),
        Evidence("Different templates", len({call["template"] for call in simple})),
    )
    if len(simple) < FEWEST_CALLS or len(context.requests) < MIN_REQUESTS:
        reason = f"{len(simple)} simple calls were recorded; {FEWEST_CALLS} are needed."
        yield not_enough(
            rule=NAME, subject=subject, title=title, refusal=Refusal(reason), evidence=evidence,
            stage=stage,
        )  # fmt: skip
        return
    per_request = context.stages[stage].per_request / _calls_of(context, stage)
    yield Suggestion(
        rule=NAME,
        subject=subject,
        title=title,
        evidence=evidence,
        how=f"Send what is short and plain to {other} (by length and template, or a small "
        "classifier), and what it is unsure of to the large model.\nTest it on recorded requests "
        "first: the small model's answers have to agree with those you have.",
        verify="Compare the answers of both models on a sample; `latprobe compare` shows cost.",
        effort="medium",
        saving=Saving(basis="bound", cost_usd_per_1000=Gain(1000 * (now - then) * per_request)),
        link="https://developers.openai.com/api/docs/guides/latency-optimization",
        stage=stage,
        preconditions=(
            f"{other} answers these as well: not known from the recording. The saving is that of "
            "all of them; whether it is faster was not measured.",
        ),
        claims=frozenset({("calls", stage), ("model", stage)}),
    )


def _calls_of(context: Context, stage: str) -> int:
    """Of how many calls of the stage the sums are."""
    return max(list(context.calls["stage"].to_pylist()).count(stage), 1)


_PRICES = Prices()


def _price(call: dict[str, Any], model: str) -> float | None:
    quantities = Quantities(
        call["input_tokens"],
        call["output_tokens"],
        cache_read_tokens=call["cache_read_tokens"] or 0,
    )
    return _PRICES.cost(quantities, model=model, provider=None, at_ns=call["start_ns"]).usd
