"""Pictures: made as JPEG on the fly, decoded, and turned into what the encoder takes."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image

from vision_llm.sizes import Sizes


def draw(sizes: Sizes, *, seed: int) -> bytes:
    """A JPEG of colour gradients and noise, as a camera's is neither flat nor all noise."""
    random = np.random.default_rng(seed)
    height, width = sizes.picture_px
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = [np.sin(x / random.uniform(20, 200) + y / random.uniform(20, 200)) for _ in range(3)]
    noise = random.normal(0, 12, (height, width, 3))
    pixels = np.clip(128 + 90 * np.stack(waves, axis=-1) + noise, 0, 255).astype(np.uint8)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=88)
    return written.getvalue()


def decode(jpeg: bytes, *, side_px: int) -> np.ndarray:
    """Height x width x 3 bytes, scaled to a square."""
    picture = Image.open(io.BytesIO(jpeg)).convert("RGB")
    return np.asarray(picture.resize((side_px, side_px), Image.Resampling.BICUBIC))


def to_device(pixels: np.ndarray, *, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """1 x 3 x height x width on the device, -1..1."""
    tensor = torch.from_numpy(pixels.copy()).to(device)
    return tensor.permute(2, 0, 1)[None].to(dtype) / 127.5 - 1.0
