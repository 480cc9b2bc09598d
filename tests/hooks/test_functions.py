"""Functions named in the settings become stages."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from latprobe.config import Settings, StageRule
from latprobe.hooks import functions
from latprobe.testing import MemorySink, capture

SOURCE = """
import functools

def decode(data):
    return len(data)

def resize(size):
    return decode("x" * size) * 2

def _private():
    return 1

@functools.lru_cache
def cached(x):
    return x

class Index:
    def search(self, query):
        return decode(query)
"""


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An importable module of that source, gone afterwards."""
    (tmp_path / "shop_pipeline.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "shop_pipeline"
    sys.modules.pop("shop_pipeline", None)


def settings(*rules: StageRule) -> Settings:
    """Settings with just these rules."""
    return Settings(home=Path("unused"), stages=rules)


def test_named_functions_are_staged_when_their_module_is_imported(pipeline: str) -> None:
    undo = functions.instrument(
        settings(
            StageRule("shop_pipeline:decode", "image.decode", "image"),
            StageRule("shop_*:resize"),
            StageRule("shop_pipeline:Index.search", "retrieve", "retrieval"),
        )
    )
    module = importlib.import_module(pipeline)
    with capture() as sink:
        assert module.resize(3) == 6
        assert module.Index().search("ab") == 2
    undo()
    assert [(span.name, span.modality) for span in sink.spans] == [
        ("image.decode", "image"),
        ("shop_pipeline.resize", None),
        ("image.decode", "image"),
        ("retrieve", "retrieval"),
    ]
    assert sink.spans[0].parent_id == sink.spans[1].span_id


def test_a_module_imported_before_is_staged_too_and_undo_gives_the_originals_back(
    pipeline: str, sink: MemorySink
) -> None:
    module = importlib.import_module(pipeline)
    original = module.decode
    undo = functions.instrument(settings(StageRule("shop_pipeline:*")))
    module.decode("abc")
    assert sink.names() == ["shop_pipeline.decode"]
    undo()
    assert module.decode is original


def test_the_module_keeps_its_own_loader(pipeline: str) -> None:
    undo = functions.instrument(settings(StageRule("shop_pipeline:*")))
    module = importlib.import_module(pipeline)
    undo()
    assert module.__spec__ is not None
    assert type(module.__spec__.loader).__name__ == "SourceFileLoader"
    assert module.__loader__ is module.__spec__.loader


def test_what_is_no_plain_function_is_left_alone(pipeline: str) -> None:
    undo = functions.instrument(settings(StageRule("shop_pipeline:*")))
    module = importlib.import_module(pipeline)
    undo()
    assert module.cached.cache_info().hits == 0


def test_without_rules_nothing_is_hooked() -> None:
    before = list(sys.meta_path)
    functions.instrument(settings())
    assert sys.meta_path == before
