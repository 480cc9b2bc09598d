"""Decoding, resizing and tokenising on the CPU that a model waits for."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pyarrow.compute as pc

from latprobe.advice.context import Context, StageFacts
from latprobe.advice.saving import with_saving
from latprobe.advice.sibling_runs import families
from latprobe.advice.stage_words import has_any, word_set, words
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.advice.time_off import at_most
from latprobe.analysis.verdict import certain_verdict
from latprobe.analysis.whatif import Remove

NAME = "slow_preprocessing"

# A tenth of the latency: what it takes to make input ready is never nothing.
LEAST_SHARE = 0.1
PREPARES = word_set(
    "decode decoding resize resizing rescale crop preprocess preprocessing transform transforms "
    "augment normalize normalise tokenize tokenise tokenization tokenizer resample spectrogram mel "
    "fft stft mfcc rasterize rasterise load collate pad imread imdecode letterbox"
)
# What says so only together: "image.to_tensor", "AutoImageProcessor".
_PAIRS = frozenset(
    {
        *(("to", "tensor"), ("to", "tensors"), ("image", "processor"), ("feature", "extractor")),
        ("audio", "processor"),
    }
)
_MEDIA = frozenset({"image", "audio", "video"})
# Who waits for a loader waits for what its workers prepare, and uses no CPU meanwhile.
LOADERS = word_set("dataloader")
# Decoding in a language model is generation.
_NOT = word_set("llm generate token tokens model prefill index documents user")
# A text is decoded by a language model, and loaded from a disk; what is normalised is prepared.
_NOT_OF_TEXT = word_set("decode decoding load")
HOW = {
    "image": "Decode at the size that is needed (`Image.draft`, cv2.IMREAD_REDUCED_*), use "
    "Pillow-SIMD or libjpeg-turbo, or decode and resize on the GPU (torchvision, nvJPEG, DALI).",
    "video": "Decode on the card's own decoder (NVDEC by torchcodec or PyNvVideoCodec), and only "
    "the frames that are looked at.",
    "audio": "Resample and compute spectrograms on the GPU (torchaudio), in batches.",
}
LOADER_HOW = (
    "Raise num_workers and prefetch_factor, with persistent_workers and pin_memory; more than one "
    "worker a core helps no further.\nOr make an item cheaper: smaller files, decoded once and "
    "kept, or on the GPU."
)
LINKS = {
    "image": "https://docs.nvidia.com/deeplearning/dali/user-guide/docs/",
    "video": "https://meta-pytorch.org/torchcodec/stable/index.html",
    "audio": "https://docs.pytorch.org/audio/stable/transforms.html",
}


def find(context: Context) -> Iterable[Suggestion]:
    """Each such stage that works on the CPU before another stage of the request."""
    before = _followed(context)
    for stage, facts in context.stages.items():
        if facts.critical_share < LEAST_SHARE or stage not in before:
            continue
        if has_any(stage, LOADERS):
            yield _suggestion(context, facts, before[stage], is_loader=True)
            continue
        if _is_no_preparing(stage) or facts.stats.output_tokens:
            continue
        prepares = _is_named_so(stage) or _feeds_a_model(context, facts, before[stage])
        if prepares and _works_on_cpu(context, facts):
            yield _suggestion(context, facts, before[stage], is_loader=False)


def _is_no_preparing(stage: str) -> bool:
    return has_any(stage, _NOT) or ("text" in words(stage) and has_any(stage, _NOT_OF_TEXT))


def _is_named_so(stage: str) -> bool:
    return has_any(stage, PREPARES) or not _PAIRS.isdisjoint(pairwise(words(stage)))


def _feeds_a_model(context: Context, facts: StageFacts, after: str) -> bool:
    """Whether it has no model, and the next stage one for the same medium that takes less time."""
    following = context.stages.get(after)
    if following is None or facts.stats.modality not in _MEDIA:
        return False
    table = context.sampled.table
    models = set(table.filter(pc.is_valid(table["model"]))["name"].unique().to_pylist())
    return (
        following.stats.modality == facts.stats.modality
        and following.stats.p50_ms < facts.stats.p50_ms
        and after in models
        and facts.stats.name not in models
    )


def _works_on_cpu(context: Context, facts: StageFacts) -> bool:
    """By its CPU time, or by the GPU's report. Where neither was measured nothing is said."""
    row = context.gpu.by_name().get(facts.stats.name)
    if row is not None and row.verdict is not None:
        return row.verdict == "cpu-bound"
    return certain_verdict(facts.path) == "cpu-bound"


def _followed(context: Context) -> dict[str, str]:
    """Which stage mostly runs next under the same caller, and is longer than nothing."""
    spans = context.sampled.spans
    names = [spans.names[code] for code in spans.name.tolist()]
    found: dict[str, str] = {}
    for family in families(context.sampled):
        for row, after in pairwise(family):
            if names[row] != names[after]:
                found[names[row]] = names[after]
    return found


def _suggestion(context: Context, facts: StageFacts, after: str, *, is_loader: bool) -> Suggestion:
    stage, modality = facts.stats.name, facts.stats.modality or ""
    share = f"{facts.critical_share:.0%} of the latency"
    title = (
        f"Give the loader more workers: {after} waits for it, {share}"
        if is_loader
        else f"Take {stage} off the CPU before {after}: {share}"
    )
    how = HOW.get(modality, "Use a compiled library for it (a fast tokenizer, numpy, Rust).") + (
        "\nOr prepare the next input in workers while the model runs (a DataLoader with "
        "num_workers, a process pool)."
    )
    change = Remove(stage)
    saving = at_most(context, change)
    evidence = (
        Evidence("Share of the latency", round(100 * facts.critical_share, 1), "%"),
        Evidence("p50", round(facts.stats.p50_ms, 1), "ms"),
        Evidence("What limits it", "its workers" if is_loader else "cpu-bound"),
    )
    made = Suggestion(
        rule=NAME,
        subject=stage,
        title=title,
        evidence=evidence,
        how=LOADER_HOW if is_loader else how,
        verify=f"`latprobe report`: the critical share of {stage} falls; `latprobe gpu` shows the "
        "card busier.",
        effort="medium",
        link=LINKS.get(modality, "https://docs.pytorch.org/docs/stable/data.html"),
        stage=stage,
        preconditions=("The saving is that of no such work before the model.",),
        changes=(change,),
        claims=frozenset({("stage_time", stage)}),
    )
    return with_saving(made, saving)
