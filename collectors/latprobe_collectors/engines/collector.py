"""The collector of one engine: a page every five seconds, and what grew since the last one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from latprobe_collectors.contract import Collector, Sample
from latprobe_collectors.engines import sglang, tensorflow_serving, tgi, triton, vllm
from latprobe_collectors.engines.endpoint import Endpoint, EngineError, fetch, read_endpoint
from latprobe_collectors.engines.engine import Engine, gauge_values
from latprobe_collectors.engines.growth import Seen, growth_values
from latprobe_collectors.engines.page import names_of, read_page

EVERY_S = 5.0
# Deltas over a longer time are about something else.
LONGEST_INTERVAL_NS = 60_000_000_000
ENGINES = (vllm.ENGINE, sglang.ENGINE, tgi.ENGINE, triton.ENGINE, tensorflow_serving.ENGINE)


def engine_collectors(settings: Mapping[str, str]) -> list[Collector]:
    """One for each engine of the setting, name to URL. Raises EngineError for a wrong one.

    Each asks over the network: they belong in a runner of their own.
    """
    return [EngineCollector(read_endpoint(name, text)) for name, text in settings.items()]


def engine_of(page: str) -> Engine | None:
    """Whose page it is, None for an unknown one."""
    names = names_of(page)
    found = (e for e in ENGINES if any(name.startswith(e.sign) for name in names))
    return next(found, None)


class EngineCollector:
    """engine.* of one engine. The source is the engine's kind, the device each address that it is
    called at: that joins its samples to the calls."""

    every_s = EVERY_S

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        read: Callable[[Endpoint], str] = fetch,
        now_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.name = endpoint.name
        self._endpoint = endpoint
        self._read = read
        self._now_ns = now_ns
        self._monotonic_ns = monotonic_ns
        self._engine: Engine | None = None
        self._last: Seen | None = None

    def collect(self) -> Iterator[Sample]:
        """The figures of now. Raises EngineError when the page cannot be had."""
        text = self._read(self._endpoint)
        now, tick = self._now_ns(), self._monotonic_ns()
        engine = engine_of(text)
        if engine is None:
            raise EngineError(f"{self._endpoint.url} is not the page of an engine that is known")
        if engine is not self._engine:
            self._engine, self._last = engine, None
        seen = Seen(read_page(text, engine.wanted), now, tick)
        values = gauge_values(engine, seen.page)
        if self._last is not None and tick - self._last.monotonic_ns <= LONGEST_INTERVAL_NS:
            values |= growth_values(engine, self._last, seen)
        self._last = seen
        for address in self._endpoint.addresses:
            for metric, value in values.items():
                yield Sample(now, engine.name, metric, value, address)
