"""The vendors' formulas from pixels to tokens. All sizes are in pixels."""

from __future__ import annotations

from math import ceil, floor, sqrt

_TILE = 512
_SQUARE = 2048
_SHORT_SIDE = 768
_PATCH = 32


def tiles(width: int, height: int, *, base: int, tile: int) -> int:
    """OpenAI: fitted into a square, then to the short side, then covered by tiles."""
    scale = min(1.0, _SQUARE / max(width, height))
    scale = min(scale, _SHORT_SIDE / min(width, height))
    columns, rows = (ceil(round(side * scale, 6) / _TILE) for side in (width, height))
    return base + tile * columns * rows


def patches(width: int, height: int, *, multiplier: float, cap: int) -> int:
    """OpenAI: patches of 32; an image of more than the cap is shrunk until whole patches fit."""
    count = ceil(width / _PATCH) * ceil(height / _PATCH)
    if count > cap:
        shrink = sqrt(cap * _PATCH**2 / (width * height))
        across, down = width * shrink / _PATCH, height * shrink / _PATCH
        shrink *= min(max(floor(across), 1) / across, max(floor(down), 1) / down)
        across, down = width * shrink / _PATCH, height * shrink / _PATCH
        count = min(ceil(round(across, 6)) * ceil(round(down, 6)), cap)
    return ceil(round(count * multiplier, 6))


def grid(width: int, height: int, *, cell: int, cap: int, long_edge: int) -> int:
    """Claude: cells of the largest size with the same aspect that keeps both limits."""
    longest, shortest = max(width, height), min(width, height)

    def cells(edge: int) -> int:
        return ceil(edge / cell) * ceil(max(round(shortest * edge / longest), 1) / cell)

    low, high = 1, min(longest, long_edge)
    while low < high:
        middle = (low + high + 1) // 2
        if cells(middle) <= cap:
            low = middle
        else:
            high = middle - 1
    return cells(low)


def gemini_tiles(width: int, height: int, *, tile: int, small: int, side: int) -> int:
    """Gemini 2: one tile for a small image, else as many as cover it."""
    if max(width, height) <= small:
        return tile
    return tile * ceil(width / side) * ceil(height / side)


def resized_grid(width: int, height: int, *, cell: int, min_pixels: int, max_pixels: int) -> int:
    """Qwen-VL's smart_resize: sides rounded to the cell, the area kept between the limits."""
    across, down = round(width / cell), round(height / cell)
    if across * down * cell**2 > max_pixels:
        shrink = sqrt(max_pixels / (width * height))
        across, down = (max(1, floor(side * shrink / cell)) for side in (width, height))
    elif across * down * cell**2 < min_pixels:
        grow = sqrt(min_pixels / (width * height))
        across, down = (ceil(side * grow / cell) for side in (width, height))
    return across * down
