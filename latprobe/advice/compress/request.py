"""A whole request compressed: each text by itself, then what a chat sends again as a pointer.

What stands before a pointer never changes, so that from call to call a provider's prefix cache
still hits. Keeping the last copy of what a chat repeats saves as much and breaks that: advisory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from latprobe.advice.compress import chat_history
from latprobe.advice.compress.compose import best
from latprobe.advice.compress.contract import KINDS, Candidate, Check, Kind, both, worse
from latprobe.advice.compress.exact_json import encode
from latprobe.advice.compress.meter import Meter
from latprobe.advice.compress.option import Compressed, Option
from latprobe.advice.compress.repeats import Earlier
from latprobe.advice.compress.request_texts import (
    Place,
    has_tools,
    last_question,
    rewrite,
    texts_of,
)
from latprobe.advice.compress.tool_schemas import RENDERED_NOTE


def best_request(request: Any, *, meter: Meter, allow: Kind = "lossless") -> Compressed:
    """As `compose.best` for a request; an option's text is the request as JSON.

    Tokens are those of its texts: schemas, images and what a chat template adds do not change.
    """
    before_text = encode(request, is_spelled=False)
    texts = texts_of(request)
    before = sum(meter.count_many(texts))
    found: dict[Kind, Option | None] = {}
    fewest = before
    for kind in KINDS:
        option = _option(request, kind, meter)
        found[kind] = option if option.steps and option.tokens_after < fewest else None
        fewest = min(fewest, option.tokens_after)
    notes = [RENDERED_NOTE] if has_tools(request) else []
    return Compressed(
        before_text,
        before,
        meter.is_exact,
        meter.reason,
        found["lossless"],
        found["near"],
        found["lossy"],
        _advisory(request, texts, before, meter),
        allow,
        tuple(notes),
    )


def rewrite_request(request: Any, *, meter: Meter, allow: Kind = "lossless") -> Any:
    """The request in its own shape with shorter texts; the same object where nothing saves."""
    writer = _Writer(meter, allow, last_question(request))
    new = rewrite(request, writer.change)
    return new if writer.steps else request


def _option(request: Any, kind: Kind, meter: Meter) -> Option:
    writer = _Writer(meter, kind, last_question(request))
    new = rewrite(request, writer.change)
    return Option(
        encode(new, is_spelled=False),
        sum(meter.count_many(texts_of(new))),
        writer.kind,
        tuple(writer.steps),
        writer.check,
        aside=writer.aside or None,
    )


class _Writer:
    """Writes one text after another, and notes what was done."""

    def __init__(self, meter: Meter, allow: Kind, question: str | None) -> None:
        self._meter = meter
        self._allow = allow
        self._question = question
        self._earlier = Earlier()
        self.kind: Kind = "lossless"
        self.check = Check("")
        self.steps: dict[str, None] = {}
        self.aside: dict[str, str] = {}

    def change(self, place: Place) -> str:
        """The shortest way to write the text that is allowed, given what was written before."""
        found = best(
            place.text, allow=self._allow, kind=place.kind, question=None, meter=self._meter
        )
        option = found.best
        text = place.text if option is None else option.text
        if option is not None and option.aside and self.aside:
            # Two maps that both begin with #1 cannot stand side by side.
            option = replace(found, allowed="lossless").best
            text = place.text if option is None else option.text
        pointed = self._earlier.pointed(text)
        if option is not None:
            self._note(option)
        if pointed is not None:
            tokens, shorter = self._meter.count_many([text, pointed.text])
            if shorter < tokens:
                self._note(pointed)
                return pointed.text
        return text

    def _note(self, done: Option | Candidate) -> None:
        self.kind = worse(self.kind, done.kind)
        self.check = both(self.check, done.check)
        self.steps |= dict.fromkeys(done.steps)
        self.aside |= done.aside or {}


def _advisory(request: Any, texts: Any, before: int, meter: Meter) -> tuple[Option, ...]:
    kept = chat_history.keep_last(texts)
    if kept is None:
        return ()
    new_texts, check = kept
    given = iter(new_texts)
    take: Callable[[Place], str] = lambda _: next(given)  # noqa: E731
    tokens = sum(meter.count_many(new_texts))
    if tokens >= before:
        return ()
    text = encode(rewrite(request, take), is_spelled=False)
    note = "It changes earlier messages, so that a provider's prefix cache misses at each turn."
    steps = (chat_history.name,)
    return (Option(text, tokens, "near", steps, check, advisory=True, notes=(note,)),)
