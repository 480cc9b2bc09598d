"""What is prepared on the CPU for a model that is done sooner."""

from __future__ import annotations

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rules import slow_preprocessing
from latprobe.advice.suggestion import Suggestion
from tests.advice.gains import p50_ms
from tests.advice.pipelines import Recording


def found(
    first: str, second: str, *, ms: float, model: str | None, media: tuple[str | None, str | None]
) -> list[Suggestion]:
    """80 requests: `first` uses the CPU for 90 ms, then `second` takes `ms`."""
    recording = Recording(seed=6)
    for _ in range(80):
        with recording.request() as step:
            step.stage("fetch", 15, kind="client")
            step.stage(first, 90, cpu_ns=85_000_000, modality=media[0])
            step.stage(second, ms, model=model, modality=media[1])
    return list(slow_preprocessing.find(Context(recording.query())))


@pytest.mark.parametrize("name", ["image.to_tensor", "CLIPImageProcessor", "normalize_text"])
def test_it_is_known_by_its_name(name: str) -> None:
    (only,) = found(name, "detect", ms=200, model=None, media=(None, None))
    assert only.subject == name
    assert p50_ms(only) == pytest.approx(90, rel=0.1)


def test_it_is_known_by_the_model_it_works_for() -> None:
    (only,) = found("make.ready", "yolo", ms=14, model="yolov8", media=("image", "image"))
    assert only.subject == "make.ready"


def test_a_text_that_is_decoded_is_generated() -> None:
    assert found("text.decode", "post", ms=20, model=None, media=(None, None)) == []


@pytest.mark.parametrize(
    ("ms", "model", "media"),
    [
        (200, "yolov8", ("image", "image")),  # the model is what takes the time
        (14, None, ("image", "image")),
        (14, "gpt-4o", ("image", "text")),  # what it read is answered on: OCR before a model
    ],
)
def test_other_work_on_the_cpu_is_left_alone(
    ms: float, model: str | None, media: tuple[str | None, str | None]
) -> None:
    assert found("tesseract", "next", ms=ms, model=model, media=media) == []
