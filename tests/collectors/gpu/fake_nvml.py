"""A stand-in for the module pynvml that replays readings recorded on an H200."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from latprobe_collectors.gpu.clocks import Clocks

RECORDED = Path(__file__).with_name("recorded_h200.json")
START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
H200 = "GPU-4d6f"
GIB = 1 << 30
STEP_NS = 100_020_000


class NVMLError(Exception):
    """As pynvml's: `value` is the number."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return {15: "GPU is lost", 9: "Driver Not Loaded", 4: "Insufficient Permissions"}.get(
            self.value, f"error {self.value}"
        )


class FakeTime:
    """Clocks that move when a test says so. `cpu_ns` moves with every call of the library."""

    def __init__(self) -> None:
        self.wall_ns = START_NS
        self.monotonic_ns = 5_000 * MS
        self.cpu_ns = 0

    def clocks(self) -> Clocks:
        return Clocks(lambda: self.wall_ns, lambda: self.monotonic_ns, lambda: self.cpu_ns)

    def pass_ms(self, ms: float) -> None:
        self.wall_ns += int(ms * MS)
        self.monotonic_ns += int(ms * MS)

    @property
    def since_ns(self) -> int:
        return self.wall_ns - START_NS


@dataclass
class Sample:
    """What nvmlGpmSampleAlloc gives."""

    taken_ns: int = -1
    device: str = ""
    is_freed: bool = False


@dataclass
class Card:
    """One GPU or slice. `fails` are error numbers by the function's name, "*" for all."""

    uuid: str = H200
    name: str = "NVIDIA H200"
    fails: dict[str, int] = field(default_factory=dict)
    slices: list[Card] = field(default_factory=list)
    parent: Card | None = None
    instance: int = 0
    has_gpm: bool = True
    processes: list[Any] = field(default_factory=list)
    readings: dict[str, float] = field(default_factory=dict)


