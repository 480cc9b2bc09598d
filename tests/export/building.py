"""A small store for the exports: one process, a request with a model call in it, and a root."""

from __future__ import annotations

from pathlib import Path

from latprobe.journal import segment as fmt
from latprobe.store.owner import StoreOwner
from tests.journal.building import MONOTONIC_NS, WALL_NS, SegmentBuilder

TRACE = 0xABC
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "m-1",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.cache_read.input_tokens": 40,
    "gen_ai.input.messages": '[{"role":"user"}]',
    "input.value": "private",
}
EVENTS = [("exception", 5_000, {"exception.type": "ValueError"})]
LINKS = [(0, 0xDEF, 9, {"why": "retry"})]
EXTRA = {"status_message": "it broke", "tracestate": "a=b"}


def fill(home: Path) -> None:
    """Writes the segment and takes it in."""
    build = SegmentBuilder(
        home / "journal" / "a.lpj",
        run={"service": "shop", "version": "7", "host": "box", "latprobe": "0.1.0"},
    )
    client_error = 2 | fmt.Flag.STATUS_ERROR
    build.span("ask", trace=TRACE, span=1, duration=9_000_000, cpu_us=250)
    build.span(
        "chat m-1", trace=TRACE, span=2, parent=1, start=MONOTONIC_NS + 1_000_000,
        duration=8_000_000, flags=client_error, details=(CALL, EVENTS, LINKS, EXTRA),
    )  # fmt: skip
    build.span(
        "decode", trace=TRACE, span=3, parent=1, start=MONOTONIC_NS + 2_000_000,
        duration=7_500_000, modality="image",
        details={"model": "m-2", "input_tokens": 5, "sizes": [1, 2.5, None], "is": True, "o": {}},
    )  # fmt: skip
    build.close()
    with StoreOwner(home) as owner:
        owner.ingest_pending()
        owner.insert_samples(
            [
                (WALL_NS + 1_000_000, "gpu", "0", None, None, "gpu.power_mw", 90_000.0),
                (WALL_NS + 2_000_000, "process", None, 4242, 1, "process.cpu_pct", 50.0),
            ]
        )
