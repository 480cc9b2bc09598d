"""A request's anatomy as a table for people and as JSON for programs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from latprobe.cli import figures, output
from latprobe.cli.output import Column
from latprobe.cli.request_file import SavedCall
from latprobe.tokens.anatomy import CUSTOM, Anatomy, PartCount, anatomy
from latprobe.tokens.billed import Billed, billed_tokens
from latprobe.tokens.counting import TokenCounter
from latprobe.tokens.custom import CustomTokenizers
from latprobe.tokens.dissect import dissect_request
from latprobe.tokens.models import Tokenizer, resolve
from latprobe.tokens.part import Dissected
from latprobe.tokens.prices import Cost, Prices
from latprobe.tokens.rates import Quantities

# A formula's confidence in the table of media, as a reader takes it.
_TRUST = {
    "documented": "by the vendor",
    "reported": "as users found it",
    "documentation and billing disagree": "from bills, documented otherwise",
    "unverified": "not verified",
}

# Words of the vendors for what costs the list price.
_USUAL_TIERS = ("default", "standard", "auto", "on_demand")


@dataclass(frozen=True, slots=True)
class CountedCall:
    """A saved call with its parts, their tokens, and what they cost."""

    label: str
    model: str | None
    tokenizer: Tokenizer
    dissected: Dissected
    anatomy: Anatomy
    billed: Billed
    cost: Cost


@dataclass(frozen=True, slots=True)
class Means:
    """What counts and prices."""

    counter: TokenCounter
    tokenizers: CustomTokenizers
    prices: Prices


def count_call(
    call: SavedCall,
    *,
    model: str | None,
    provider: str | None,
    means: Means,
) -> CountedCall:
    """The call counted for the model that was given, else for its own."""
    wanted = model or call.model
    dissected = dissect_request(call.request, call.response)
    billed = _billed(call)
    found = anatomy(
        dissected,
        model=wanted,
        provider=provider,
        counter=means.counter,
        custom=means.tokenizers.find(wanted),
        billed_input=billed.input,
        billed_output=billed.output,
    )
    used = _quantities(found, billed)
    cost = means.prices.cost(used, model=wanted, provider=provider, at_ns=time.time_ns())
    tokenizer = resolve(wanted, provider)
    return CountedCall(call.label, wanted, tokenizer, dissected, found, billed, cost)


def _billed(call: SavedCall) -> Billed:
    """What the answer says was used; what stands beside it where it says nothing."""
    billed = billed_tokens(call.response)
    if billed.input is None and billed.output is None and call.usage is not None:
        billed = billed_tokens({"usage": call.usage})
    return billed if call.tier is None else replace(billed, tier=call.tier)


def _quantities(found: Anatomy, billed: Billed) -> Quantities:
    """What is priced: what was billed, else what was counted; a sum with a gap has no price."""
    given = _whole_sum(found, "input") if billed.input is None else billed.input
    made = _whole_sum(found, "output") if billed.output is None else billed.output
    return Quantities(
        input_tokens=given,
        output_tokens=made,
        cache_read_tokens=billed.cache_read or 0,
        cache_write_tokens=billed.cache_write or 0,
        reasoning_tokens=billed.reasoning or 0,
        image_input_tokens=_of_kind(found, "image", billed.image),
        audio_input_tokens=_of_kind(found, "audio", billed.audio),
    )


def _whole_sum(found: Anatomy, side: str) -> int | None:
    """The tokens of one side, None where a part of it cannot be counted; 0 for no answer yet."""
    counts = [row.tokens for row in found.rows if row.side == side]
    return None if None in counts else sum(count or 0 for count in counts)


def _of_kind(found: Anatomy, kind: str, billed: int | None) -> int:
    """What was billed for a kind of medium, else what its formula says."""
    if billed is not None:
        return billed
    return sum(row.tokens or 0 for row in found.rows if row.side == "input" and row.kind == kind)


def as_json(calls: Sequence[CountedCall]) -> dict[str, Any]:
    """All calls, and their sums; None where a sum has a gap."""
    return {
        "requests": [_call_json(call) for call in calls],
        "input_tokens": _total([call.anatomy.input_tokens for call in calls]),
        "output_tokens": _total([call.anatomy.output_tokens for call in calls]),
        "cost_usd": _total([call.cost.usd for call in calls]),
    }


def _call_json(call: CountedCall) -> dict[str, Any]:
    found = call.anatomy
    return {
        "label": call.label,
        "model": call.model,
        "format": call.dissected.format,
        "problem": call.dissected.problem,
        "encoding": found.encoding,
        "is_exact": found.is_exact,
        "expected_error": found.expected_error,
        "estimated_because": call.tokenizer.reason,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "billed_input_tokens": call.billed.input,
        "billed_output_tokens": call.billed.output,
        "residual_input_tokens": found.residual_input,
        "residual_output_tokens": found.residual_output,
        "billed_problem": call.billed.problem,
        "service_tier": call.billed.tier,
        "cost_usd": call.cost.usd,
        "cost_origin": call.cost.origin,
        "parts": [_row_json(row) for row in found.rows],
    }


def _row_json(row: PartCount) -> dict[str, Any]:
    return {
        "position": row.position,
        "side": row.side,
        "kind": row.kind,
        "role": row.role,
        "name": row.name,
        "tokens": row.tokens,
        "tokens_estimated": row.is_estimated,
        "confidence": row.confidence,
        "bytes": row.bytes,
        "characters": row.characters,
        "hash": None if row.hash is None else row.hash.hex(),
        "media": None if row.media is None else asdict(row.media),
    }


def print_report(calls: Sequence[CountedCall]) -> None:
    """A table and its totals for each call; for several, a line of sums."""
    for call in calls:
        if len(calls) > 1:
            output.line(f"{call.label}  {call.model or 'no model named'}", style="bold")
        _print_call(call)
        output.line()
    if len(calls) > 1:
        sums = as_json(calls)
        output.line(
            f"{figures.many(len(calls), 'request')}: {figures.count(sums['input_tokens'])} tokens "
            f"in, {figures.count(sums['output_tokens'])} out, {figures.usd(sums['cost_usd'])}"
        )


def _print_call(call: CountedCall) -> None:
    columns = [
        Column("Part", "left"),
        Column("Name", "left", shorten=True),
        Column("Tokens"),
        Column("Share"),
        Column("Size", give_up=1),
        Column("", "left"),
    ]
    found = call.anatomy
    sums = {"input": found.input_tokens, "output": found.output_tokens}
    output.table(columns, [_cells(row, sums[row.side]) for row in found.rows])
    output.line(f"input {_tokens(found, 'input')}, output {_tokens(found, 'output')}")
    for side in ("input", "output"):
        _print_billed(call, side)
    if call.billed.problem is not None:
        output.line(f"As to what was billed: {call.billed.problem}.")
    output.line(_how_counted(call))
    if call.cost.usd is None and any(row.tokens is None for row in found.rows):
        output.line("Not priced, since a part cannot be counted.")
    elif call.cost.usd is None:
        output.line(f"No price is known for {call.model or 'a call without a model'}.")
    else:
        output.line(f"{figures.usd(call.cost.usd)} at {_origin(call)}")
    if call.dissected.problem is not None:
        output.line(f"Not understood: {call.dissected.problem}.")


def _cells(row: PartCount, total: int | None) -> list[str]:
    share = None if row.tokens is None or not total else row.tokens / total
    kind = row.kind if row.side == "input" or row.kind == "output" else f"output {row.kind}"
    return [
        kind,
        row.name or _dimensions(row),
        figures.count(row.tokens),
        figures.percent(share),
        figures.size(row.bytes),
        _estimated(row),
    ]


def _estimated(row: PartCount) -> str:
    if not row.is_estimated:
        return ""
    return "estimated" if row.confidence is None else f"estimated, formula {_TRUST[row.confidence]}"


def _dimensions(row: PartCount) -> str:
    media = row.media
    if media is None:
        return ""
    if media.width is not None and media.height is not None:
        return f"{media.width} x {media.height}"
    if media.duration_s is not None:
        return f"{media.duration_s:.1f} s"
    return media.problem or ""


def _tokens(found: Anatomy, side: str) -> str:
    total = found.input_tokens if side == "input" else found.output_tokens
    missing = sum(row.tokens is None for row in found.rows if row.side == side)
    what = "a part" if missing == 1 else f"{missing} parts"
    gap = f" and {what} that cannot be counted" if missing else ""
    return f"{figures.count(total)} tokens{gap}"


def _print_billed(call: CountedCall, side: str) -> None:
    billed = call.billed.input if side == "input" else call.billed.output
    found = call.anatomy
    residual = found.residual_input if side == "input" else found.residual_output
    if billed is not None:
        rest = "" if residual is None else f", {residual:+,} not explained by the parts"
        output.line(f"billed {side} {figures.many(billed, 'token')}{rest}")


def _how_counted(call: CountedCall) -> str:
    found = call.anatomy
    model = call.model or "no model"
    if found.encoding == CUSTOM:
        return f"Counted with your own tokenizer for {model}."
    if found.is_exact:
        return f"Counted with {found.encoding}, the encoding of {model}."
    error = found.expected_error
    expected = "" if error is None else f", expected error {figures.percent(error)}"
    return f"Estimated with {found.encoding} for {model}{expected}: {call.tokenizer.reason}."


def _origin(call: CountedCall) -> str:
    if call.cost.origin == "override":
        return "your price"
    tier = call.billed.tier
    if tier is None or tier.lower() in _USUAL_TIERS:
        return "the list price"
    return f"the list price, which is not that of {tier}"


def _total(values: Sequence[Any]) -> Any:
    return None if any(value is None for value in values) else sum(values)
