"""Text of page images, read by the `tesseract` program."""

from __future__ import annotations

import io
import os
import shutil
import subprocess

from PIL import Image

_TIMEOUT_S = 60
_DPI_AT_OCR_WIDTH = "109"
"""900 px over A4's 210 mm; said outright, since PNM carries none and tesseract would guess."""


class OcrError(RuntimeError):
    """Tesseract is missing, or it could not read the image."""


def is_available() -> bool:
    """True where a `tesseract` program stands on PATH."""
    return shutil.which("tesseract") is not None


def read_text(image: Image.Image) -> str:
    """The page's text, a line a printed line.

    `--psm 6` takes the page as one block, so a table's row stays one line. One OpenMP thread:
    tesseract's own threads slow each other down once several pages are read at a time.
    """
    pnm = io.BytesIO()
    image.save(pnm, "PPM")
    command = ["tesseract", "stdin", "stdout", "--psm", "6", "--dpi", _DPI_AT_OCR_WIDTH]
    environment = os.environ | {"OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(
            command, input=pnm.getvalue(), capture_output=True, env=environment,
            timeout=_TIMEOUT_S, check=True,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise OcrError("tesseract is not installed; apt-get install tesseract-ocr") from error
    except subprocess.TimeoutExpired as error:
        raise OcrError(f"tesseract took more than {_TIMEOUT_S} s for one page") from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()
        raise OcrError(f"tesseract could not read the page: {reason}") from error
    return done.stdout.decode().strip()
