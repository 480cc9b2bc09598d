"""What a vendor's library must be able to do for the collector and for `latprobe doctor`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from latprobe_collectors.gpu.clocks import Clocks


class DeviceGoneError(Exception):
    """The card, or the driver under it, is not there any more."""


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU, or one MIG slice of it. `parent` is the GPU's handle and `gpu_instance` the slice's
    number on it, both None for a GPU. A GPU with slices has no counters of its own processes and
    hardware: they are its slices'."""

    uuid: str
    name: str
    index: int
    handle: Any
    parent: Any = None
    parent_uuid: str | None = None
    gpu_instance: int | None = None
    has_slices: bool = False

    @property
    def is_mig(self) -> bool:
        """Whether it is a slice."""
        return self.parent is not None


@dataclass(frozen=True, slots=True)
class Found:
    """What a library lists: devices, GPUs this user may not read, and what is wrong with others."""

    devices: tuple[Device, ...]
    hidden: int = 0
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quantity:
    """One counter. `read(library, handle)` gives it in the metric's unit, None where it has none.

    It is read every `every_s`. What was read is stored when it changed, or when the last one stored
    is `update_s` old: for a mean over the driver's own period that period, so that an unchanged
    mean is not taken for a missing one; for a state of now a second.
    """

    metric: str
    every_s: float
    update_s: float
    read: Callable[[Any, Any], float | None]


@dataclass(frozen=True, slots=True)
class Window:
    """Means over (end_ns - length_ns, end_ns]."""

    end_ns: int
    length_ns: int
    values: tuple[tuple[str, float], ...]


class Counters(Protocol):
    """Hardware counters that are read in pairs."""

    is_supported: bool

    def read(self) -> tuple[Window, ...]:
        """The windows that became known since the last call, by time."""

    def close(self) -> None:
        """Lets them go."""


class Library(Protocol):
    """One vendor's. Everything but `open` and `close` may raise DeviceGoneError."""

    source: str

    def open(self) -> str | None:
        """Loads and starts it; the reason when it cannot be."""

    def close(self) -> None:
        """Ends it, if it was started."""

    def find(self) -> Found:
        """The devices of now."""

    def driver_version(self) -> str | None:
        """As the driver says it."""

    def describe(self, device: Device) -> str:
        """JSON with what the device is."""

    def quantities(self, device: Device, *, has_counters: bool) -> tuple[Quantity, ...]:
        """What to try on a device, the cheap ones first."""

    def ask(self, quantity: Quantity, device: Device) -> tuple[float | None, bool]:
        """(value, whether to ask again). The value is None where there is none."""

    def counters(self, device: Device, clocks: Clocks) -> Counters | None:
        """Its hardware counters, None where it has none."""

    def process_memory(self, device: Device) -> tuple[Mapping[int, int] | None, bool]:
        """(bytes by process, whether to ask again)."""
