"""How large the models are: some seconds a hundred requests on a CPU, real work on a GPU."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """`layers`, `width` and `heads` of each model; lengths in pixels or tokens."""

    picture_px: tuple[int, int]
    side_px: int
    patch_px: int
    vision: tuple[int, int, int]
    language: tuple[int, int, int]
    vocabulary: int
    embed: tuple[int, int, int]
    answer_tokens: int


TINY = Sizes(
    picture_px=(120, 160),
    side_px=64,
    patch_px=16,
    vision=(1, 32, 2),
    language=(1, 32, 2),
    vocabulary=256,
    embed=(1, 32, 2),
    answer_tokens=4,
)
SMALL = Sizes(
    picture_px=(480, 640),
    side_px=224,
    patch_px=16,
    vision=(4, 192, 4),
    language=(4, 192, 4),
    vocabulary=2048,
    embed=(2, 192, 4),
    answer_tokens=16,
)
LARGE = Sizes(
    picture_px=(1200, 1600),
    side_px=896,
    patch_px=14,
    vision=(24, 1280, 16),
    language=(16, 2048, 16),
    vocabulary=32_000,
    embed=(12, 1024, 16),
    answer_tokens=32,
)
BY_NAME = {"tiny": TINY, "small": SMALL, "large": LARGE}
