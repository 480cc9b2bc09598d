"""Retrieved chunks from a rank on of which no answer has a word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from latprobe.advice.call_texts import CallText
from latprobe.advice.context import Context
from latprobe.advice.outputs.template_calls import TemplateCalls, answer_text
from latprobe.advice.outputs.token_saving import Fewer, falls_to, token_suggestion
from latprobe.advice.suggestion import Evidence, Suggestion

NAME = "unused_retrieval"

# Which ranks serve is a matter of counts: of 50 calls, a rank that serves 1 in 20 shows up in 92 %.
_FEWEST_CALLS = 50
_FEWEST_CHUNKS = 3
# Where answers have nothing of any chunk, they use other words, and overlap says nothing.
_LEAST_TRACED = 0.6
_COVERED = 0.98
_LEAST_SHARE = 0.15
_LEAST_TOKENS = 60
# Words that stand in one chunk only tell where an answer has them from; two may be chance. Where
# chunks are about one thing such words are rare, and three in a row tell as much.
_FEWEST_WORDS = 3
_FEWEST_PHRASES = 2
_WORD = re.compile(r"[\w.-]{4,}")
_ANY_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Traced:
    """A call's chunks by rank: their tokens, and the ranks (from 0) that its answer draws on."""

    tokens: tuple[float, ...]
    used: frozenset[int]


def find(context: Context) -> Iterator[Suggestion]:
    """Each template with so many chunks in its prompts that the last are never drawn on."""
    for group in context.templates:
        traced = [each for each in map(_traced, group.texts) if each is not None]
        if not traced:
            continue
        drawn = [each for each in traced if each.used]
        if len(drawn) < _LEAST_TRACED * len(traced):
            continue
        keep = _keep(drawn)
        saved = _tokens_behind(group.texts, keep)
        if saved >= max(_LEAST_TOKENS, _LEAST_SHARE * group.input_tokens):
            yield _suggestion(context, group, traced, keep, saved=saved)


def _tokens_behind(calls: Sequence[CallText], keep: int) -> float:
    """Tokens of chunks behind the rank, on average over all calls, those without chunks too.

    What is not known of some calls is taken to be as it is of the others.
    """
    known = [_chunks(call) for call in calls if call.side("input") and _are_known(call)]
    return sum(tokens for chunks in known for _, tokens in chunks[keep:]) / max(len(known), 1)


def _are_known(call: CallText) -> bool:
    parts = [part for part in call.side("input") if part.kind == "retrieved"]
    return all(p.text and not p.is_truncated and p.tokens is not None for p in parts)


def _keep(drawn: list[_Traced]) -> int:
    """How many chunks, best first, nearly all answers do with, and one to spare."""
    deepest = Counter(max(each.used) + 1 for each in drawn)
    covered, ranks = 0, 0
    for ranks in sorted(deepest):
        covered += deepest[ranks]
        if covered >= _COVERED * len(drawn):
            break
    return ranks + 1


def _traced(call: CallText) -> _Traced | None:
    answer = answer_text(call).lower()
    chunks = _chunks(call)
    if not answer or len(chunks) < _FEWEST_CHUNKS:
        return None
    texts = [text.lower() for text, _ in chunks]
    asked = "\n".join(
        part.text.lower() for part in call.side("input") if part.kind != "retrieved" and part.text
    )
    used = _drawn_on(texts, answer, asked, _words, _FEWEST_WORDS)
    used |= _drawn_on(texts, answer, asked, _phrases, _FEWEST_PHRASES)
    return _Traced(tuple(tokens for _, tokens in chunks), used)


def _drawn_on(
    chunks: list[str], answer: str, asked: str, pieces: Callable[[str], set[str]], fewest: int
) -> frozenset[int]:
    """The ranks of chunks of which the answer has so many pieces that stand nowhere else."""
    said = pieces(answer) - pieces(asked)
    own = [pieces(text) for text in chunks]
    standing = Counter(piece for each in own for piece in each)
    return frozenset(
        rank
        for rank, each in enumerate(own)
        if sum(standing[piece] == 1 for piece in each & said) >= fewest
    )


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text))


def _phrases(text: str) -> set[str]:
    found = _ANY_WORD.findall(text)
    return {" ".join(three) for three in zip(found, found[1:], found[2:], strict=False)}


def _chunks(call: CallText) -> list[tuple[str, float]]:
    """The retrieved texts with their tokens; one text of several is taken apart at blank lines."""
    parts = [p for p in call.side("input") if p.kind == "retrieved"]
    if not parts or not _are_known(call):
        return []
    if len(parts) != 1:
        return [(p.text or "", float(p.tokens or 0)) for p in parts]
    text, tokens = parts[0].text or "", float(parts[0].tokens or 0)
    pieces = [piece for piece in text.split("\n\n") if piece.strip()]
    size = sum(len(piece) for piece in pieces)
    return [(piece, tokens * len(piece) / size) for piece in pieces]


def _suggestion(
    context: Context, group: TemplateCalls, traced: list[_Traced], keep: int, *, saved: float
) -> Suggestion:
    drawn = [each for each in traced if each.used]
    chunks = sum(len(each.tokens) for each in traced) / len(traced)
    deepest = max(max(each.used) + 1 for each in drawn)
    now = group.input_tokens
    return token_suggestion(
        context,
        group,
        Fewer(input_tokens=saved, is_estimated=True),
        rule=NAME,
        title=f"Retrieve {keep} chunks for {group.subject}, not {chunks:.0f}: {now:.0f} -> "
        f"{now - saved:.0f} input tokens a call",
        evidence=(
            Evidence("calls with chunks and an answer", len(traced)),
            Evidence("chunks in a prompt", round(chunks, 1)),
            Evidence("answers that draw on a chunk", len(drawn), f"of {len(traced)}"),
            Evidence("deepest rank drawn on", deepest),
            Evidence("tokens of the chunks beyond", round(saved, 1), "tokens a call"),
        ),
        how=f"Lower top_k to {keep}, or set a least score; a reranker lets fewer chunks do.\n"
        "Compare the answers of both on recorded questions before you keep it.",
        verify=falls_to(group.stage, "input", now - saved),
        effort="medium",
        preconditions=(
            "Advisory: word overlap does not see a chunk that an answer sums up in other words, or "
            'one that told the model "not here".',
        ),
        seen=len(traced),
        enough=_FEWEST_CALLS,
    )
