"""The same passage more than once in one prompt, word for word or nearly."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from latprobe.advice.call_texts import CallText
from latprobe.advice.compress import near_repeats, repeats
from latprobe.advice.compress.contract import Context as Nothing
from latprobe.advice.compress.meter import Meter
from latprobe.advice.context import Context
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import FEW_CALLS, Fewer, token_suggestion
from latprobe.advice.suggestion import Evidence, Meaning, Sample, Suggestion

NAME = "repeated_blocks"

_CALLS = 20
_LEAST_SHARE = 0.08
_LEAST_TOKENS = 40
# By chance two chunks of a prompt are alike now and then; in most prompts that is how it is built.
_MOSTLY = 0.5
_Repeat = tuple[int, str, str]


def find(context: Context) -> Iterator[Suggestion]:
    """Each template most of whose prompts hold a passage twice."""
    for group in context.templates:
        calls = [call for call in group.texts if call.side("input")][-_CALLS:]
        if len(calls) < FEW_CALLS:
            continue
        meter = Meter(group.model)
        found = [_repeated(call, meter) for call in calls]
        least = max(_LEAST_TOKENS, _LEAST_SHARE * group.input_tokens)
        repeating = [each for each in found if each[0] >= least]
        if len(repeating) >= max(_MOSTLY * len(calls), FEW_CALLS):
            yield _suggestion(context, group, found, repeating, meter)


def _repeated(call: CallText, meter: Meter) -> _Repeat:
    """(tokens that stand again, the prompt, the prompt with pointers); texts empty if not kept."""
    parts = [part for part in call.side("input") if part.kind != "tools"]
    by_hash, seen = 0, set()
    for part in parts:
        if part.hash in seen and part.tokens:
            by_hash += part.tokens
        seen.add(part.hash)
    if any(not part.text or part.is_truncated for part in parts) or not parts:
        return by_hash, "", ""
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
    saved = sum(tokens for tokens, _, _ in found) / len(found)
    now = group.input_tokens
    _, text, shorter = max(repeating, key=lambda each: each[0])
    sample = None
    if text:
        before, after = meter.count_many([text, shorter])
        meaning: Meaning = "lossless"
        sample = Sample(text, shorter, before, after, meaning, "pointers followed, and equal")
    return token_suggestion(
        context,
        group,
        Fewer(input_tokens=saved, is_estimated=not meter.is_exact),
        rule=NAME,
        title=f"Send each passage of {group.subject} once: {now:.0f} -> {now - saved:.0f} input "
        "tokens",
        evidence=(
            Evidence("prompts with a passage twice", len(repeating), f"of {len(found)}"),
            Evidence("repeated tokens, median", median(each[0] for each in found), "tokens"),
            Evidence("seen in", "texts" if text else "hashes of whole parts only"),
        ),
        how="Drop chunks that were retrieved before in the same prompt (by hash, and nearly equal "
        "ones by word overlap) where the prompt is built.\n"
        "Later copies go, so that what stands before them stays cached.",
        verify=f"latprobe tokens: input tokens of {group.stage} fall to about {now - saved:.0f}.",
        sample=sample,
        seen=group.calls,
    )
