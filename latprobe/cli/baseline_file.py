"""Recordings that are files: baselines that `latprobe gate` saved, folders that were exported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latprobe.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from latprobe.analysis.compare import Measured
    from latprobe.store.query import Query


def measure_file(path: Path) -> Measured:
    """The figures in a baseline file, or in what `latprobe export` wrote (a Parquet folder)."""
    from latprobe.analysis.compare.baseline import from_document

    if path.is_dir():
        return _measure_folder(path)
    try:
        document = _read_json(path)
    except FileNotFoundError:
        raise NoDataError(
            f"There is no baseline {path} yet; write one with `latprobe gate --save {path}`."
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as a baseline: {error}.") from error
    try:
        return from_document(document)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _read_json(path: Path) -> Any:
    import gzip
    import json

    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return json.loads(content)


def save_baseline(measured: Measured, path: Path) -> None:
    """Writes the figures to a file, over one that was there."""
    import json

    from latprobe.analysis.compare.baseline import to_document

    text = json.dumps(to_document(measured), separators=(",", ":"), sort_keys=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", "utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error


def _measure_folder(folder: Path) -> Measured:
    from latprobe.analysis.compare import measure
    from latprobe.analysis.scope import EVERYTHING

    with _imported(folder) as query:
        found = measure(query, EVERYTHING)
    if not len(found):
        raise NoDataError(f"{folder} has no requests. Export a recording that has some.")
    return found


@contextmanager
def _imported(folder: Path) -> Iterator[Query]:
    """A store of its own with the exported rows, for as long as they are read."""
    from tempfile import TemporaryDirectory

    from latprobe.store.folder_lock import prepare_folder
    from latprobe.store.reader import open_reader

    with TemporaryDirectory(prefix="latprobe-baseline-") as place:
        home = Path(place) / "store"
        prepare_folder(home)
        with open_reader(home, start_agent=False) as store:
            store.import_folder(folder)
            yield store.query
