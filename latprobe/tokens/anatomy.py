"""Where a call's tokens are: counted part by part, reconciled with what was billed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeAlias

from latprobe.tokens.media import media_tokens
from latprobe.tokens.models import Tokenizer, resolve
from latprobe.tokens.part import Dissected, Media, Part, part_hash
from latprobe.tokens.template_overhead import call_tokens, overhead_tokens, uses_openai_tools
from latprobe.tokens.tool_rendering import render_tool

# Inside PartCount `bytes` names a field.
Digest: TypeAlias = bytes

CountText: TypeAlias = Callable[[str], int]
HashPart: TypeAlias = Callable[[Part], bytes]

OVERHEAD = "overhead"
# The encoding's name where the user's own tokenizer counted.
CUSTOM = "custom"
# The vendor renders them anew before the model reads or after it wrote them.
_RENDERED = ("tools", "tool_calls")


class Counter(Protocol):
    """Counts tokens of texts; `latprobe.tokens.counting.TokenCounter` is one."""

    def count_many(self, texts: Sequence[str], encoding: str) -> list[int]:
        """The tokens of each text."""


class Ratios(Protocol):
    """What the billed totals taught about models that cannot be counted exactly."""

    def ratio(self, model: str, *, provider: str | None = None) -> tuple[float, float, int] | None:
        """Billed by counted tokens, the expected relative error and the calls behind them."""


class PartCount(NamedTuple):
    """One part's tokens; None where its size is not known. The overhead's row has no hash.

    `confidence` is how far a medium's formula can be trusted, as the table of media says.
    """

    position: int
    side: str
    kind: str
    role: str | None
    name: str | None
    tokens: int | None
    is_estimated: bool
    hash: Digest | None
    bytes: int | None
    characters: int | None
    media: Media | None
    confidence: str | None = None


class Anatomy(NamedTuple):
    """A call's rows in prompt order, overhead after the input's, and their sums.

    `input_tokens` is the sum over the input's rows, those without a count left out; None if none
    has one. A residual is what was billed less what was counted, None where either is unknown.
    `is_exact` says that the encoding is the model's own; rows say by themselves what is estimated.
    `expected_error` is the mean relative error: 0.0 for an exact encoding, a bound if not measured.
    `base_input_tokens` is what the encoding gave for the input's texts, before any ratio and
    without the overhead; None where a part has no such count, like an image, or where the content
    is not all that was sent, or was not understood.
    """

    rows: tuple[PartCount, ...]
    input_tokens: int | None
    output_tokens: int | None
    residual_input: int | None
    residual_output: int | None
    encoding: str
    is_exact: bool
    expected_error: float | None
    base_input_tokens: int | None = None


def anatomy(
    dissected: Dissected,
    *,
    model: str | None,
    provider: str | None,
    counter: Counter,
    calibration: Ratios | None = None,
    custom: CountText | None = None,
    billed_input: int | None = None,
    billed_output: int | None = None,
    hash_of: HashPart = part_hash,
) -> Anatomy:
    """The tokens of each part, of the chat template and of what neither explains.

    `custom` is the user's own tokenizer for the model; it counts in the table's place. `hash_of`
    may know the parts' hashes already.
    """
    tokenizer = table = resolve(model, provider)
    if custom is not None:
        tokenizer, counter = _own(tokenizer), _Own(custom)
    ratio, error = _ratio(tokenizer, model, provider, calibration)
    scale = _Scale(tokenizer, table, ratio, model, provider, counter, hash_of)
    given_parts = [part for part in dissected.parts if part.side == "input"]
    answered = [part for part in dissected.parts if part.side != "input"]
    base = scale.base_counts([*given_parts, *answered])
    base, answered_base = base[: len(given_parts)], base[len(given_parts) :]
    inputs = scale.rows(given_parts, base, 0)
    if dissected.problem is not None:
        inputs = [_as_written(row) for row in inputs]
    overhead = overhead_tokens(dissected, tokenizer, counter)
    if overhead is not None:
        inputs.append(_overhead_row(len(inputs), overhead, tokenizer, dissected))
    outputs = scale.rows(answered, answered_base, len(inputs))
    given, made = _sum(inputs), _sum(outputs)
    return Anatomy(
        rows=(*inputs, *outputs),
        input_tokens=given,
        output_tokens=made,
        residual_input=_residual(billed_input, given),
        residual_output=_residual(billed_output, made),
        encoding=tokenizer.encoding,
        is_exact=tokenizer.is_exact,
        expected_error=error,
        base_input_tokens=None if None in base or dissected.has_gaps else sum(filter(None, base)),
    )


@dataclass(slots=True)  # frozen, it takes three times as long to make
class _Scale:
    """Counts parts for one model."""

    tokenizer: Tokenizer
    table: Tokenizer
    ratio: float
    model: str | None
    provider: str | None
    counter: Counter
    hash_of: HashPart

    def base_counts(self, parts: Sequence[Part]) -> list[int | None]:
        """What the encoding gives for each part, None for media and for what is not there."""
        texts = [
            part.text if part.kind != "tools" or part.text is None else self._schema(part.text)
            for part in parts
        ]
        if None not in texts:
            return list(self.counter.count_many(texts, self.tokenizer.encoding))  # type: ignore[arg-type]  # there is no None in it
        said = [text for text in texts if text is not None]
        counts = iter(self.counter.count_many(said, self.tokenizer.encoding))
        return [
            next(counts) if text is not None else self._kept_count(part)
            for part, text in zip(parts, texts, strict=True)
        ]

    def rows(
        self, parts: Sequence[Part], base: Sequence[int | None], start: int
    ) -> list[PartCount]:
        return [
            self._text_row(place, part, counted)
            if counted is not None and part.media is None and part.kind not in _RENDERED
            else self._row(place, part, counted)
            for place, (part, counted) in enumerate(zip(parts, base, strict=True), start)
        ]

    def _text_row(self, position: int, part: Part, counted: int) -> PartCount:
        """`_row` for what is sent as it is, as nearly all parts are, in half the time."""
        side, kind, role, text, _, name, *_ = part
        if text is None or self.ratio != 1.0 or part.is_cut:
            return self._row(position, part, counted)
        characters = len(text)
        size = characters if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        is_estimated, digest = not self.tokenizer.is_exact, self.hash_of(part)
        return PartCount(
            position, side, kind, role, name, counted, is_estimated, digest, size, characters, None
        )

    def _schema(self, text: str) -> str:
        """What is counted: OpenAI writes tool schemas anew before the model reads them."""
        return (render_tool(text) or text) if uses_openai_tools(self.tokenizer) else text

    def _kept_count(self, part: Part) -> int | None:
        """What was counted before the text was dropped; the user's tokenizer never saw it."""
        if part.counts is None or part.media is not None:
            return None
        known = part.counts.get(self.tokenizer.encoding)
        if known is not None or self.tokenizer is self.table:
            return known
        other = part.counts.get(self.table.encoding)
        return None if other is None else round(other * self.table.ratio)

    def _row(self, position: int, part: Part, counted: int | None) -> PartCount:
        is_estimated = not self.tokenizer.is_exact or part.kind in _RENDERED or part.is_cut
        confidence = None
        if part.text is None and part.media is not None:
            counted, is_estimated, confidence = self._media(part.media, part.side)
        elif counted is not None:
            is_estimated = is_estimated or (part.text is None and self.tokenizer is not self.table)
            if self.ratio != 1.0:
                counted = round(counted * self.ratio)
            if part.kind == "tool_calls":
                counted += call_tokens(part, self.tokenizer, self.counter)
        size, characters = _size(part)
        return PartCount(
            position,
            part.side,
            part.kind,
            part.role,
            part.name,
            counted,
            is_estimated and counted is not None,
            self.hash_of(part),
            size,
            characters,
            part.media,
            confidence,
        )

    def _media(self, media: Media, side: str) -> tuple[int | None, bool, str | None]:
        """(tokens, whether they are estimated, how far the formula can be trusted)."""
        found = media_tokens(media, self.model, self.provider, side=side)
        if found is None or found.tokens is None:
            return None, False, None
        return found.tokens, found.is_estimated, found.confidence


