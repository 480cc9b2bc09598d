"""The same passage more than once in one prompt, word for word or nearly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from latprobe.advice.call_texts import CallText, TextPart
from latprobe.advice.compress import near_repeats, repeats
from latprobe.advice.compress.contract import Context as Nothing
from latprobe.advice.compress.meter import Meter
from latprobe.advice.context import Context
from latprobe.advice.outputs.cached_input import cached_shares, loses_cache, mean
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import FEW_CALLS, Fewer, falls_to, token_suggestion
from latprobe.advice.suggestion import Evidence, Meaning, Sample, Suggestion

NAME = "repeated_blocks"

_CALLS = 20
_LEAST_SHARE = 0.08
_LEAST_TOKENS = 40
# By chance two chunks of a prompt are alike now and then; in most prompts that is how it is built.
_MOSTLY = 0.5
# Of a part that is cached in part, so much has to be for its copy to count as cached.
_CACHED = 0.5
# A provider's own template writes these.
_NOT_TEXT = frozenset({"tools", "overhead"})


@dataclass(frozen=True, slots=True)
class _Repeat:
    """Tokens that stand again in one prompt, those of them that a cache serves; the prompt, and it
    with pointers (both empty where texts were not kept)."""

    tokens: int
    cached: int
    text: str = ""
    shorter: str = ""


def find(context: Context) -> Iterator[Suggestion]:
    """Each template most of whose prompts hold a passage twice."""
    for group in context.templates:
        calls = [call for call in group.texts if call.side("input")][-_CALLS:]
        if len(calls) < FEW_CALLS:
            continue
        meter = Meter(group.model)
        found = [_repeated(call, meter) for call in calls]
        least = max(_LEAST_TOKENS, _LEAST_SHARE * group.input_tokens)
        repeating = [each for each in found if each.tokens >= least]
        if len(repeating) >= max(_MOSTLY * len(calls), FEW_CALLS):
            yield _suggestion(context, group, found, repeating, meter)


def _repeated(call: CallText, meter: Meter) -> _Repeat:
    shares = zip(call.side("input"), cached_shares(call), strict=True)
    known = [(part, share) for part, share in shares if part.kind not in _NOT_TEXT]
    tokens, text, shorter = _again([part for part, _ in known], meter)
    cached, *_ = _again([part for part, share in known if share >= _CACHED], meter)
    return _Repeat(tokens, cached, text, shorter)


def _again(parts: Sequence[TextPart], meter: Meter) -> tuple[int, str, str]:
    """(tokens that stand again, the parts' text, it with pointers); what has no text, such as
    pictures, and what was kept in part counts where the whole of it came before."""
    whole = [part for part in parts if part.text and not part.is_truncated]
    others = [part for part in parts if not part.text or part.is_truncated]
    tokens, text, shorter = _with_pointers(whole, meter) if whole else (0, "", "")
    return tokens + _by_hash(others), text, shorter


def _by_hash(parts: Sequence[TextPart]) -> int:
    """Tokens of whole parts that stood before."""
    again, seen = 0, set()
    for part in parts:
        if part.hash in seen and part.tokens:
            again += part.tokens
        seen.add(part.hash)
    return again


def _with_pointers(parts: Sequence[TextPart], meter: Meter) -> tuple[int, str, str]:
    """(tokens saved, the parts' text, it with pointers to what stood before)."""
    text = "\n\n".join(part.text or "" for part in parts)
    made = [text]
    for compressor in (repeats, near_repeats):
        made += [found.text for found in compressor.candidates(text, Nothing())]
    counts = meter.count_many(made)
    shortest = min(range(len(made)), key=lambda at: counts[at])
    return counts[0] - counts[shortest], text, made[shortest]


def _suggestion(
    context: Context,
    group: TemplateCalls,
    found: list[_Repeat],
    repeating: list[_Repeat],
    meter: Meter,
) -> Suggestion:
    saved = mean([each.tokens for each in found])
    cached = min(mean([each.cached for each in found]), saved)
    now = group.input_tokens
    most = max(repeating, key=lambda each: each.tokens)
    text, shorter = most.text, most.shorter
    sample = None
    if text:
        before, after = meter.count_many([text, shorter])
        meaning: Meaning = "lossless"
        sample = Sample(text, shorter, before, after, meaning, "pointers followed, and equal")
    suggested = token_suggestion(
        context,
        group,
        Fewer(input_tokens=saved, cached_share=cached / saved, is_estimated=not meter.is_exact),
        rule=NAME,
        title=f"Send each passage of {group.subject} once: {now:.0f} -> {now - saved:.0f} input "
        "tokens",
        evidence=(
            Evidence("prompts with a passage twice", len(repeating), f"of {len(found)}"),
            Evidence("repeated tokens, median", median(each.tokens for each in found), "tokens"),
            Evidence("of them cached today, mean", round(cached), "tokens"),
            Evidence("seen in", "texts" if text else "hashes of whole parts only"),
        ),
        how="Drop chunks that were retrieved before in the same prompt (by hash, and nearly equal "
        "ones by word overlap) where the prompt is built.\n"
        "Later copies go, so that what stands before them stays cached.",
        verify=falls_to(group.stage, "input", now - saved),
        sample=sample,
        seen=group.calls,
    )
    reason = loses_cache(group, saved=saved, saved_cached=cached)
    return suggested if reason is None else replace(suggested, verdict="don't", reason=reason)
