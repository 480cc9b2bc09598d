"""All counted ways to write one recorded text shorter, for whoever wants to choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from latprobe.advice.compress.compose import best
from latprobe.advice.compress.contract import Candidate, Check, Kind, both, worse
from latprobe.advice.compress.exact_json import context_of
from latprobe.advice.compress.json_forms import json_candidates
from latprobe.advice.compress.meter import Meter
from latprobe.advice.compress.option import Compressed, Option
from latprobe.advice.compress.segments import Segment, split_segments

# Single ways are counted up to so many characters; of longer texts only the best of each class.
LONGEST = 200_000
MOST_WAYS = 14
_NAMES = {
    "json_minify": "JSON minified",
    "json_columnar": "JSON by column",
    "csv_typed": "CSV with types",
    "toon": "TOON",
    "json_defaults": "JSON, defaults once",
    "json_short_keys": "JSON, short keys",
    "json_drop_empty": "no empty keys",
    "json_round_floats": "rounded numbers",
    "json_short_ids": "short ids",
    "tool_titles": "tool schemas without titles",
    "html_text": "HTML as text",
    "markdown_table": "table as CSV",
    "log_templates": "log lines by template",
    "code_comments": "no code comments",
    "few_shot_hoist": "examples, instruction once",
    "repeats": "repeats as pointers",
    "near_repeats": "near-repeats as pointers",
    "extractive_sentences": "fewer sentences",
    "passages_bm25": "fewer passages",
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to write the text. `key` names it in an address; an advisory one is only shown."""

    key: str
    label: str
    text: str
    tokens: int
    kind: Kind
    check: Check
    is_advisory: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways, the fewest tokens first; not exact where the model's tokenizer is not known."""

    tokens: int
    is_exact: bool
    reason: str | None
    ways: tuple[Way, ...]
    notes: tuple[str, ...] = ()

    def chosen(self, key: str | None) -> Way | None:
        """The way with that key, else the best lossless one, else the best that is applied."""
        for each in self.ways:
            if each.key == key:
                return each
        applied = [each for each in self.ways if not each.is_advisory]
        lossless = [each for each in applied if each.kind == "lossless"]
        return next(iter(lossless or applied or self.ways), None)


def ways_to_write(
    text: str,
    *,
    model: str | None,
    kind: str = "other",
    question: str | None = None,
    tokens: int | None = None,
) -> Ways:
    """Every way that saves tokens: the best of each class, and each single way by itself.

    `tokens` is what the store counted for the text, which estimates are scaled to.
    """
    meter = Meter(model, like=None if tokens is None else (text, tokens))
    found = best(text, meter=meter, kind=kind, question=question)
    ways = [_of_option(option) for option in found.options]
    if len(text) <= LONGEST:
        ways += _single(text, found, meter, kind)
    unique: dict[str, Way] = {}
    for each in ways:
        unique.setdefault(each.key, each)
    shorter = [each for each in unique.values() if each.tokens < found.tokens_before]
    shorter.sort(key=lambda each: (each.tokens, each.key))
    kept = tuple(shorter[:MOST_WAYS])
    return Ways(found.tokens_before, found.is_exact, found.reason, kept, found.notes)


def label_of(steps: Sequence[str]) -> str:
    """The steps as a reader names them."""
    words = [_NAMES.get(step, step.replace("_", " ")) for step in steps]
    return ", ".join(words) or "rewritten"


def _of_option(option: Option) -> Way:
    return Way(
        key="+".join(option.steps),
        label=label_of(option.steps),
        text=option.text,
        tokens=option.tokens_after,
        kind=option.kind,
        check=option.check,
        is_advisory=option.advisory,
        notes=(*option.notes, *_aside(bool(option.aside))),
    )


def _single(text: str, found: Compressed, meter: Meter, kind: str) -> list[Way]:
    """Each way of writing the JSON in the text, in all its pieces of JSON that have it."""
    segments = split_segments(text)
    of_segment = [_by_steps(segment, kind) for segment in segments]
    steps = list(dict.fromkeys(key for each in of_segment for key in each))
    made: list[tuple[str, list[Candidate]]] = []
    for key in steps:
        used = [each.get(key) for each in of_segment]
        whole = "".join(
            segment.text if candidate is None else candidate.text
            for segment, candidate in zip(segments, used, strict=True)
        )
        made.append((whole, [each for each in used if each is not None]))
    counts = meter.count_many([whole for whole, _ in made])
    return [
        _of_candidates(whole, used, tokens)
        for (whole, used), tokens in zip(made, counts, strict=True)
        if tokens < found.tokens_before
    ]


def _of_candidates(text: str, used: Sequence[Candidate], tokens: int) -> Way:
    """The text in which all of these stand: of the class that promises least."""
    kind: Kind = "lossless"
    check = Check("")
    for each in used:
        kind, check = worse(kind, each.kind), both(check, each.check)
    notes = dict.fromkeys(note for each in used for note in each.notes)
    return Way(
        key="+".join(used[0].steps),
        label=label_of(used[0].steps),
        text=text,
        tokens=tokens,
        kind=kind,
        check=check,
        is_advisory=any(each.advisory for each in used),
        notes=(*notes, *_aside(any(each.aside for each in used))),
    )


def _aside(is_kept: bool) -> tuple[str, ...]:
    note = "A map of the short names stays with your program, which puts the long ones back."
    return (note,) if is_kept else ()


def _by_steps(segment: Segment, kind: str) -> dict[tuple[str, ...], Candidate]:
    if segment.form != "json":
        return {}
    candidates = json_candidates(segment.text, context_of(segment.text, kind=kind))
    unique: dict[tuple[str, ...], Candidate] = {}
    for each in candidates:
        unique.setdefault(each.steps, each)
    return unique
