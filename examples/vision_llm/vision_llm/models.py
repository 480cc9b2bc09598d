"""Three models with random weights: they take the time that real ones take and know nothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from vision_llm.sizes import Sizes
from vision_llm.transformer import Cache, Transformer


class VisionEncoder(nn.Module):
    """A picture's patches through a transformer, projected to the language model's width."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.vision[1]
        self.patches = nn.Conv2d(3, width, sizes.patch_px, stride=sizes.patch_px)
        self.body = Transformer(sizes.vision, is_causal=False)
        self.project = nn.Linear(width, sizes.language[1])

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """1 x patches x width of the language model."""
        states = self.patches(picture).flatten(2).transpose(1, 2)
        return self.project(self.body(states)[0])


class LanguageModel(nn.Module):
    """A decoder that takes embeddings first, then one token at a time."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.embed = nn.Embedding(sizes.vocabulary, sizes.language[1])
        self.body = Transformer(sizes.language, is_causal=True)
        self.head = nn.Linear(sizes.language[1], sizes.vocabulary, bias=False)

    def forward(self, states: torch.Tensor, past: Cache | None) -> tuple[torch.Tensor, Cache]:
        """The last position's logits, and the cache."""
        states, cache = self.body(states, past)
        return self.head(states[:, -1]), cache


class TextEmbedder(nn.Module):
    """Tokens to one unit vector."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.embed = nn.Embedding(sizes.vocabulary, sizes.embed[1])
        self.body = Transformer(sizes.embed, is_causal=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """1 x width."""
        mean = self.body(self.embed(tokens))[0].mean(dim=1)
        return nn.functional.normalize(mean.float(), dim=-1)


@dataclass(frozen=True, slots=True)
class Models:
    """What a request runs on."""

    sizes: Sizes
    device: torch.device
    dtype: torch.dtype
    vision: VisionEncoder
    language: LanguageModel
    embedder: TextEmbedder


def load(sizes: Sizes, *, device: str) -> Models:
    """Random weights, the same ones each time: bfloat16 on a GPU, float32 on a CPU."""
    torch.manual_seed(0)
    place = torch.device(device)
    dtype = torch.bfloat16 if place.type == "cuda" else torch.float32

    def ready(model: nn.Module) -> nn.Module:
        return model.to(place, dtype).eval().requires_grad_(False)

    return Models(
        sizes,
        place,
        dtype,
        ready(VisionEncoder(sizes)),  # type: ignore[arg-type]
        ready(LanguageModel(sizes)),  # type: ignore[arg-type]
        ready(TextEmbedder(sizes)),  # type: ignore[arg-type]
    )
