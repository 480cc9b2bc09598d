"""The example and the sample traces: in the installed package or in the checkout."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from latprobe.cli import messages
from latprobe.errors import UsageError

_PACKAGE = Path(__file__).parents[1]
# An installed copy carries both under `_demo`; a checkout has them at its root.
_PLACES = {
    "examples/document_qa/app.py": _PACKAGE / "_demo" / "document_qa" / "app.py",
    "sample_traces": _PACKAGE / "_demo" / "sample_traces",
}


def find_example() -> Path:
    """The example's script. Raises UsageError where this copy has none."""
    found = _find("examples/document_qa/app.py")
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


def load_samples(home: Path) -> None:
    """Imports each sample into the store; one that is there already stays as it is."""
    folder = _find("sample_traces")
    if folder is None:
        return
    from latprobe.cli.transfer import import_folder

    samples = sorted(path.parent for path in folder.glob("*/runs.parquet"))
    with messages.progress("Loading sample traces", total=len(samples)) as advance:
        for sample in samples:
            import_folder(home, sample)
            advance(1)


def _find(name: str) -> Path | None:
    places = (_PLACES[name], _PACKAGE.parent / name)
    return next((place for place in places if place.exists()), None)
