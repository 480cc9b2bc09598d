"""A store to export, and the files that exports are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from latprobe.store.owner import StoreOwner
from tests.export.building import fill

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[StoreOwner]:
    fill(tmp_path / "store")
    with StoreOwner(tmp_path / "store") as found:
        yield found
