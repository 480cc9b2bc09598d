"""Counted ways to write a text, and the best of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from latprobe.advice.compress.contract import KINDS, Check, Kind


@dataclass(frozen=True, slots=True)
class Option:
    """One way to write a text, counted. `kind`, `check` and the rest as a `Candidate` has them."""

    text: str
    tokens_after: int
    kind: Kind
    steps: tuple[str, ...]
    check: Check
    advisory: bool = False
    aside: dict[str, str] | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The documented keys of `latprobe compress --json`."""
        return {
            "tokens_after": self.tokens_after,
            "lossless": self.kind == "lossless",
            "kind": self.kind,
            "advisory": self.advisory,
            "steps": list(self.steps),
            "check": {
                "executed": self.check.executed,
                "kept": list(self.check.kept),
                "lost": list(self.check.lost),
            },
            "notes": list(self.notes),
            "aside": self.aside,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Compressed:
    """A text's tokens and the best ways to write it, fewest tokens first.

    `lossless`, `near` and `lossy` are the best of each class that saves more than the class
    before it, None where there is none; `best` is the best of what was allowed. `options` are
    those and the advisory ones. `is_exact` is False where tokens are estimated; `reason` says why.
    """

    text: str
    tokens_before: int
    is_exact: bool
    reason: str | None
    lossless: Option | None
    near: Option | None
    lossy: Option | None
    advisory: tuple[Option, ...] = ()
    allowed: Kind = "lossless"
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> Option | None:
        """The option with the fewest tokens that the caller allows; None where nothing saves."""
        kinds = KINDS[: KINDS.index(self.allowed) + 1]
        found = [option for kind in kinds if (option := self.of(kind)) is not None]
        return min(found, key=lambda option: option.tokens_after, default=None)

    @property
    def options(self) -> tuple[Option, ...]:
        """All options, the fewest tokens first."""
        found = [option for kind in KINDS if (option := self.of(kind)) is not None]
        return tuple(sorted([*found, *self.advisory], key=lambda option: option.tokens_after))

    def of(self, kind: Kind) -> Option | None:
        """The best option of a class."""
        return {"lossless": self.lossless, "near": self.near, "lossy": self.lossy}[kind]
