"""A transformer's layers: what the picture's encoder and both language models are made of."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

Cache = list[tuple[torch.Tensor, torch.Tensor]]


class Layer(nn.Module):
    """Attention and a feed-forward part, each after a norm and added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(
        self,
        states: torch.Tensor,
        past: tuple[torch.Tensor, torch.Tensor] | None,
        is_causal: bool,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """The new states, and keys and values of all positions up to here."""
        batch, length, width = states.shape
        shape = (batch, length, self.heads, width // self.heads)
        projected = self.queries_keys_values(self.first_norm(states)).chunk(3, dim=-1)
        query, key, value = (each.view(shape).transpose(1, 2) for each in projected)
        if past is not None:
            key, value = torch.cat((past[0], key), dim=2), torch.cat((past[1], value), dim=2)
        # With a past there is one query, which may see everything.
        mixed = functional.scaled_dot_product_attention(
            query, key, value, is_causal=is_causal and past is None
        )
        states = states + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        states = states + self.down(functional.gelu(self.up(self.second_norm(states))))
        return states, (key, value)


class Transformer(nn.Module):
    """A stack of layers. `is_causal`: a position sees only those before it."""

    def __init__(self, size: tuple[int, int, int], *, is_causal: bool) -> None:
        super().__init__()
        layers, self.width, heads = size
        self.is_causal = is_causal
        self.layers = nn.ModuleList(Layer(self.width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(self.width)

    def forward(
        self, states: torch.Tensor, past: Cache | None = None
    ) -> tuple[torch.Tensor, Cache]:
        """States of the new positions, and the cache with them in it."""
        cache: Cache = []
        for number, layer in enumerate(self.layers):
            states, kept = layer(states, past[number] if past else None, self.is_causal)
            cache.append(kept)
        return self.norm(states), cache