class FakeNvml:
    """Function names and constants as in pynvml.

    Hardware counters move on every `step_ns` from `step_at_ns`, as an H200's do; all the time if
    `step_ns` is 1.
    """

    NVMLError = NVMLError
    NVML_SUCCESS = 0
    NVML_FI_DEV_POWER_INSTANT = 186
    NVML_CLOCK_SM = 1
    NVML_CLOCK_MEM = 2
    NVML_TEMPERATURE_GPU = 0
    NVML_PCIE_UTIL_TX_BYTES = 0
    NVML_PCIE_UTIL_RX_BYTES = 1
    NVML_GPM_METRICS_GET_VERSION = 1

    def __init__(self, time: FakeTime, cards: list[Card]) -> None:
        self.time = time
        self.cards = cards
        self.init_error: int | None = None
        self.is_up = False
        self.calls: list[str] = []
        self.step_ns = STEP_NS
        self.step_at_ns = 37 * MS
        self.gpm_value: Callable[[int, Sample, Sample], float] = lambda metric, a, b: float(metric)
        self._recorded = {
            metric: ([at for at, _ in rows], [value for _, value in rows])
            for metric, rows in json.loads(RECORDED.read_text())["readings"].items()
        }

    def count(self, name: str) -> int:
        return self.calls.count(name)

    def nvmlInit(self) -> None:  # noqa: N802
        self.calls.append("nvmlInit")
        if self.init_error is not None:
            raise NVMLError(self.init_error)
        self.is_up = True

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.calls.append("nvmlShutdown")
        if not self.is_up:
            raise NVMLError(1)
        self.is_up = False

    def nvmlSystemGetDriverVersion(self) -> bytes:  # noqa: N802
        return b"580.159.04"

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        self._enter("nvmlDeviceGetCount", None)
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:  # noqa: N802
        self._enter("nvmlDeviceGetHandleByIndex", self.cards[index])
        return self.cards[index]

    def nvmlDeviceGetUUID(self, card: Card) -> str:  # noqa: N802
        self._enter("nvmlDeviceGetUUID", card)
        return card.uuid

    def nvmlDeviceGetName(self, card: Card) -> bytes:  # noqa: N802
        self._enter("nvmlDeviceGetName", card)
        return card.name.encode()

    def nvmlDeviceGetMigMode(self, card: Card) -> list[int]:  # noqa: N802
        self._enter("nvmlDeviceGetMigMode", card)
        return [int(bool(card.slices))] * 2

    def nvmlDeviceGetMaxMigDeviceCount(self, card: Card) -> int:  # noqa: N802
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: Card, place: int) -> Card:  # noqa: N802
        if place >= len(card.slices):
            raise NVMLError(6)
        return card.slices[place]

    def nvmlDeviceGetGpuInstanceId(self, card: Card) -> int:  # noqa: N802
        return card.instance

    def nvmlDeviceGetUtilizationRates(self, card: Card) -> Any:  # noqa: N802
        self._enter("nvmlDeviceGetUtilizationRates", card)
        return SimpleNamespace(
            gpu=self._now(card, "gpu.utilization_pct"),
            memory=self._now(card, "gpu.memory_utilization_pct"),
        )

    def nvmlDeviceGetMemoryInfo(self, card: Card) -> Any:  # noqa: N802
        self._enter("nvmlDeviceGetMemoryInfo", card)
        return SimpleNamespace(used=self._now(card, "gpu.memory_used_bytes"), total=140 * GIB)

    def nvmlDeviceGetFieldValues(self, card: Card, fields: list[int]) -> list[Any]:  # noqa: N802
        self._enter("nvmlDeviceGetFieldValues", card)
        value = SimpleNamespace(uiVal=self._now(card, "gpu.power_mw"))
        return [SimpleNamespace(nvmlReturn=0, value=value) for _ in fields]

    def nvmlDeviceGetPowerUsage(self, card: Card) -> float:  # noqa: N802
        self._enter("nvmlDeviceGetPowerUsage", card)
        return self._now(card, "gpu.power_mw")

    def nvmlDeviceGetEnforcedPowerLimit(self, card: Card) -> int:  # noqa: N802
        self._enter("nvmlDeviceGetEnforcedPowerLimit", card)
        return 700_000

    def nvmlDeviceGetTotalEnergyConsumption(self, card: Card) -> float:  # noqa: N802
        self._enter("nvmlDeviceGetTotalEnergyConsumption", card)
        return self._now(card, "gpu.energy_mj")

    def nvmlDeviceGetClockInfo(self, card: Card, kind: int) -> float:  # noqa: N802
        self._enter("nvmlDeviceGetClockInfo", card)
        return self._now(card, "gpu.sm_clock_mhz") if kind == self.NVML_CLOCK_SM else 3201.0

    def nvmlDeviceGetTemperature(self, card: Card, sensor: int) -> int:  # noqa: N802
        self._enter("nvmlDeviceGetTemperature", card)
        return 31

    def nvmlDeviceGetCurrentClocksEventReasons(self, card: Card) -> int:  # noqa: N802
        self._enter("nvmlDeviceGetCurrentClocksEventReasons", card)
        return 4

    def nvmlDeviceGetPcieThroughput(self, card: Card, counter: int) -> int:  # noqa: N802
        self._enter("nvmlDeviceGetPcieThroughput", card)
        return 1500

    def nvmlDeviceGetComputeRunningProcesses(self, card: Card) -> list[Any]:  # noqa: N802
        self._enter("nvmlDeviceGetComputeRunningProcesses", card)
        return card.processes

    def nvmlGpmQueryDeviceSupport(self, card: Card) -> Any:  # noqa: N802
        self._enter("nvmlGpmQueryDeviceSupport", card)
        return SimpleNamespace(isSupportedDevice=int(card.has_gpm))

    def nvmlGpmSampleAlloc(self) -> Sample:  # noqa: N802
        return Sample()

    def nvmlGpmSampleFree(self, sample: Sample) -> None:  # noqa: N802
        assert not sample.is_freed
        sample.is_freed = True

    def nvmlGpmSampleGet(self, card: Card, sample: Sample) -> Sample:  # noqa: N802
        self._enter("nvmlGpmSampleGet", card)
        assert not sample.is_freed
        sample.taken_ns, sample.device = self.last_step_ns(), card.uuid
        return sample

    def last_step_ns(self) -> int:
        """When the counters last moved on."""
        since = self.time.monotonic_ns - self.step_at_ns
        return self.step_at_ns + since // self.step_ns * self.step_ns

    def nvmlGpmMigSampleGet(self, card: Card, instance: int, sample: Sample) -> Sample:  # noqa: N802
        self._enter("nvmlGpmMigSampleGet", card)
        sample.taken_ns, sample.device = self.last_step_ns(), f"{card.uuid}/{instance}"
        return sample

    def c_nvmlGpmMetricsGet_t(self) -> Any:  # noqa: N802
        metrics = [SimpleNamespace(metricId=0, nvmlReturn=0, value=0.0) for _ in range(8)]
        return SimpleNamespace(version=0, numMetrics=0, sample1=None, sample2=None, metrics=metrics)

    def nvmlGpmMetricsGet(self, wanted: Any) -> Any:  # noqa: N802
        for card in self.cards:
            if card.uuid == wanted.sample1.device and "nvmlGpmMetricsGet" in card.fails:
                raise NVMLError(card.fails["nvmlGpmMetricsGet"])
        assert wanted.sample1.device == wanted.sample2.device
        assert 0 <= wanted.sample1.taken_ns <= wanted.sample2.taken_ns
        is_same = wanted.sample1.taken_ns == wanted.sample2.taken_ns
        for metric in wanted.metrics[: wanted.numMetrics]:
            found = self.gpm_value(metric.metricId, wanted.sample1, wanted.sample2)
            metric.value = 0.0 if is_same else found
        return wanted

    def _enter(self, name: str, card: Card | None) -> None:
        self.calls.append(name)
        self.time.cpu_ns += 1_000
        if not self.is_up:
            raise NVMLError(1)
        if card is not None:
            number = card.fails.get(name, card.fails.get("*"))
            if number is not None:
                raise NVMLError(number)

    def _now(self, card: Card, metric: str) -> float:
        if metric in card.readings:
            return card.readings[metric]
        times, values = self._recorded[metric]
        return float(values[max(bisect_right(times, self.time.since_ns) - 1, 0)])
