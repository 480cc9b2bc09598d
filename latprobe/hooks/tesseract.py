"""pytesseract: each run of the tesseract program."""

from __future__ import annotations

from latprobe.config import Settings
from latprobe.hooks import Undo
from latprobe.hooks.calls import Args, Kwargs, Site, argument, stage_calls
from latprobe.recorder import Stage, make_stage


def instrument(settings: Settings) -> Undo:
    """Stages `ocr.tesseract`: every image_to_* function goes through these two."""
    names = ("run_and_get_output", "run_and_get_multiple_output")
    return stage_calls(
        __name__,
        [
            Site(module, name, _run)
            for module in ("pytesseract.pytesseract", "pytesseract")
            for name in names
        ],
    )


def _run(args: Args, kwargs: Kwargs) -> Stage:
    found = {}
    image = argument(args, kwargs, 0, "image")
    if hasattr(image, "size") and isinstance(image.size, tuple):
        found["image.width_px"], found["image.height_px"] = image.size
    language = argument(args, kwargs, 2, "lang")
    if language:
        found["ocr.language"] = language
    return make_stage("ocr.tesseract", "image", found)
