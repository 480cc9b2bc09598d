"""The best way to write a text: every candidate of every segment counted, the best of each kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from latprobe.advice.compress import (
    code_comments,
    few_shot,
    html_text,
    log_templates,
    markdown_table,
    near_repeats,
    passages_bm25,
    repeats,
    sentences,
    xml_rows,
)
from latprobe.advice.compress.contract import (
    KINDS,
    Candidate,
    Check,
    Compressor,
    Context,
    Kind,
    both,
    worse,
)
from latprobe.advice.compress.exact_json import context_of
from latprobe.advice.compress.json_forms import json_candidates
from latprobe.advice.compress.meter import Meter
from latprobe.advice.compress.option import Compressed, Option
from latprobe.advice.compress.segments import Segment, split_segments
from latprobe.tokens.part import text_hash

# Over the whole text, once its segments are written; in this order.
_WHOLE: tuple[Compressor, ...] = (few_shot, repeats, near_repeats)
_WHOLE_QUICK: tuple[Compressor, ...] = (few_shot, repeats)
_ADVISORY: tuple[Compressor, ...] = (sentences, passages_bm25)
_TEXT: dict[str, tuple[Compressor, ...]] = {
    "html": (html_text,),
    "xml": (xml_rows,),
    "table": (markdown_table,),
    "log": (log_templates,),
    "text": (code_comments,),
}
# A shorter text has nothing to save that is worth a reader's time.
SHORTEST_CHARACTERS = 60
_REMEMBERED = 2_000
_LARGEST_REMEMBERED = 65_536
_ADVISORY_LIMIT = 200_000


_cache: OrderedDict[tuple[bytes, str, str, bytes], Compressed] = OrderedDict()


def best(
    text: str,
    *,
    model: str | None = None,
    allow: Kind = "lossless",
    kind: str = "other",
    question: str | None = None,
    meter: Meter | None = None,
    is_thorough: bool = True,
) -> Compressed:
    """The text's candidates, each counted for the model. `kind` is the prompt's part it stands in,
    `question` what the user asks (for pruning passages). Never raises on content.

    For thousands of calls, without `is_thorough`: no JSON is rewritten before it is put in another
    notation, paragraphs are not compared for likeness, and nothing advisory is looked for.
    """
    meter = meter or Meter(model)
    # tools and system texts differ in what is tried; all else is one.
    kind = kind if kind in ("tools", "system") else "other"
    what = f"{meter.key} {is_thorough}"
    key = (text_hash(text), what, kind, text_hash(question or ""))
    found = _cache.get(key)
    if found is None:
        found = _best(text, meter, Context(kind=kind, question=question), is_thorough)
        if len(text) <= _LARGEST_REMEMBERED:
            _cache[key] = found
            while len(_cache) > _REMEMBERED:
                _cache.pop(next(iter(_cache)), None)
    return replace(found, allowed=allow) if allow != found.allowed else found


# No compressor of prose, logs or tables goes over a longer text than that.
_LARGE_CHARACTERS = 1_000_000


def _best(text: str, meter: Meter, context: Context, is_thorough: bool) -> Compressed:
    (before,) = meter.count_many([text])
    if len(text) < SHORTEST_CHARACTERS:
        return Compressed(text, before, meter.is_exact, meter.reason, None, None, None)
    notes: list[str] = []
    if len(text) > _LARGE_CHARACTERS:
        notes.append(f"a text of {len(text):,} characters was not searched for repeats")
    chosen = [
        _segment_best(segment, meter, context.kind, notes, is_thorough)
        for segment in split_segments(text)
    ]
    found: dict[Kind, Option | None] = {}
    fewest = before
    for each in KINDS:
        is_new = each == "lossless" or any(each in c.own_kinds for c in chosen)
        option = _joined(chosen, each, meter, is_thorough) if is_new else None
        option = option if option is not None and option.tokens_after < fewest else None
        found[each] = option
        fewest = option.tokens_after if option else fewest
    advisory = _advisory(text, chosen, before, meter, context) if is_thorough else ()
    return Compressed(
        text,
        before,
        meter.is_exact,
        meter.reason,
        found["lossless"],
        found["near"],
        found["lossy"],
        advisory,
        notes=tuple(dict.fromkeys(notes)),
    )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A segment, its best candidates by class, and its advisory ones, with their tokens."""

    segment: Segment
    best: dict[Kind, Candidate]
    advisory: tuple[Candidate, ...] = ()

    @property
    def own_kinds(self) -> set[Kind]:
        """The classes of its best candidates."""
        return {candidate.kind for candidate in self.best.values()}

    def text(self, kind: Kind) -> tuple[str, Candidate | None]:
        """What the segment is written as where that class is allowed."""
        candidate = self.best.get(kind)
        return (self.segment.text, None) if candidate is None else (candidate.text, candidate)


