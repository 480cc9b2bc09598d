"""Engines' samples joined to the calls that hit them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from latprobe.analysis.engines import EngineStage, address_of, engine_stages
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.store.owner import StoreOwner
from tests.journal.building import SegmentBuilder

SECOND = 1_000_000_000
MODEL = "meta-llama/Llama-3.1-8B-Instruct"


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[StoreOwner]:
    """Calls of 2 s: two to the engine at :8000 while 4 and 0 wait, one to :9000, one elsewhere."""
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj")
    chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": MODEL}
    here = {**chat, "server.address": "localhost", "server.port": 8000}
    build.span("chat", trace=1, span=1, start=0, duration=2 * SECOND, details=here)
    inner = {"server.address": "localhost", "server.port": 8000}
    build.span("POST", trace=1, span=2, parent=1, start=0, duration=SECOND, details=inner)
    build.span("chat", trace=2, span=3, start=5 * SECOND, duration=2 * SECOND, details=here)
    other = {**chat, "server.address": "127.0.0.1", "server.port": 9000}
    build.span("rank", trace=3, span=4, start=0, duration=2 * SECOND, details=other)
    away = {**chat, "server.address": "api.openai.com"}
    build.span("ask", trace=4, span=5, start=0, duration=2 * SECOND, details=away)
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        yield owner


def fill(owner: StoreOwner, *rows: tuple[str, float, str, float]) -> None:
    """(device, seconds after the first span's start, metric, value)."""
    first = owner.query("SELECT min(start_ns) AS at FROM spans").column("at")[0].as_py()
    owner.insert_samples(
        [
            (first + int(at * SECOND), "vllm", device, None, None, metric, value)
            for device, at, metric, value in rows
        ]
    )


def test_a_stages_calls_have_the_queue_of_their_time(owner: StoreOwner) -> None:
    engine = "127.0.0.1:8000"
    depth = [(engine, at, "engine.queue_depth", v) for at, v in ((-4, 9.0), (1, 4.0), (6, 0.0))]
    queued = [(engine, at, "engine.queue_ns_mean", v) for at, v in ((1, 2e6), (6, 1e6))]
    fill(owner, *depth, *queued, (engine, 11, "engine.queue_depth", 2.0))

    # By hand: the first call is 1 s at depth 4 and 1 s at depth 0, the second the same at 0 and 2.
    assert engine_stages(owner.query, EVERYTHING) == (
        EngineStage(
            engine="vllm",
            address=engine,
            stage="chat",
            model=MODEL,
            calls=2,
            seen=2,
            means={"engine.queue_depth": 1.5, "engine.queue_ns_mean": 1.25e6},
            queue_depth_max=4.0,
        ),
    )


def test_each_engine_has_its_own_calls_and_a_call_elsewhere_has_none(owner: StoreOwner) -> None:
    for device in ("127.0.0.1:8000", "localhost:9000"):
        fill(owner, *((device, at, "engine.running", 3.0) for at in (-4, 1, 6)))
    found = engine_stages(owner.query, EVERYTHING)
    assert [(row.address, row.stage, row.calls, row.seen) for row in found] == [
        ("127.0.0.1:8000", "chat", 2, 2),
        ("127.0.0.1:9000", "rank", 1, 1),
    ]


def test_calls_while_the_engine_was_not_read_have_no_figures(owner: StoreOwner) -> None:
    fill(owner, *(("127.0.0.1:8000", at, "engine.queue_depth", 1.0) for at in (-20, -15, 25)))
    [row] = engine_stages(owner.query, EVERYTHING)
    assert (row.calls, row.seen, row.means, row.queue_depth_max) == (2, 0, {}, None)


def test_without_samples_or_calls_there_is_nothing(owner: StoreOwner) -> None:
    assert engine_stages(owner.query, EVERYTHING) == ()
    fill(owner, ("127.0.0.1:8000", 1, "engine.queue_depth", 1.0))
    assert engine_stages(owner.query, Scope(stage="no such stage")) == ()


@pytest.mark.parametrize(
    ("host", "port", "found"),
    [
        ("localhost", 8000, ("127.0.0.1:8000",)),
        ("127.0.1.1", 8000, ("127.0.0.1:8000",)),
        ("[::1]", 8000, ("127.0.0.1:8000",)),
        ("GPU-host", 8000, ("gpu-host:8000",)),
        ("gpu", None, ("gpu:80", "gpu:443")),
    ],
)
def test_names_of_this_machine_are_one(host: str, port: int | None, found: tuple[str, ...]) -> None:
    assert address_of(host, port) == found
