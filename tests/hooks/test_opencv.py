"""OpenCV: reading, resizing and writing arrays."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import latprobe
from latprobe.config import Settings
from latprobe.hooks import opencv
from latprobe.testing import MemorySink
from tests.hooks.needing import needs

PAGE = np.zeros((48, 64, 3), np.uint8)
SHAPE = {"image.width_px": 64, "image.height_px": 48, "image.channels": 3}


@pytest.fixture
def cv2() -> Iterator[Any]:
    """The library, hooked."""
    undo = opencv.instrument(Settings(home=Path("unused")))
    yield needs("cv2")
    undo()


@pytest.fixture
def sink(sink: MemorySink) -> Iterator[MemorySink]:
    """What is recorded inside a request, which itself is still open."""
    with latprobe.stage("request"):
        yield sink


def test_each_step_of_a_picture_is_a_stage(cv2: Any, sink: MemorySink) -> None:
    done, encoded = cv2.imencode(".png", PAGE)
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    small = cv2.resize(decoded, (32, 24), interpolation=cv2.INTER_AREA)
    assert (done, small.shape) == (True, (24, 32, 3))
    size = {"image.bytes": encoded.nbytes}
    assert [(span.name, span.modality, span.attributes) for span in sink.spans] == [
        ("image.encode", "image", {**SHAPE, "image.format": "PNG", **size}),
        ("image.decode", "image", {**size, **SHAPE}),
        ("image.resize", "image", {**SHAPE, "image.to_width_px": 32, "image.to_height_px": 24}),
    ]


def test_files_are_written_and_read_in_stages(cv2: Any, sink: MemorySink, tmp_path: Path) -> None:
    path = str(tmp_path / "page.png")
    cv2.imwrite(path, PAGE)
    assert cv2.imread(path).shape == PAGE.shape
    assert [(span.name, span.attributes) for span in sink.spans] == [
        ("image.encode", {**SHAPE, "image.format": "PNG"}),
        ("image.decode", {"image.format": "PNG", **SHAPE}),
    ]


def test_what_cannot_be_decoded_is_said_without_an_error(cv2: Any, sink: MemorySink) -> None:
    assert cv2.imdecode(np.zeros(10, np.uint8), 1) is None
    span = sink.named("image.decode")
    assert (span.status, span.attributes) == (
        "unset",
        {"image.bytes": 10, "image.is_decoded": False},
    )


def test_an_error_of_the_library_is_the_stages(cv2: Any, sink: MemorySink) -> None:
    with pytest.raises(cv2.error, match="resize"):
        cv2.resize(PAGE, (0, 0))
    assert sink.named("image.resize").status == "error"


def test_a_wrong_argument_is_the_librarys_to_refuse(cv2: Any, sink: MemorySink) -> None:
    with pytest.raises(cv2.error, match="missing required argument"):
        cv2.resize(PAGE)
    with pytest.raises(cv2.error, match="src"):
        cv2.resize("no array", (2, 2))
    assert [span.status for span in sink.spans] == ["error", "error"]


def test_a_stage_of_ones_own_by_that_name_is_not_doubled(cv2: Any, sink: MemorySink) -> None:
    with latprobe.stage("image.resize", modality="image"):
        cv2.resize(PAGE, (32, 24))
    assert sink.names() == ["image.resize"]


@pytest.mark.filterwarnings("ignore:numpy.core")  # pickle looks for cv2's functions everywhere
def test_the_functions_can_still_be_pickled(cv2: Any) -> None:
    assert pickle.loads(pickle.dumps(cv2.resize)) is cv2.resize


def test_undo_restores_the_originals() -> None:
    cv2 = needs("cv2")
    before = [getattr(cv2, name) for name in ("imread", "imdecode", "resize", "imencode")]
    undo = opencv.instrument(Settings(home=Path("unused")))
    assert cv2.resize is not before[2]
    undo()
    assert [getattr(cv2, name) for name in ("imread", "imdecode", "resize", "imencode")] == before
