"""What a provider's prompt cache, or an engine's reuse of keys and values, would have kept."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.cache.opportunity import (
    CurvePoint,
    Kind,
    Opportunity,
    refusal,
    share_interval,
)
from latprobe.analysis.cache.prefill_time import prefill_saved
from latprobe.analysis.cache.prefix import Chain, chain, simulate_prefixes
from latprobe.analysis.cache.provider_rules import LOCAL, PrefixRule, rule_for
from latprobe.analysis.cache.traffic import Traffic
from latprobe.analysis.counted import counted
from latprobe.analysis.intervals import Estimate
from latprobe.analysis.refusal import Refusal

_S = 1_000_000_000
_TTLS_S = (300.0, 3_600.0, 86_400.0)


class InputPrice(Protocol):
    """US dollars that one uncached input token costs; None where nobody knows."""

    def __call__(self, *, model: str, provider: str | None, at_ns: int) -> float | None: ...


def prefix_opportunity(traffic: Traffic, price: InputPrice | None) -> Opportunity:
    """By the provider's own rules, beyond what was read from its cache already.

    A call's prefix is kept from its end on. Where the caller marks what is kept, marks are taken to
    stand where prompts stop being shared.
    """
    rule = rule_for(traffic.provider, traffic.model)
    kind: Kind = "kv" if rule is LOCAL else "prefix"
    if rule is None:
        return refusal(
            kind, len(traffic),
            f"The rules of {traffic.provider!r} for its prompt cache are not known here; "
            "ask the provider for minimum length and prices.",
        )  # fmt: skip
    chains = [
        _as_billed(chain([(p.digest, p.tokens, p.text) for p in each]), billed)
        for each, billed in zip(traffic.parts, traffic.input_tokens.tolist(), strict=True)
    ]
    usable, written = _kept(traffic, chains, rule, rule.ttl_s)
    totals = np.array([each.tokens[-1] if each.tokens else 0 for each in chains], np.float64)
    if not totals.sum():
        return refusal(
            kind, len(traffic), "No tokens of the prompts' parts were counted, so prefixes have "
            "no length; record the calls' content or its digests.",
        )  # fmt: skip
    read = np.nan_to_num(traffic.cache_read_tokens)
    gained = np.maximum(usable - read, 0.0)
    time = prefill_saved(traffic, gained)
    half = len(totals) // 2
    return Opportunity(
        kind=kind,
        calls=len(traffic),
        hits=int(np.sum(usable > 0)),
        hit_ratio=float(usable.sum() / totals.sum()),
        hit_ratio_ci95=share_interval(usable, totals),
        late_hit_ratio=float(usable[half:].sum() / max(totals[half:].sum(), 1.0)),
        size=None,
        ttl_s=rule.ttl_s,
        saved_input_tokens=round(float(gained.sum())),
        saved_output_tokens=0,
        saved_ms=None if isinstance(time, Refusal) else time.value,
        saved_cost_usd=_cost(traffic, rule, gained, written, price),
        same_answer_share=None,
        curve=_curve(traffic, chains, rule, totals),
        notes=(*_notes(rule, read, usable, longest=int(totals.max())), _of_time(time)),
        saved_ms_ci95=None if isinstance(time, Refusal) else time.interval,
    )


def _as_billed(counted: Chain, billed: float) -> Chain:
    """The chain with no more tokens than the provider billed for the call; as it is where that is
    not known. Parts are counted one by one, by another tokenizer, and can come to more."""
    total = counted.tokens[-1] if counted.tokens else 0
    if not 0 <= billed < total:
        return counted
    return Chain(counted.links, tuple(int(upto * billed / total) for upto in counted.tokens))


def _kept(
    traffic: Traffic, chains: list[Chain], rule: PrefixRule, ttl_s: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tokens served and written for each call, by the rule's minimum and steps."""
    used = simulate_prefixes(
        chains,
        traffic.start_ns,
        traffic.end_ns,
        ttl_ns=None if ttl_s is None else int(ttl_s * _S),
        size_tokens=None,
    )
    usable = np.array([rule.usable(matched) for matched in used.matched.tolist()], np.float64)
    is_long = usable + used.written >= rule.minimum_tokens
    return usable, np.where(is_long, used.written, 0).astype(np.float64)


def _curve(
    traffic: Traffic, chains: list[Chain], rule: PrefixRule, totals: NDArray[np.float64]
) -> tuple[CurvePoint, ...]:
    span_s = float(traffic.start_ns[-1] - traffic.start_ns[0]) / _S
    lives: list[float | None] = [life for life in _TTLS_S if life < span_s]
    return tuple(
        CurvePoint(None, life, float(_kept(traffic, chains, rule, life)[0].sum() / totals.sum()))
        for life in [*lives, None]
    )


def _cost(
    traffic: Traffic,
    rule: PrefixRule,
    gained: NDArray[np.float64],
    written: NDArray[np.float64],
    price: InputPrice | None,
) -> float | None:
    if rule.read_price is None or rule.write_price is None:
        return None
    if price is None or traffic.model is None:
        return None
    usd = price(model=traffic.model, provider=traffic.provider, at_ns=int(traffic.start_ns[-1]))
    if usd is None:
        return None
    saved = gained.sum() * (1.0 - rule.read_price)
    # What was read from the cache had been written before: writing it is paid already.
    paid = 0.0 if np.nansum(traffic.cache_read_tokens) else written.sum() * (rule.write_price - 1.0)
    return float(saved - paid) * usd


def _notes(
    rule: PrefixRule,
    read: NDArray[np.float64],
    usable: NDArray[np.float64],
    *,
    longest: int,
) -> tuple[str, ...]:
    notes = []
    if rule is LOCAL:
        notes.append(
            "For an engine of your own (vLLM's automatic prefix caching and the like) with room "
            "for all of it, in blocks of 16 tokens."
        )
    else:
        notes.append(
            f"{rule.name}: at least {rule.minimum_tokens:,} tokens, read at {rule.read_price} and "
            f"written at {rule.write_price} of the input price, as of {rule.as_of}."
        )
    if not usable.any() and longest < rule.minimum_tokens:
        notes.append(f"The longest prompt has {longest:,} tokens: too short to be kept.")
    if not rule.is_automatic and usable.any():
        notes.append("The prefix has to be marked in the request (cache_control).")
    if read.any():
        tokens = round(float(read.sum()))
        was = "was" if tokens == 1 else "were"
        notes.append(f"{counted(tokens, 'token')} {was} read from it already.")
    return tuple(notes)


def _of_time(found: Estimate | Refusal) -> str:
    if isinstance(found, Refusal):
        return f"The time saved is not known. {found.reason}"
    return (
        "The time saved is what the latency model says that so many input tokens took, as if those "
        "from the cache took none; it adds up calls, of which some ran at once."
    )
