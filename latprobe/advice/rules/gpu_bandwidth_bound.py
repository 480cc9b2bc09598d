"""Stages whose time is that of reading the model's weights from memory."""

from __future__ import annotations

from collections.abc import Iterable

from latprobe.advice.context import Context
from latprobe.advice.gpu_limits import Limited, Remedy, limited, suggestion
from latprobe.advice.stage_words import has_any, word_set
from latprobe.advice.suggestion import Suggestion

NAME = "gpu_bandwidth_bound"

# 8 instead of 16 bits move half of the bytes.
BYTES_KEPT = 0.5
_VECTORS = word_set("embed embeddings search index knn ann retrieve vector vectors rerank")


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage with the verdict "memory-bandwidth-bound"."""
    for stage in limited(context, "memory-bandwidth-bound"):
        yield suggestion(context, NAME, stage, _remedy(stage))


def _remedy(stage: Limited) -> Remedy:
    dram = (stage.gpu.dram_active_pct.value or 0.0) / 100
    vectors = has_any(stage.name, _VECTORS)
    how = (
        "Store vectors with fewer bits or dimensions: int8, binary with a second look at the best, "
        "PCA or Matryoshka dimensions.\nMeasure recall on recorded queries before and after."
        if vectors
        else "Quantise the weights (FP8 or int8 by torchao, AWQ or GPTQ for 4 bits in vLLM), or "
        "serve a distilled or pruned model; a larger batch reads the weights once for more.\n"
        "Measure quality on recorded requests before and after."
    )
    what = "smaller vectors" if vectors else "quantise it"
    return Remedy(
        title=f"Move fewer bytes in {stage.name}: {what}",
        # Of the time that memory is busy, half of the bytes take half.
        factor=1.0 - dram * (1.0 - BYTES_KEPT),
        how=how,
        verify=f"`latprobe gpu`: memory is less busy in {stage.name}; `latprobe compare` shows it "
        "shorter.",
        link="https://docs.pytorch.org/ao/stable/",
        effort="high",
        preconditions=(
            "Quality holds at the lower precision; measure it.",
            "What is read are 16-bit values of which half the bytes can go: the saving is that of "
            "half the bytes in the time that memory is busy.",
        ),
        evidence=(),
    )