def _segment_best(
    segment: Segment, meter: Meter, kind: str, notes: list[str], is_thorough: bool
) -> _Chosen:
    candidates = _candidates(segment, kind, notes, is_thorough=is_thorough)
    if not candidates:
        return _Chosen(segment, {})
    (fewest, *counts) = meter.count_many([segment.text, *(c.text for c in candidates)])
    counted = sorted(zip(counts, candidates, strict=True), key=lambda pair: pair[0])
    found: dict[Kind, Candidate] = {}
    for allowed in KINDS:
        for tokens, candidate in counted:
            is_allowed = KINDS.index(candidate.kind) <= KINDS.index(allowed)
            if is_allowed and not candidate.advisory and tokens < fewest:
                found[allowed] = candidate
                break
    advisory = tuple(c for tokens, c in counted if c.advisory and tokens < fewest)
    return _Chosen(segment, found, advisory)


def _candidates(
    segment: Segment, kind: str, notes: list[str], *, is_thorough: bool = True
) -> Sequence[Candidate]:
    """A segment's candidates, each text once; of equal texts the one that promises most."""
    if segment.form in ("json", "jsonl"):
        text = segment.text
        if segment.form == "jsonl":
            # One value a line: as one list, whose items the notations keep.
            text = f"[{text.replace(chr(10), ',')}]"
        context = context_of(text, kind=kind)
        found = json_candidates(text, context, is_thorough=is_thorough)
        notes += context.notes
    else:
        context = Context(kind=kind)
        found = [
            candidate
            for compressor in _TEXT[segment.form]
            for candidate in compressor.candidates(segment.text, context)
        ]
    unique: dict[str, Candidate] = {}
    for candidate in found:
        known = unique.get(candidate.text)
        if known is None or KINDS.index(candidate.kind) < KINDS.index(known.kind):
            unique[candidate.text] = candidate
    return list(unique.values())


def _joined(
    chosen: Sequence[_Chosen], allowed: Kind, meter: Meter, is_thorough: bool
) -> Option | None:
    """The segments' best in a row, and what the compressors of whole texts make of that."""
    texts, used = [], []
    for each in chosen:
        text, candidate = each.text(allowed)
        texts.append(text)
        if candidate is not None:
            used.append(candidate)
    current = _option("".join(texts), used, meter)
    has_prose = len(chosen) > 1 or chosen[0].segment.form == "text"
    whole = _WHOLE if is_thorough else _WHOLE_QUICK
    for compressor in whole if has_prose else ():
        for candidate in compressor.candidates(current.text, Context()):
            (tokens,) = meter.count_many([candidate.text])
            if tokens < current.tokens_after:
                current = _then(current, candidate, tokens)
    return current if current.steps else None


def _option(text: str, used: Sequence[Candidate], meter: Meter) -> Option:
    kind: Kind = "lossless"
    check = Check("")
    aside: dict[str, str] = {}
    for candidate in used:
        kind = worse(kind, candidate.kind)
        check = both(check, candidate.check)
        aside |= candidate.aside or {}
    steps = tuple(dict.fromkeys(step for candidate in used for step in candidate.steps))
    notes = tuple(dict.fromkeys(note for candidate in used for note in candidate.notes))
    (tokens,) = meter.count_many([text])
    return Option(text, tokens, kind, steps, check, False, aside or None, notes)


def _then(option: Option, candidate: Candidate, tokens: int) -> Option:
    return replace(
        option,
        text=candidate.text,
        tokens_after=tokens,
        kind=worse(option.kind, candidate.kind),
        steps=option.steps + candidate.steps,
        check=both(option.check, candidate.check),
    )


def _advisory(
    text: str, chosen: Sequence[_Chosen], before: int, meter: Meter, context: Context
) -> tuple[Option, ...]:
    found = []
    if len(text) <= _ADVISORY_LIMIT and all(each.segment.form == "text" for each in chosen):
        for compressor in _ADVISORY:
            found += [_counted(c, c.text, meter) for c in compressor.candidates(text, context)]
    for place, each in enumerate(chosen):
        for candidate in each.advisory:
            texts = [other.segment.text for other in chosen]
            texts[place] = candidate.text
            found.append(_counted(candidate, "".join(texts), meter))
    return tuple(option for option in found if option.tokens_after < before)


def _counted(candidate: Candidate, text: str, meter: Meter) -> Option:
    return replace(_option(text, [candidate], meter), advisory=True)