@dataclass(frozen=True, slots=True)
class _Own:
    """The user's tokenizer as a counter; there is one encoding, its own."""

    custom: CountText

    def count_many(self, texts: Sequence[str], encoding: str) -> list[int]:
        return [self.custom(text) for text in texts]


def _own(tokenizer: Tokenizer) -> Tokenizer:
    """The model's row with the user's tokenizer in the encoding's place."""
    return replace(
        tokenizer, encoding=CUSTOM, ratio=1.0, is_exact=True, expected_error=0.0, reason=None
    )


def _ratio(
    tokenizer: Tokenizer, model: str | None, provider: str | None, calibration: Ratios | None
) -> tuple[float, float]:
    """The ratio to count with and its error: the calibrated one, else the table's."""
    if tokenizer.is_exact:
        return 1.0, 0.0
    if calibration is None or not model:
        return tokenizer.ratio, tokenizer.expected_error
    known = calibration.ratio(model, provider=provider)
    if known is not None:
        return known[0], known[1]
    return tokenizer.ratio, tokenizer.expected_error


def _as_written(row: PartCount) -> PartCount:
    """What was not understood was counted as it was recorded: what the model read of it, nobody
    knows."""
    if row.kind != "other" or row.tokens is None:
        return row
    return row._replace(is_estimated=True)


def _overhead_row(
    position: int, tokens: int, tokenizer: Tokenizer, dissected: Dissected
) -> PartCount:
    is_estimated = not tokenizer.is_exact or bool(dissected.tools_offered)
    return PartCount(
        position, "input", OVERHEAD, None, None, tokens, is_estimated, None, None, None, None
    )


def _size(part: Part) -> tuple[int | None, int | None]:
    text = part.text
    if text is not None:
        characters = len(text)
        is_ascii = text.isascii()
        return characters if is_ascii else len(text.encode("utf-8", "surrogatepass")), characters
    if part.media is not None:
        return part.media.bytes, None
    return part.bytes, part.characters


def _sum(rows: Sequence[PartCount]) -> int | None:
    counts = [row.tokens for row in rows if row.tokens is not None]
    return sum(counts) if counts else None


def _residual(billed: int | None, counted: int | None) -> int | None:
    return None if billed is None or counted is None else billed - counted
