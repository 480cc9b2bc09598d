"""sentence-transformers: `encode` of its dense, sparse and multi-vector models."""

from __future__ import annotations

from typing import Any

from latprobe.config import Settings
from latprobe.hooks import Undo
from latprobe.hooks.calls import Args, Kwargs, Site, argument, stage_calls
from latprobe.recorder import Stage, make_stage

_DEFAULT_BATCH = 32
# Where the classes are defined: since version 6, and before.
_PATHS = (
    ("sentence_transformers.sentence_transformer.model", "SentenceTransformer.encode"),
    ("sentence_transformers.sparse_encoder.model", "SparseEncoder.encode"),
    ("sentence_transformers.multi_vector_encoder.model", "MultiVectorEncoder.encode"),
    ("sentence_transformers.SentenceTransformer", "SentenceTransformer.encode"),
    ("sentence_transformers.sparse_encoder.SparseEncoder", "SparseEncoder.encode"),
)


def instrument(settings: Settings) -> Undo:
    """Stages `embeddings MODEL`: number of texts, batch size, dimension."""
    return stage_calls(__name__, [Site(module, path, _encode, _encoded) for module, path in _PATHS])


def _encode(args: Args, kwargs: Kwargs) -> Stage | None:
    if not args:
        return None
    name = _model_name(args[0])
    texts = argument(args, kwargs, 1, "inputs")
    if texts is None:
        texts = kwargs.get("sentences")
    found: dict[str, Any] = {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "sentence_transformers",
        "gen_ai.request.model": name,
        "latprobe.batch_size": argument(args, kwargs, 4, "batch_size") or _DEFAULT_BATCH,
    }
    count = _count(texts)
    if count is not None:
        found["latprobe.inputs"] = count
    return make_stage(f"embeddings {name}", "retrieval", found)


def _encoded(stage: Stage, args: Args, kwargs: Kwargs, result: Any) -> None:
    first = result[0] if isinstance(result, list) and result else result
    shape = getattr(first, "shape", None)
    if shape:
        stage.set(**{"gen_ai.embeddings.dimension.count": int(shape[-1])})


def _count(texts: Any) -> int | None:
    """One text or a list of them; None for what is neither."""
    if isinstance(texts, str | dict):
        return 1
    return len(texts) if hasattr(texts, "__len__") else None


def _model_name(model: Any) -> str:
    """The name it was loaded by, from its card or from the network inside; else its class."""
    card = getattr(model, "model_card_data", None)
    inner = getattr(getattr(next(iter(model), None), "auto_model", None), "config", None)
    for name in (
        getattr(card, "model_id", None),
        getattr(card, "base_model", None),
        getattr(inner, "name_or_path", None),
    ):
        if isinstance(name, str) and name:
            return name
    return type(model).__name__
