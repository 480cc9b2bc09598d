"""One line of `latprobe doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`note` is for information, `warn` for what works less well, `fail` for a broken store."""

    name: str
    state: Literal["ok", "note", "warn", "fail"]
    text: str
    advice: str | None = None
