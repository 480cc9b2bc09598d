"""Short lists that are kept beside the store, which belongs to the agent: one JSON file each."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from latprobe.errors import StoreError

T = TypeVar("T")


def read_rows(path: Path, row: Callable[[Any], T]) -> list[T]:
    """The file's rows, each read by `row`; [] without a file. StoreError if it makes no sense."""
    try:
        return [row(each) for each in json.loads(path.read_text("utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            f"{path} cannot be read ({error}). Move it away to start a new list."
        ) from error


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Puts them in the file's place at once, for its owner only. StoreError if it cannot."""
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
        draft.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
