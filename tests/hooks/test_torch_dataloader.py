"""DataLoader: the wait for each batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import latprobe
from latprobe.config import Settings
from latprobe.hooks import torch_dataloader
from latprobe.testing import MemorySink
from tests.hooks.needing import needs


@pytest.fixture
def data() -> Iterator[Any]:
    """`torch.utils.data`, hooked."""
    undo = torch_dataloader.instrument(Settings(home=Path("unused")))
    yield needs("torch.utils.data")
    undo()


class Numbers:
    """A data set whose items are made in a stage of the user's."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        if index > 3:
            raise IndexError
        with latprobe.stage("read"):
            return index


def waits(sink: MemorySink) -> list[tuple[str | None, dict[str, Any]]]:
    return [(s.modality, s.attributes) for s in sink.spans if s.name == "dataloader.wait"]


def test_each_batch_is_one_wait_and_the_end_is_none(data: Any, sink: MemorySink) -> None:
    batches = [batch.tolist() for batch in data.DataLoader(Numbers(), batch_size=2)]
    assert batches == [[0, 1], [2, 3]]
    assert waits(sink) == [
        ("io", {"dataloader.batch_index": index, "dataloader.workers": 0}) for index in (0, 1)
    ]
    first_wait = sink.spans[2]
    assert [span.parent_id for span in sink.spans[:2]] == [first_wait.span_id] * 2


def test_workers_are_counted(data: Any, sink: MemorySink) -> None:
    loader = data.DataLoader(Numbers(), batch_size=2, num_workers=1)
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3]]
    assert waits(sink) == [
        ("io", {"dataloader.batch_index": index, "dataloader.workers": 1}) for index in (0, 1)
    ]


def test_the_loop_around_it_keeps_its_stage(data: Any, sink: MemorySink) -> None:
    with latprobe.stage("epoch"):
        for _ in data.DataLoader(Numbers(), batch_size=4):
            with latprobe.stage("step"):
                pass
    epoch = sink.named("epoch")
    assert sink.named("step").parent_id == epoch.span_id
    assert sink.named("dataloader.wait").parent_id == epoch.span_id


def test_a_data_sets_error_is_the_waits(data: Any, sink: MemorySink) -> None:
    class Broken(Numbers):
        def __getitem__(self, index: int) -> int:
            raise LookupError(f"no item {index}")

    with pytest.raises(LookupError, match="no item 0"):
        next(iter(data.DataLoader(Broken())))
    assert sink.named("dataloader.wait").status == "error"


def test_undo_restores_the_original() -> None:
    kind = needs("torch.utils.data.dataloader")._BaseDataLoaderIter
    before = vars(kind)["__next__"]
    undo = torch_dataloader.instrument(Settings(home=Path("unused")))
    assert vars(kind)["__next__"] is not before
    undo()
    assert vars(kind)["__next__"] is before
