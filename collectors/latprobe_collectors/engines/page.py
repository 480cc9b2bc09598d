"""One Prometheus page, in the text format: the few series of it that are wanted.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
A page has up to thousands of lines, most of them buckets, so lines are looked at by name first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# After the name: labels, a value, and perhaps a time.
_REST = re.compile(r"[ \t]*(?:\{(.*)\})?[ \t]*([^\s{}]+)(?:[ \t]+-?\d+)?[ \t]*$")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"')
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Name to series, each its labels (sorted) and its value. No value is NaN or infinite."""

    series: Mapping[str, Mapping[Labels, float]]

    def __contains__(self, name: str) -> bool:
        return name in self.series

    def of(self, names: Iterable[str]) -> Mapping[Labels, float]:
        """The series of the first of these names that the page has."""
        for name in names:
            found = self.series.get(name)
            if found is not None:
                return found
        return {}


def read_page(text: str, wanted: frozenset[str]) -> Page:
    """The wanted names of a page; a line that is none of the format is passed over."""
    series: dict[str, dict[Labels, float]] = {}
    for line in text.splitlines():
        name = _NAME.match(line)
        if name is None or name.group() not in wanted:
            continue
        found = _REST.match(line, name.end())
        value = _value(found.group(2)) if found is not None else None
        if found is not None and value is not None:
            labels = tuple(sorted(_LABEL.findall(found.group(1) or "")))
            series.setdefault(name.group(), {})[labels] = value
    return Page(series)


def names_of(text: str) -> frozenset[str]:
    """All names that the page has a value of."""
    return frozenset(name.group() for line in text.splitlines() if (name := _NAME.match(line)))


def _value(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
