"""The card's hardware counters read directly, without latprobe; and a card that is made up, so that
the scripts can be tried where there is none.

    card = Card()
    first = card.sample(); ...; card.values(first, card.sample())
"""

from __future__ import annotations

import math
import threading
import time
from typing import Any, ClassVar, Protocol

METRICS = ("gpu.sm_active_pct", "gpu.tensor_active_pct", "gpu.dram_active_pct")
POWER = "gpu.power_mw"
BUSY_WAITS_S = (0.0005, 0.001, 0.002, 0.005)


class AnyCard(Protocol):
    """What the measurements need of a card."""

    uuid: str
    name: str

    def sample(self, *, with_energy: bool = True) -> Any:
        """The counters now, to be compared with another sample."""

    def values(self, first: Any, second: Any) -> dict[str, float]:
        """Means between two samples; a counter that read nothing is absent."""

    def free(self, sample: Any) -> None:
        """Gives a sample back."""


class Card:
    """The first NVIDIA GPU. A sample is (time ns, GPM sample, energy mJ).

    Threads may share it: NVML (driver 580) dies of a segmentation fault within seconds when two
    threads of a process take GPM samples at once, so one at a time does.
    """

    def __init__(self) -> None:
        import pynvml

        self._nvml = pynvml
        self._gpm = threading.Lock()
        pynvml.nvmlInit()
        self._handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        self.uuid = str(pynvml.nvmlDeviceGetUUID(self._handle))
        self.name = str(pynvml.nvmlDeviceGetName(self._handle))
        self._ids = (
            pynvml.NVML_GPM_METRIC_SM_UTIL,
            pynvml.NVML_GPM_METRIC_ANY_TENSOR_UTIL,
            pynvml.NVML_GPM_METRIC_DRAM_BW_UTIL,
        )

    def sample(self, *, with_energy: bool = True) -> tuple[int, Any, float]:
        """The counters now. Energy takes 4 ms to read."""
        nvml = self._nvml
        energy = (
            float(nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
            if with_energy
            else math.nan
        )
        with self._gpm:
            taken = nvml.nvmlGpmSampleAlloc()
            for wait_s in (*BUSY_WAITS_S, None):
                try:
                    nvml.nvmlGpmSampleGet(self._handle, taken)
                    break
                except nvml.NVMLError_InUse:  # another process reads just now
                    if wait_s is None:
                        raise
                    time.sleep(wait_s)
            return time.time_ns(), taken, energy

    def values(self, first: Any, second: Any) -> dict[str, float]:
        """Means between two samples."""
        nvml = self._nvml
        wanted = nvml.c_nvmlGpmMetricsGet_t()
        wanted.version = nvml.NVML_GPM_METRICS_GET_VERSION
        wanted.numMetrics = len(self._ids)
        wanted.sample1, wanted.sample2 = first[1], second[1]
        for place, number in enumerate(self._ids):
            wanted.metrics[place].metricId = number
        with self._gpm:
            nvml.nvmlGpmMetricsGet(wanted)
        found = {
            metric: float(wanted.metrics[place].value)
            for place, metric in enumerate(METRICS)
            if wanted.metrics[place].nvmlReturn == nvml.NVML_SUCCESS
            and math.isfinite(wanted.metrics[place].value)
        }
        power = (second[2] - first[2]) / max((second[0] - first[0]) / 1e9, 1e-9)
        return found | ({POWER: power} if math.isfinite(power) else {})

    def free(self, sample: tuple[int, Any, float]) -> None:
        """Gives a sample back."""
        with self._gpm:
            self._nvml.nvmlGpmSampleFree(sample[1])


class MadeUpCard:
    """Counters that follow what `active` says is running; figures are made up."""

    uuid, name = "GPU-00000000-made-up", "made-up card"
    LEVELS: ClassVar = {
        "data.decode": (0.0, 0.0, 0.0, 120_000.0),
        "to_gpu": (2.0, 0.0, 3.0, 130_000.0),
        "encode": (88.0, 65.0, 20.0, 600_000.0),
        "scan": (90.0, 0.0, 80.0, 450_000.0),
        "decode_loop": (20.0, 2.0, 1.0, 160_000.0),
        "embed": (40.0, 20.0, 5.0, 250_000.0),
        "": (0.0, 0.0, 0.0, 110_000.0),
    }

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since_ns = time.time_ns()
        self._name = ""
        self._sums = [0.0] * 4

    def active(self, name: str) -> None:
        """From now on this stage runs; "" for none."""
        with self._lock:
            self._add()
            self._name = name

    def sample(self, *, with_energy: bool = True) -> tuple[int, list[float], float]:
        """The counters now."""
        with self._lock:
            self._add()
            return self._since_ns, list(self._sums), self._sums[3]

    def values(self, first: Any, second: Any) -> dict[str, float]:
        """Means between two samples."""
        elapsed = max(second[0] - first[0], 1)
        means = [(b - a) / elapsed for a, b in zip(first[1], second[1], strict=True)]
        return dict(zip((*METRICS, POWER), means, strict=True))

    def free(self, sample: Any) -> None:
        """Nothing is held."""

    def _add(self) -> None:
        now = time.time_ns()
        for place, level in enumerate(self.LEVELS[self._name]):
            self._sums[place] += level * (now - self._since_ns)
        self._since_ns = now
