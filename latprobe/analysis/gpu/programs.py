"""One answer about a stage of which several cards or programs have something to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

DIFFERS = "differs by service"


def labels(names: Sequence[str], services: Sequence[str]) -> tuple[str, ...]:
    """Names that tell the stages apart: with the program's where several have one of that name."""
    return tuple(
        f"{name} ({service or 'no service'})" if names.count(name) > 1 else name
        for name, service in zip(names, services, strict=True)
    )


def joint_verdict(verdicts: Sequence[tuple[str, str | None]]) -> str | None:
    """Of (service, verdict) of each program that has the stage: the one that all have.

    Where only one program's is certain it is said whose it is, where they are not alike that they
    are not: neither is true of the other program's requests.
    """
    certain = {service: word for service, word in verdicts if word is not None}
    words = set(certain.values())
    if len(words) > 1:
        return DIFFERS
    if not words:
        return None
    word = words.pop()
    return word if len(certain) == len(verdicts) else f"{word} in {', '.join(certain)}"


def grouped(rows: Sequence[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    """The rows by what `key` gives, in their order."""
    found: dict[str, list[T]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found
