"""OpenCV: decoding, resizing and encoding.

`cv2` has two modules of that name, the package and the library inside; both get the replacement.
"""

from __future__ import annotations

import os
from typing import Any

from latprobe.config import Settings
from latprobe.hooks import Undo
from latprobe.hooks.calls import Args, Kwargs, Site, argument, stage_calls
from latprobe.recorder import Stage, make_stage


def instrument(settings: Settings) -> Undo:
    """Stages `image.decode`, `image.resize` and `image.encode`."""
    return stage_calls(
        __name__,
        (
            Site("cv2", "imread", _read, _decoded, is_part=True),
            Site("cv2", "imdecode", _decode, _decoded, is_part=True),
            Site("cv2", "resize", _resize, _resized, is_part=True),
            Site("cv2", "imwrite", _write, is_part=True),
            Site("cv2", "imencode", _encode, _encoded, is_part=True),
        ),
    )


def _read(args: Args, kwargs: Kwargs) -> Stage:
    return make_stage("image.decode", "image", _format(argument(args, kwargs, 0, "filename")))


def _decode(args: Args, kwargs: Kwargs) -> Stage:
    encoded = argument(args, kwargs, 0, "buf")
    size_bytes = getattr(encoded, "nbytes", None)
    if size_bytes is None and isinstance(encoded, bytes | bytearray):
        size_bytes = len(encoded)
    return make_stage("image.decode", "image", {"image.bytes": size_bytes} if size_bytes else {})


def _decoded(stage: Stage, args: Args, kwargs: Kwargs, result: Any) -> None:
    if result is None:
        stage.set(**{"image.is_decoded": False})  # cv2's way of saying that it could not
    else:
        stage.set(**_shape_of(result))


def _resize(args: Args, kwargs: Kwargs) -> Stage:
    return make_stage("image.resize", "image", _shape_of(argument(args, kwargs, 0, "src")))


def _resized(stage: Stage, args: Args, kwargs: Kwargs, result: Any) -> None:
    height, width = result.shape[:2]
    stage.set(**{"image.to_width_px": width, "image.to_height_px": height})


def _write(args: Args, kwargs: Kwargs) -> Stage:
    shape = _shape_of(argument(args, kwargs, 1, "img"))
    return make_stage(
        "image.encode", "image", shape | _format(argument(args, kwargs, 0, "filename"))
    )


def _encode(args: Args, kwargs: Kwargs) -> Stage:
    shape = _shape_of(argument(args, kwargs, 1, "img"))
    return make_stage("image.encode", "image", shape | _format(argument(args, kwargs, 0, "ext")))


def _encoded(stage: Stage, args: Args, kwargs: Kwargs, result: Any) -> None:
    is_done, encoded = result
    if is_done:
        stage.set(**{"image.bytes": int(encoded.nbytes)})


def _shape_of(image: Any) -> dict[str, Any]:
    """Of an array (height, width) or (height, width, channels); {} for anything else."""
    shape = getattr(image, "shape", None)
    if shape is None:
        get = getattr(image, "get", None)  # a UMat: reading it would fetch it from the device
        return {} if get is None else {"image.is_umat": True}
    found = {"image.width_px": int(shape[1]), "image.height_px": int(shape[0])}
    if len(shape) > 2:
        found["image.channels"] = int(shape[2])
    return found


def _format(name: Any) -> dict[str, Any]:
    """From a file's name, or from a bare suffix such as ".jpg"."""
    if not isinstance(name, str | os.PathLike):
        return {}
    suffix = os.fspath(name).rpartition(".")[2]
    return {"image.format": suffix.upper()} if suffix else {}
