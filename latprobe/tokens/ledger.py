"""What a model call used, by kind, each figure with where it came from.

What the provider reported always wins; what it did not report is counted from the call's content,
and says so. docs/token-ledger.md explains every field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from latprobe.otel.names import COUNT_NAMES
from latprobe.otel.semconv import MAX_COUNT, Promoted, promote
from latprobe.tokens.anatomy import Anatomy
from latprobe.tokens.rates import Quantities
from latprobe.tokens.reported_media import NOTHING, ReportedMedia

COUNTED = "counted"
ESTIMATED = "estimated"

FAILED = "the call failed and reported no usage"
UNREPORTED = "no usage was reported"
UNREPORTED_STREAM = "the stream reported no usage"
ONLY_TOTAL = "only a total of tokens was reported"
UNKNOWN = "no usage was reported and there is no content to count"
OVERFULL = "the parts hold more tokens than were billed"
# Parts may exceed what was billed by this much before it is called a problem: a chat template's
# overhead differs a little between versions of a model.
_SLACK_SHARE = 0.05
_SLACK_TOKENS = 20

_COUNT_NAMES = frozenset(name for names in COUNT_NAMES.values() for name in names)
# Operations that answer without tokens.
_WITHOUT_OUTPUT = frozenset({"embeddings", "rerank", "retrieval"})


class LedgerRow(NamedTuple):
    """The counts of a row of `usage`: tokens, None where not known.

    `input_origin` and `output_origin` are "provider" or "stage" for what was reported (by the
    provider, or by the person who wrote the stage), "counted" for exact counts of the content and
    "estimated" for the others; `origin` is the reported one if anything was reported.
    """

    input_tokens: int | None = None
    uncached_input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    tool_tokens: int | None = None
    text_input_tokens: int | None = None
    image_input_tokens: int | None = None
    audio_input_tokens: int | None = None
    total_tokens: int | None = None
    input_origin: str | None = None
    output_origin: str | None = None
    origin: str | None = None
    problem: str | None = None
    counted_input_tokens: int | None = None
    counted_output_tokens: int | None = None
    overhead_tokens: int | None = None
    residual_input_tokens: int | None = None
    residual_output_tokens: int | None = None
    encoding: str | None = None
    is_exact: bool | None = None
    expected_error: float | None = None

    def quantities(self) -> Quantities:
        """The counts as they are billed."""
        return Quantities(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cache_read_tokens=self.cache_read_tokens or 0,
            cache_write_tokens=self.cache_write_tokens or 0,
            reasoning_tokens=self.reasoning_tokens or 0,
            image_input_tokens=self.image_input_tokens or 0,
            audio_input_tokens=self.audio_input_tokens or 0,
        )


def settle_call(
    said: Promoted,
    anatomy: Anatomy | None,
    *,
    operation: str | None = None,
    is_error: bool = False,
    is_stream: bool = False,
    media: ReportedMedia = NOTHING,
) -> LedgerRow:
    """The ledger's row of a call: what was `said`, else what its content holds.

    `media` is what was said of images and sound. `anatomy` is None where there is no content. A
    failed call that reported nothing has no tokens: nobody is known to have billed any.
    """
    wants_output = operation not in _WITHOUT_OUTPUT
    given, answered = said.input_tokens, said.output_tokens
    input_origin = said.origin if given is not None else None
    output_origin = said.origin if answered is not None else None
    if anatomy is not None and not is_error:
        if given is None and anatomy.input_tokens is not None:
            given, input_origin = anatomy.input_tokens, _counted_as(anatomy, "input")
        if answered is None and wants_output and anatomy.output_tokens is not None:
            answered, output_origin = anatomy.output_tokens, _counted_as(anatomy, "output")
    kinds = _Kinds.of(anatomy, given, media)
    return LedgerRow(
        input_tokens=given,
        uncached_input_tokens=said.uncached_input_tokens,
        cache_read_tokens=said.cache_read_tokens,
        cache_write_tokens=said.cache_write_tokens,
        output_tokens=answered,
        reasoning_tokens=said.reasoning_tokens,
        tool_tokens=kinds.tools,
        text_input_tokens=kinds.text,
        image_input_tokens=kinds.image,
        audio_input_tokens=kinds.audio,
        total_tokens=_total(given, answered, wants_output=wants_output),
        input_origin=input_origin,
        output_origin=output_origin,
        origin=_origin(said, input_origin, output_origin),
        problem=said.problem
        or _problem(said, anatomy, input_origin, is_error=is_error, is_stream=is_stream),
        counted_input_tokens=None if anatomy is None else anatomy.input_tokens,
        counted_output_tokens=None if anatomy is None else anatomy.output_tokens,
        overhead_tokens=kinds.overhead,
        residual_input_tokens=None if anatomy is None else anatomy.residual_input,
        residual_output_tokens=None if anatomy is None else anatomy.residual_output,
        encoding=None if anatomy is None else anatomy.encoding,
        is_exact=None if anatomy is None else anatomy.is_exact,
        expected_error=None if anatomy is None else anatomy.expected_error,
    )


def refused_count(attributes: Mapping[str, object]) -> str | None:
    """A sentence about a count that cannot be meant (negative, text, 2^63), None without one."""
    for name, value in attributes.items():
        if name not in _COUNT_NAMES or (type(value) is int and 0 <= value <= MAX_COUNT):
            continue
        if value is not None and promote({name: value}).origin is None:
            return f"{name} = {str(value)[:40]} cannot be a count"
    return None


class _Kinds(NamedTuple):
    """Tokens of the input by what they are; None without content, or where one is not known."""

    tools: int | None = None
    text: int | None = None
    image: int | None = None
    audio: int | None = None
    overhead: int | None = None

    @classmethod
    def of(cls, anatomy: Anatomy | None, given: int | None, media: ReportedMedia) -> _Kinds:
        if anatomy is None:
            return cls(image=media.image, audio=media.audio)
        sums: dict[str, int | None] = {"tools": 0, "image": 0, "audio": 0, "overhead": None}
        other: int | None = 0
        for row in anatomy.rows:
            kind = row.kind
            if row.side != "input":
                continue
            if kind in sums:
                sums[kind] = _plus(sums[kind] or 0, row.tokens)
            elif kind in ("video", "document") and row.media is not None:
                other = _plus(other, row.tokens)
        if media is not NOTHING:
            sums |= {kind: tokens for kind, tokens in media._asdict().items() if tokens is not None}
        text = given
        for tokens in (sums["image"], sums["audio"], other):
            text = None if text is None or tokens is None else text - tokens
        is_possible = text is None or text >= 0
        return cls(
            tools=sums["tools"],
            text=text if is_possible else None,
            image=sums["image"],
            audio=sums["audio"],
            overhead=sums["overhead"],
        )


def _plus(total: int | None, tokens: int | None) -> int | None:
    return None if total is None or tokens is None else total + tokens


def _counted_as(anatomy: Anatomy, side: str) -> str:
    """A part without a count, like an image of unknown size, makes the sum an estimate too."""
    is_certain = all(
        row.tokens is not None and not row.is_estimated for row in anatomy.rows if row.side == side
    )
    return COUNTED if anatomy.is_exact and is_certain else ESTIMATED


def _total(given: int | None, answered: int | None, *, wants_output: bool) -> int | None:
    if given is None:
        return None
    if answered is None:
        return None if wants_output else given
    return given + answered


def _origin(said: Promoted, *origins: str | None) -> str | None:
    if said.input_tokens is not None or said.output_tokens is not None:
        return said.origin
    return ESTIMATED if ESTIMATED in origins else next(filter(None, origins), None)


def _problem(
    said: Promoted,
    anatomy: Anatomy | None,
    input_origin: str | None,
    *,
    is_error: bool,
    is_stream: bool,
) -> str | None:
    """What does not add up beside what `said` knows already."""
    if said.input_tokens is None and said.output_tokens is None:
        if is_error:
            return FAILED
        if input_origin is None:
            return UNKNOWN
        if said.total_tokens is not None:
            return ONLY_TOTAL
        return UNREPORTED_STREAM if is_stream else UNREPORTED
    if anatomy is None or anatomy.residual_input is None or said.input_tokens is None:
        return None
    excess = -anatomy.residual_input
    slack = max(said.input_tokens * _SLACK_SHARE, _SLACK_TOKENS)
    return OVERFULL if anatomy.is_exact and excess > slack else None
