"""The example and the sample traces: in the installed package or in the checkout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from latprobe.cli import messages
from latprobe.errors import UsageError

_PACKAGE = Path(__file__).parents[1]
# An installed copy carries both under `_demo`; a checkout has them at its root.
EXAMPLE = (
    _PACKAGE / "_demo" / "document_qa" / "app.py",
    _PACKAGE.parent / "examples" / "document_qa" / "app.py",
)
SAMPLES = (_PACKAGE / "_demo" / "sample_traces", _PACKAGE.parent / "sample_traces")


def find_example() -> Path:
    """The example's script. Raises UsageError where this copy has none."""
    found = _first_existing(EXAMPLE)
    if found is None:
        raise UsageError(
            "This copy of latprobe has no example in it; reinstall it (pip install "
            "--force-reinstall latprobe), or record a program of yours: latprobe run -- CMD"
        )
    return found


def require_packages(needed: Mapping[str, str]) -> None:
    """Raises UsageError with the pip line for what the example imports and is not installed."""
    missing = [pip_name for module, pip_name in needed.items() if find_spec(module) is None]
    if missing:
        raise UsageError(
            f"The example needs packages that are not installed: {sys.executable} -m pip install "
            f"{' '.join(missing)}"
        )


def load_samples(home: Path) -> int:
    """Imports each sample into the store and gives back how many there are; one that is there
    already stays as it is.

    A sample that cannot be read is a warning: the demo's own run is what matters.
    """
    folder = _first_existing(SAMPLES)
    if folder is None:
        return 0
    from latprobe.cli.transfer import import_folders

    samples = sorted(manifest.parent for manifest in folder.glob("*/manifest.json"))
    if not samples:
        return 0
    try:
        import_folders(home, samples)
    except UsageError as error:
        messages.warn(f"the sample traces are left out: {error}")
        return 0
    return len(samples)


def _first_existing(places: Iterable[Path]) -> Path | None:
    return next((place for place in places if place.exists()), None)
