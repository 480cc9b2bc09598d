"""What code that reads the store asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow


class Query(Protocol):
    """One read-only SQL statement in, its rows out.

    UUID columns come as text with dashes, JSON columns as text. Raises UsageError for bad or
    writing SQL and StoreError when the store cannot answer.
    """

    def __call__(self, sql: str, parameters: Sequence[object] = ()) -> pyarrow.Table: ...
