"""A stage as OpenTelemetry's Context: the current span is the stage, the rest lies further out."""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Sequence
from typing import Any

from opentelemetry.trace.propagation import _SPAN_KEY


class SpanContextView:
    """What `opentelemetry.context.Context`, a dict, is asked for."""

    __slots__ = ()

    _outer: Any

    def _outside(self) -> Any:
        context = self._outer
        while isinstance(context, SpanContextView):
            context = context._outer
        return context

    def get(self, key: str, default: Any = None) -> Any:
        """The current span is this one; everything else lies further out."""
        if key == _SPAN_KEY:
            return self
        return self._outside().get(key, default)

    def __getitem__(self, key: str) -> Any:
        return self if key == _SPAN_KEY else self._outside()[key]

    def __contains__(self, key: object) -> bool:
        return key == _SPAN_KEY or key in self._outside()

    def copy(self) -> dict[str, Any]:
        """A plain dict, as `Context.copy` gives: `set_value` builds the next context from it."""
        values = dict(self._outside())
        values[_SPAN_KEY] = self
        return values

    def keys(self) -> KeysView[str]:
        """The context's keys."""
        return self.copy().keys()

    def items(self) -> Sequence[tuple[str, Any]]:
        """The context's items."""
        return list(self.copy().items())

    def values(self) -> Sequence[Any]:
        """The context's values."""
        return list(self.copy().values())

    def __iter__(self) -> Iterator[str]:
        return iter(self.copy())

    def __len__(self) -> int:
        return len(self.copy())

    def __bool__(self) -> bool:
        return True
