"""Calls into a library as stages: what all hooks on functions have in common."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import latprobe
from latprobe import guard, hooks
from latprobe.config import Settings
from latprobe.hooks.calls import Args, Kwargs, Site, stage_calls
from latprobe.recorder import Stage, make_stage
from latprobe.testing import MemorySink
from tests.hooks.needing import needs

SOURCE = '''
def peel(fruit, *, thin=True):
    """Peels."""
    return f"peeled {fruit}"
def cook(fruit):
    return peel(fruit) + ", cooked"
def burn(fruit):
    raise RuntimeError("burnt")
async def wait(fruit):
    return fruit
class Basket:
    def __init__(self, left):
        self.left = left
    def __iter__(self):
        return self
    def __next__(self):
        if not self.left:
            raise StopIteration
        self.left -= 1
        return self.left
'''


def begin(args: Args, kwargs: Kwargs) -> Stage:
    return make_stage("kitchen", "tool", {"arguments": len(args)})


def begin_cook(args: Args, kwargs: Kwargs) -> Stage:
    return make_stage("cook", None, {})


def end(stage: Stage, args: Args, kwargs: Kwargs, result: Any) -> None:
    stage.set(result=result)


def note_inside(outer: Stage, duration_ns: int) -> None:
    outer.set(inside=duration_ns >= 0)


SITES = (
    Site("kitchen", "peel", begin, end, time_inside=note_inside),
    Site("kitchen", "cook", begin_cook),
    Site("kitchen", "burn", begin),
    Site("kitchen", "wait", begin, end, is_async=True),
    Site("kitchen", "Basket.__next__", begin, end),
    Site("kitchen", "not_in_this_version", begin),
    Site("kitchen", "Nor.this", begin),
)


@pytest.fixture
def kitchen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A library of which five functions are hooked while it is imported."""
    (tmp_path / "kitchen.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "kitchen", raising=False)
    undo = stage_calls("hook", SITES)
    import kitchen  # type: ignore[import-not-found]

    yield kitchen
    undo()
    monkeypatch.delitem(sys.modules, "kitchen")


def test_a_call_is_a_stage_and_its_result_passes_through(kitchen: Any, sink: MemorySink) -> None:
    assert kitchen.peel("pear") == "peeled pear"
    span = sink.named("kitchen")
    assert (span.modality, span.scope, span.attributes) == (
        "tool",
        "hook",
        {"arguments": 1, "result": "peeled pear"},
    )


def test_a_call_inside_another_into_the_library_is_part_of_it(
    kitchen: Any, sink: MemorySink
) -> None:
    assert kitchen.cook("pear") == "peeled pear, cooked"
    assert [(span.name, span.attributes) for span in sink.spans] == [("cook", {"inside": True})]


def test_a_stage_of_the_same_name_is_the_callers(kitchen: Any, sink: MemorySink) -> None:
    with latprobe.stage("kitchen", modality="text"):
        kitchen.peel("pear")
    with latprobe.stage("dinner"):
        kitchen.peel("pear")
    assert sink.names() == ["kitchen", "kitchen", "dinner"]
    assert [span.scope for span in sink.spans] == [None, "hook", None]


def test_an_error_is_recorded_and_raised_again(kitchen: Any, sink: MemorySink) -> None:
    with pytest.raises(RuntimeError, match="burnt"):
        kitchen.burn("pear")
    span = sink.named("kitchen")
    assert (span.status, span.attributes) == (
        "error",
        {"arguments": 1, "error.type": "RuntimeError"},
    )


def test_a_wrong_call_fails_as_it_would_have(kitchen: Any, sink: MemorySink) -> None:
    with pytest.raises(TypeError, match=r"peel\(\) got an unexpected keyword argument 'thick'"):
        kitchen.peel("pear", thick=True)
    assert sink.named("kitchen").status == "error"


def test_the_end_of_an_iterator_is_no_call(kitchen: Any, sink: MemorySink) -> None:
    with latprobe.stage("dinner"):
        assert list(kitchen.Basket(2)) == [1, 0]
        with latprobe.stage("after"):
            pass
    assert sink.names() == ["kitchen", "kitchen", "after", "dinner"]
    assert sink.named("after").parent_id == sink.named("dinner").span_id


def test_a_part_is_no_request_of_its_own(kitchen: Any, sink: MemorySink) -> None:
    kitchen.slice = lambda fruit: fruit
    undo = stage_calls("hook", [Site("kitchen", "slice", begin, is_part=True)])
    kitchen.slice("pear")
    assert sink.names() == []
    with latprobe.stage("dinner"):
        kitchen.slice("pear")
    remote = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with latprobe.extract(remote):
        kitchen.slice("pear")
    undo()
    assert sink.names() == ["kitchen", "dinner", "kitchen"]


def test_a_coroutine_stays_one(kitchen: Any, sink: MemorySink) -> None:
    assert inspect.iscoroutinefunction(kitchen.wait)
    assert asyncio.run(kitchen.wait("pear")) == "pear"
    assert sink.named("kitchen").attributes == {"arguments": 1, "result": "pear"}


def test_name_signature_and_pickling_stay(kitchen: Any) -> None:
    assert str(inspect.signature(kitchen.peel)) == "(fruit, *, thin=True)"
    assert (kitchen.peel.__name__, kitchen.peel.__doc__) == ("peel", "Peels.")
    assert pickle.loads(pickle.dumps(kitchen.peel)) is kitchen.peel


def test_while_nothing_records_a_call_is_only_a_call(kitchen: Any) -> None:
    assert kitchen.cook("pear") == "peeled pear, cooked"


def test_a_fault_of_the_hook_costs_the_stage_and_not_the_call(
    kitchen: Any, sink: MemorySink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(args: Args, kwargs: Kwargs) -> Stage:
        raise ValueError("a library's object that cannot be read")

    monkeypatch.setattr(guard, "_strict", False)
    monkeypatch.setattr(guard, "faults", {"broken hook": 1})  # said before: nothing on stderr
    undo = stage_calls("broken hook", [Site("kitchen", "cook.inner", broken)])
    undo()
    kitchen.cook = lambda fruit: fruit
    undo = stage_calls("broken hook", [Site("kitchen", "cook", broken)])
    assert kitchen.cook("pear") == "pear"
    undo()
    assert (sink.names(), guard.faults) == ([], {"broken hook": 2})


def test_undo_puts_every_name_of_the_original_back(
    sink: MemorySink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "plate").mkdir()
    (tmp_path / "plate" / "__init__.py").write_text("from plate.api import serve")
    (tmp_path / "plate" / "api.py").write_text("def serve(): pass")
    monkeypatch.syspath_prepend(str(tmp_path))
    undo = stage_calls("hook", [Site(module, "serve", begin) for module in ("plate.api", "plate")])
    import plate  # type: ignore[import-not-found]

    hooked = plate.serve
    hooked()
    undo()
    assert plate.api.serve is plate.serve is hooked.__wrapped__
    assert sink.names() == ["kitchen"]
    del sys.modules["plate"], sys.modules["plate.api"]


def test_a_hook_switched_on_twice_records_once(kitchen: Any, sink: MemorySink) -> None:
    once = kitchen.peel
    undo = stage_calls("hook", SITES)
    kitchen.peel("pear")
    undo()
    assert kitchen.peel is once
    assert sink.names() == ["kitchen"]


def test_the_settings_patterns_speak_of_library_hooks_only() -> None:
    def on(**settings: Any) -> list[str]:
        names = ("functions", "opencv", "pillow", "threads")
        return [n for n in names if hooks.is_wanted(n, Settings(home=Path("unused"), **settings))]

    assert on() == ["functions", "opencv", "pillow", "threads"]
    assert on(skip_instrument=("open*", "threads")) == ["functions", "pillow", "threads"]
    assert on(instrument=("openai", "pillow")) == ["functions", "pillow", "threads"]


def test_every_hook_switches_on_and_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "hook_names", lambda: ["calls_are_no_hook", *HOOKS])
    monkeypatch.setattr(guard, "_strict", False)
    monkeypatch.setattr(guard, "faults", {"hook calls_are_no_hook": 1})
    switched = hooks.switch_on(Settings(home=Path("unused")))
    for hooked in reversed(switched):
        hooked.undo()
    assert [hooked.name for hooked in switched] == HOOKS


HOOKS = sorted(set(hooks.hook_names()) - set(hooks._ALWAYS_ON))


def test_a_program_that_torch_compiles_sees_the_original(sink: MemorySink, kitchen: Any) -> None:
    torch = needs("torch")
    seen = []

    def backend(graph: Any, examples: Any) -> Any:
        seen.append(len(list(graph.graph.nodes)))
        return graph.forward

    kitchen.double = lambda tensor: tensor * 2
    undo = stage_calls("hook", [Site("kitchen", "double", begin)])
    compiled = torch.compile(lambda t: kitchen.double(t) + 1, backend=backend, fullgraph=True)
    assert compiled(torch.ones(2)).tolist() == [3.0, 3.0]
    undo()
    assert (len(seen), sink.names()) == (1, [])
