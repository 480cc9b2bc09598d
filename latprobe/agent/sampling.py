"""What the agent measures while a process records: host, GPUs, serving engines."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import duckdb

from latprobe.config import load_settings
from latprobe.errors import LatprobeError, StoreError
from latprobe_collectors.contract import Collector, Sample
from latprobe_collectors.gpu.present import gpu_collectors
from latprobe_collectors.host import host_collectors
from latprobe_collectors.runner import CollectorRunner

if TYPE_CHECKING:
    from latprobe.store.owner import StoreOwner

log = logging.getLogger("latprobe.agent")

MANY_PIDS = 1000


class Sampling:
    """The collectors and their threads. Engines have a thread of their own: one that is slow to
    answer delays no GPU reading."""

    def __init__(self, owner: StoreOwner) -> None:
        self._owner = owner
        self._pids: dict[int, int | None] = {}
        self._runs: dict[int, int] = {}
        here = [*host_collectors(self._recording), *gpu_collectors(self._recording, self._remember)]
        self._runners = [self._runner(here, "latprobe-collect")]
        engines = self._engines()
        if engines:
            self._runners.append(self._runner(engines, "latprobe-engines"))

    def see(self) -> None:
        """Looks which processes record. Called by the agent's loop: a collector that asked the
        owner itself would wait for whatever transaction is under way."""
        self._pids = self._owner.pids()
        if len(self._runs) > MANY_PIDS:
            self._runs = {}
        # Kept beyond a process's end: its last samples are stored a little later.
        self._runs |= {pid: run for pid, run in self._pids.items() if run is not None}

    def start(self) -> None:
        """Begins to measure."""
        for runner in self._runners:
            runner.start()

    def hand_over(self) -> None:
        """Stores what was measured so far; any thread."""
        for runner in self._runners:
            runner.hand_over()

    def stop(self) -> None:
        """Returns when what was measured is stored."""
        for runner in self._runners:
            runner.stop()

    def _runner(self, collectors: list[Collector], name: str) -> CollectorRunner:
        return CollectorRunner(
            collectors, self._keep, is_wanted=lambda: bool(self._pids), name=name
        )

    def _recording(self) -> dict[int, int | None]:
        return self._pids

    def _engines(self) -> list[Collector]:
        try:
            engines = load_settings(home=str(self._owner.home)).engines
        except LatprobeError as error:
            return self._without_engines(str(error))
        if not engines:
            return []  # spares the agent the import of an HTTP client
        from latprobe_collectors.engines.collector import engine_collectors
        from latprobe_collectors.engines.endpoint import EngineError

        try:
            return engine_collectors(engines)
        except EngineError as error:
            return self._without_engines(str(error))

    def _without_engines(self, reason: str) -> list[Collector]:
        text = f"Serving engines are not read: {reason}"
        log.warning("%s", text)
        self._owner.notes.append(text)
        return []

    def _keep(self, samples: list[Sample]) -> None:
        runs = self._runs
        rows = [
            (s.time_ns, s.source, s.device, s.pid, runs.get(s.pid or 0), s.metric, s.value)
            for s in samples
        ]
        try:
            self._owner.insert_samples(rows)
        except (StoreError, duckdb.Error) as error:
            self._owner.note_failure(f"Samples cannot be stored: {error}")

    def _remember(self, key: str, value: str) -> None:
        try:
            self._owner.remember(key, value)
        except StoreError as error:
            self._owner.note_failure(f"What is known of a GPU cannot be stored: {error}")
