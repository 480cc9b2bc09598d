"""pytesseract: each run of the program."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from latprobe.config import Settings
from latprobe.hooks import tesseract
from latprobe.testing import MemorySink
from tests.hooks.needing import needs


def test_reading_a_picture_is_a_stage(sink: MemorySink) -> None:
    library = needs("pytesseract")
    if shutil.which("tesseract") is None:
        pytest.skip("the tesseract program is not installed")
    undo = tesseract.instrument(Settings(home=Path("unused")))
    try:
        library.image_to_string(needs("PIL.Image").new("L", (60, 20), 255), lang="eng")
    finally:
        undo()
    span = sink.named("ocr.tesseract")
    assert (span.modality, span.attributes) == (
        "image",
        {"image.width_px": 60, "image.height_px": 20, "ocr.language": "eng"},
    )


def test_undo_restores_both_names_of_the_original() -> None:
    library = needs("pytesseract")
    before = library.run_and_get_output
    undo = tesseract.instrument(Settings(home=Path("unused")))
    assert library.run_and_get_output is not before
    undo()
    assert library.run_and_get_output is library.pytesseract.run_and_get_output is before
