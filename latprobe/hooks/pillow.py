"""Pillow: decoding, resizing and encoding.

`Image.open` reads a header only, so the stage is where the pixels are really decoded: in the `load`
that the first use of them calls. Some formats decode in a `load` of their own.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Any

from latprobe.config import Settings
from latprobe.hooks import Undo
from latprobe.hooks.calls import Args, Kwargs, Site, argument, stage_calls
from latprobe.recorder import Stage, make_stage

# Formats whose classes decode in a `load` of their own.
_OWN_LOAD = ("Avif", "Eps", "Gbr", "Icns", "Ico", "WebP")


def instrument(settings: Settings) -> Undo:
    """Stages `image.decode`, `image.resize` and `image.encode`."""
    return stage_calls(__name__, _sites())


def _sites() -> Iterator[Site]:
    loads = [("PIL.ImageFile", "ImageFile.load")]
    loads += [(f"PIL.{form}ImagePlugin", f"{form}ImageFile.load") for form in _OWN_LOAD]
    for module, path in loads:
        yield Site(
            module, path, _decode, _decoded,
            is_skipped=_is_decoded, time_inside=_note_decoding, is_part=True,
        )  # fmt: skip
    for method in ("Image.resize", "Image.thumbnail"):
        yield Site("PIL.Image", method, _resize, _resized, is_part=True)
    yield Site("PIL.Image", "Image.save", _encode, _encoded, is_part=True)


def _is_decoded(args: Args) -> bool:
    """True where `load` has nothing to do; it is called at each access to the pixels."""
    image = args[0] if args else None
    if getattr(image, "tile", True) or getattr(image, "_im", image) is None:
        return False
    # WebP alone keeps no tile for a frame that was sought but not decoded yet.
    return bool(
        getattr(image, "_WebPImageFile__loaded", None)
        == getattr(image, "_WebPImageFile__logical_frame", None)
    )


def _decode(args: Args, kwargs: Kwargs) -> Stage:
    image = args[0]
    width, height = image.size
    found = {"image.format": image.format, "image.width_px": width, "image.height_px": height}
    size_bytes = _size_bytes(image.fp)
    if size_bytes is not None:
        found["image.bytes"] = size_bytes
    return make_stage("image.decode", "image", found)


def _decoded(stage: Stage, args: Args, kwargs: Kwargs, result: Any) -> None:
    stage.set(**{"image.mode": args[0].mode})  # some formats know it only now


def _note_decoding(outer: Stage, duration_ns: int) -> None:
    """What was opened lazily is decoded inside the resize or save that needs it first."""
    if outer.name != "image.decode":
        outer.set(**{"image.decode_ns": duration_ns})


def _resize(args: Args, kwargs: Kwargs) -> Stage:
    return make_stage("image.resize", "image", _shape_of(args[0]))


def _resized(stage: Stage, args: Args, kwargs: Kwargs, result: Any) -> None:
    width, height = (args[0] if result is None else result).size
    stage.set(**{"image.to_width_px": width, "image.to_height_px": height})


def _encode(args: Args, kwargs: Kwargs) -> Stage:
    found = _shape_of(args[0])
    name = argument(args, kwargs, 2, "format") or _suffix(argument(args, kwargs, 1, "fp"))
    if name:
        found["image.format"] = str(name).upper()
    return make_stage("image.encode", "image", found)


def _encoded(stage: Stage, args: Args, kwargs: Kwargs, result: Any) -> None:
    size_bytes = _size_bytes(argument(args, kwargs, 1, "fp"))
    if size_bytes is not None:
        stage.set(**{"image.bytes": size_bytes})


def _shape_of(image: Any) -> dict[str, Any]:
    width, height = image.size
    return {"image.width_px": width, "image.height_px": height, "image.mode": image.mode}


def _suffix(target: Any) -> str | None:
    if not isinstance(target, str | os.PathLike):
        return None
    return os.path.splitext(os.fspath(target))[1][1:] or None


def _size_bytes(source: Any) -> int | None:
    """Bytes of the encoded picture; None where it is no file of its own in memory or on disk."""
    try:
        if type(source) is io.BytesIO:
            return source.getbuffer().nbytes
        if isinstance(source, str | os.PathLike):
            return os.stat(source).st_size
        if type(source) in (io.BufferedReader, io.BufferedWriter, io.BufferedRandom):
            return os.fstat(source.fileno()).st_size
    except (OSError, ValueError):  # closed, or gone by now
        return None
    return None
