"""Pillow: where the pixels are really decoded, resized and encoded."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import latprobe
from latprobe.config import Settings
from latprobe.hooks import calls, pillow
from latprobe.testing import FakeClock, MemorySink, capture
from tests.hooks.needing import needs


@pytest.fixture
def image_module() -> Iterator[Any]:
    """`PIL.Image`, hooked."""
    undo = pillow.instrument(Settings(home=Path("unused")))
    yield needs("PIL.Image")
    undo()


@pytest.fixture
def sink(sink: MemorySink) -> Iterator[MemorySink]:
    """What is recorded inside a request, which itself is still open."""
    with latprobe.stage("request"):
        yield sink


def encoded(image_module: Any, form: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    """A picture, made while nothing records."""
    target = io.BytesIO()
    image_module.effect_noise(size, 50).convert("RGB").save(target, form)
    return target.getvalue()


@pytest.fixture
def jpeg(image_module: Any) -> bytes:
    """64 x 48 pixels; asked for before `sink`, so that making it is not recorded."""
    return encoded(image_module)


def found(sink: MemorySink) -> list[tuple[str, str | None, dict[str, Any]]]:
    return [(span.name, span.modality, span.attributes) for span in sink.spans]


def test_opening_is_lazy_and_the_first_use_decodes(
    image_module: Any, jpeg: bytes, sink: MemorySink
) -> None:
    image = image_module.open(io.BytesIO(jpeg))
    assert sink.names() == []
    image.getpixel((0, 0))
    image.load()
    image.getpixel((0, 0))
    decoded = {
        "image.format": "JPEG",
        "image.width_px": 64,
        "image.height_px": 48,
        "image.bytes": len(jpeg),
        "image.mode": "RGB",
    }
    assert found(sink) == [("image.decode", "image", decoded)]


def test_a_thumbnail_is_one_stage_with_the_decoding_inside_named(
    image_module: Any,
    jpeg: bytes,
    sink: MemorySink,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calls, "monotonic_ns", clock)
    image = image_module.open(io.BytesIO(jpeg))
    image.thumbnail((16, 16))
    assert image.size == (16, 12)
    resized = {
        "image.width_px": 64,
        "image.height_px": 48,
        "image.mode": "RGB",
        "image.decode_ns": 0,
        "image.to_width_px": 16,
        "image.to_height_px": 12,
    }
    assert found(sink) == [("image.resize", "image", resized)]


def test_a_resize_that_resizes_inside_is_one_stage(image_module: Any, sink: MemorySink) -> None:
    small = image_module.new("RGBA", (20, 10)).resize((10, 5))
    assert small.size == (10, 5)
    resized = {
        "image.width_px": 20,
        "image.height_px": 10,
        "image.mode": "RGBA",
        "image.to_width_px": 10,
        "image.to_height_px": 5,
    }
    assert found(sink) == [("image.resize", "image", resized)]


def test_saving_is_encoding_into_memory_and_onto_the_disk(
    image_module: Any, sink: MemorySink, tmp_path: Path
) -> None:
    image = image_module.new("L", (8, 4))
    target = io.BytesIO()
    image.save(target, "png")
    image.save(tmp_path / "page.JPEG")
    shape = {"image.width_px": 8, "image.height_px": 4, "image.mode": "L"}
    on_disk = (tmp_path / "page.JPEG").stat().st_size
    assert found(sink) == [
        (
            "image.encode",
            "image",
            {**shape, "image.format": "PNG", "image.bytes": len(target.getvalue())},
        ),
        ("image.encode", "image", {**shape, "image.format": "JPEG", "image.bytes": on_disk}),
    ]


def test_a_stage_of_ones_own_by_that_name_is_not_doubled(
    image_module: Any, jpeg: bytes, sink: MemorySink
) -> None:
    with latprobe.stage("image.decode", modality="image"):
        image_module.open(io.BytesIO(jpeg)).load()
    assert sink.names() == ["image.decode"]
    assert sink.spans[0].scope is None


@pytest.mark.parametrize("form", ["AVIF", "GIF", "ICO", "JPEG2000", "PNG", "TIFF", "WEBP"])
def test_formats_that_decode_in_their_own_way_are_one_stage_too(
    image_module: Any, form: str, request: pytest.FixtureRequest
) -> None:
    try:
        data = encoded(image_module, form, (32, 32))
    except (KeyError, OSError) as error:
        pytest.skip(f"this Pillow has no {form}: {error}")
    sink = request.getfixturevalue("sink")
    image = image_module.open(io.BytesIO(data))
    image.load()
    image.load()
    assert [(span.name, span.attributes["image.format"]) for span in sink.spans] == [
        ("image.decode", form)
    ]


def test_each_frame_of_an_animation_is_decoded_once(
    image_module: Any, request: pytest.FixtureRequest
) -> None:
    target = io.BytesIO()
    frames = [image_module.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    frames[0].save(target, "WEBP", save_all=True, append_images=frames[1:])
    sink = request.getfixturevalue("sink")
    image = image_module.open(io.BytesIO(target.getvalue()))
    for frame in range(3):
        image.seek(frame)
        image.load()
        image.load()
    assert sink.names() == ["image.decode"] * 3


def test_outside_of_a_request_a_picture_does_not_count_as_one(
    image_module: Any, jpeg: bytes
) -> None:
    with capture() as alone:
        image_module.open(io.BytesIO(jpeg)).load()
    assert alone.names() == []


def test_a_broken_file_is_an_error_of_the_stage(
    image_module: Any, jpeg: bytes, sink: MemorySink
) -> None:
    with pytest.raises(OSError, match="truncated"):
        image_module.open(io.BytesIO(jpeg[: len(jpeg) // 2])).load()
    span = sink.named("image.decode")
    assert (span.status, span.attributes["error.type"]) == ("error", "OSError")


def test_pixels_are_the_same_with_and_without_the_hook(jpeg: bytes, image_module: Any) -> None:
    hooked = image_module.open(io.BytesIO(jpeg))
    hooked.thumbnail((20, 20))
    undo = pillow.instrument(Settings(home=Path("unused")))
    undo()
    plain = image_module.open(io.BytesIO(jpeg))
    plain.thumbnail((20, 20))
    assert hooked.tobytes() == plain.tobytes()


def test_undo_restores_the_originals() -> None:
    needs("PIL.WebPImagePlugin")
    kinds = [
        (needs("PIL.Image").Image, "resize"),
        (needs("PIL.Image").Image, "thumbnail"),
        (needs("PIL.Image").Image, "save"),
        (needs("PIL.ImageFile").ImageFile, "load"),
        (needs("PIL.WebPImagePlugin").WebPImageFile, "load"),
    ]
    before = [vars(kind)[name] for kind, name in kinds]
    undo = pillow.instrument(Settings(home=Path("unused")))
    during = [vars(kind)[name] for kind, name in kinds]
    undo()
    assert all(b is not d for b, d in zip(before, during, strict=True))
    assert [vars(kind)[name] for kind, name in kinds] == before
