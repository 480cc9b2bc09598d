"""How many tokens of each template's calls could be written shorter, from its newest calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from latprobe.advice.call_texts import CallText, TextPart, fetch_call_texts
from latprobe.advice.compress.compose import best
from latprobe.advice.compress.meter import Meter
from latprobe.advice.compress.option import Option
from latprobe.analysis.scope import Scope
from latprobe.store.query import Query
from latprobe.tokens.prices import Prices
from latprobe.tokens.rates import Quantities

# The newest calls of each template that are looked at, and characters in all: seconds of work.
CALLS_A_TEMPLATE = 8
MOST_CHARS = 6_000_000
# A longer text is not searched for the table; the page still tries its options when it is chosen.
LONGEST_PART = 400_000
# Parts that a vendor writes anew before the model reads them: the store counts that form.
RENDERED = ("tools", "tool_calls")
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class PartSaving:
    """A text's tokens, and those that the best lossless and the best near way save."""

    tokens: int
    lossless: int
    near: int


@dataclass(frozen=True, slots=True)
class TemplateSaving:
    """What the newest calls of a template could save; tokens are a call's, on average.

    `near` counts what is saved where a named normalisation is allowed too. `seen` calls had texts
    that were counted, `hidden` had none. `usd_per_1000` is off 1,000 calls, after what is read from
    a provider's cache, by the lossless saving; None without a price. `calls` are the newest ones,
    the newest first; `parts` what was found of each text by its hash.
    """

    template: str | None
    stage: str
    model: str | None
    calls: tuple[CallText, ...]
    seen: int
    hidden: int
    input_lossless: float
    output_lossless: float
    input_near: float
    output_near: float
    usd_per_1000: float | None
    is_exact: bool
    parts: dict[str, PartSaving]

    @property
    def lossless(self) -> float:
        return self.input_lossless + self.output_lossless

    @property
    def near(self) -> float:
        return self.input_near + self.output_near


def prompt_savings(query: Query, scope: Scope) -> tuple[TemplateSaving, ...]:
    """One for each of the templates with the most tokens."""
    groups: dict[str | None, list[CallText]] = defaultdict(list)
    for call in fetch_call_texts(query, scope, calls_a_template=CALLS_A_TEMPLATE):
        groups[call.template].append(call)
    room = MOST_CHARS
    found: list[TemplateSaving] = []
    for template, calls in groups.items():
        newest = calls[::-1]
        looked, used = _within(newest, room // max(len(groups) - len(found), 1))
        room -= used
        found.append(_saving(template, newest, looked))
    return tuple(found)


def is_readable(part: TextPart) -> bool:
    """Whether the whole text of the part is there."""
    return part.text is not None and not part.is_truncated


def _within(calls: Sequence[CallText], room: int) -> tuple[list[CallText], int]:
    """The newest calls whose texts fit, at least one of them, and their characters."""
    looked: list[CallText] = []
    used = 0
    known: set[str | None] = set()
    for call in calls:
        new = {part.hash: len(part.text or "") for part in call.parts if part.hash not in known}
        if looked and used + sum(new.values()) > room:
            break
        known |= new.keys()
        used += sum(new.values())
        looked.append(call)
    return looked, used


def _saving(
    template: str | None, calls: Sequence[CallText], looked: Sequence[CallText]
) -> TemplateSaving:
    first = calls[0]
    meter = Meter(first.model, like=_largest(looked))
    parts: dict[str, PartSaving] = {}
    for part in (part for call in looked for part in call.parts):
        if part.hash is not None and part.hash not in parts and is_readable(part):
            parts[part.hash] = _part(part, meter)
    seen = [call for call in looked if any(part.hash in parts for part in call.parts)]
    sums = {
        (side, kind): _mean(seen, side, kind, parts)
        for side in ("input", "output")
        for kind in ("lossless", "near")
    }
    return TemplateSaving(
        template=template,
        stage=first.stage,
        model=first.model,
        calls=tuple(calls),
        seen=len(seen),
        hidden=sum(1 for call in looked if call.parts and not call.has_text),
        input_lossless=sums["input", "lossless"],
        output_lossless=sums["output", "lossless"],
        input_near=sums["input", "near"],
        output_near=sums["output", "near"],
        usd_per_1000=usd_per_1000(seen, sums["input", "lossless"], sums["output", "lossless"]),
        is_exact=meter.is_exact,
        parts=parts,
    )


def _largest(looked: Sequence[CallText]) -> tuple[str, int] | None:
    """The longest text that the store counted, with its tokens; not of what vendors rewrite."""
    known = [
        (part.text, part.tokens)
        for call in looked
        for part in call.parts
        if part.text and part.tokens and is_readable(part) and part.kind not in RENDERED
    ]
    return max(known, key=lambda each: len(each[0]), default=None)


def _part(part: TextPart, meter: Meter) -> PartSaving:
    text = part.text or ""
    if len(text) > LONGEST_PART:
        return PartSaving(part.tokens or 0, 0, 0)
    found = best(text, meter=meter, kind=part.kind, is_thorough=False)
    before = found.tokens_before
    lossless = _saved(found.lossless, before)
    return PartSaving(before, lossless, max(_saved(found.near, before), lossless))


def _saved(option: Option | None, before: int) -> int:
    # What is kept aside has to be carried by the program: no saving that comes by itself.
    return 0 if option is None or option.aside else before - option.tokens_after


def _mean(calls: Sequence[CallText], side: str, kind: str, parts: dict[str, PartSaving]) -> float:
    saved = sum(
        getattr(parts[part.hash], kind)
        for call in calls
        for part in call.side(side)
        if part.hash in parts
    )
    return saved / len(calls) if calls else 0.0


def usd_per_1000(
    calls: Sequence[CallText], input_tokens: float, output_tokens: float
) -> float | None:
    """What 1,000 calls cost less with so many tokens less in each; None without a price.

    By list prices, scaled to what the calls were recorded to cost. As much of the input that goes
    was read from the provider's cache as of all of it.
    """
    known = [each for each in calls if each.cost_usd is not None and each.input_tokens]
    if not known:
        return None
    count = len(known)
    given = sum(each.input_tokens or 0 for each in known) / count
    made = sum(each.output_tokens or 0 for each in known) / count
    cached = min(sum(each.cache_read_tokens or 0 for each in known) / count, given)
    cost = sum(each.cost_usd or 0.0 for each in known) / count
    left = max(1 - input_tokens / given, 0.0)
    before = _list_cost(known[0], given, made, cached)
    after = _list_cost(known[0], given * left, max(made - output_tokens, 0.0), cached * left)
    return None if not before or after is None else 1_000 * cost * (1 - after / before)


def _list_cost(call: CallText, given: float, made: float, cached: float) -> float | None:
    """The list price of a million such calls, so that fractions of tokens count."""
    used = Quantities(
        input_tokens=round(given * _MILLION),
        output_tokens=round(made * _MILLION),
        cache_read_tokens=round(cached * _MILLION),
    )
    return _prices().cost(used, model=call.model, provider=call.provider, at_ns=call.start_ns).usd


@cache
def _prices() -> Prices:
    return Prices()
