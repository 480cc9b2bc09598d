"""torch.cuda as event pairs need it: the cheapest call for each thing, none that waits.

`torch.cuda.Event.record` makes a Stream object each time and memory_allocated takes 71 us, so the
functions under them are called where this torch has them.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple


class Stream(NamedTuple):
    """A CUDA stream and the device it is on."""

    device: int
    handle: Any


class Cuda:
    """The initialised CUDA of this process. Every method may raise what torch raises."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        low = torch._C
        event = torch.cuda.Event
        self._event = event
        self.query = event.__base__.query  # of an event: whether all before it is done
        self._record = event.__base__.record
        self._elapsed_ms = event.__base__.elapsed_time
        self._current_stream = low._cuda_getCurrentStream
        self._current_device = low._cuda_getDevice
        self._has_context = getattr(low, "_cuda_hasPrimaryContext", lambda device: True)
        self._capturing = getattr(low, "_cuda_isCurrentStreamCapturing", bool)
        self._memory_stats = getattr(low, "_cuda_memoryStats", None)
        self._streams: dict[tuple[int, int, int], Stream] = {}
        self._with_context: set[int] = set()
        self._names: dict[int, str | None] = {}

    def stream(self) -> Stream | None:
        """The current stream of the current device; None where recording into it would be the
        first thing ever done on that device, which would take memory there."""
        device = self._current_device()
        if device not in self._with_context:
            if not self._has_context(device):
                return None
            self._with_context.add(device)
        key = self._current_stream(device)
        found = self._streams.get(key)
        if found is None:
            found = Stream(device, self._torch.cuda.current_stream(device))
            self._streams[key] = found
        return found

    def new_event(self) -> Any:
        """An event that keeps its time."""
        return self._event(enable_timing=True)

    def record(self, event: Any, stream: Stream) -> None:
        """Puts the event at the end of what the stream has to do."""
        self._record(event, stream.handle)

    def elapsed_ns(self, first: Any, second: Any) -> int:
        """From one event that is done to another."""
        return round(float(self._elapsed_ms(first, second)) * 1e6)

    def is_capturing(self) -> bool:
        """Whether this thread's current stream records a CUDA graph instead of running."""
        return bool(self._capturing())

    def allocated(self, device: int) -> tuple[int, int] | None:
        """The allocator's bytes in use and their highest value so far; None if it does not say.

        Tens of microseconds: not for every stage.
        """
        if self._memory_stats is None:
            return None
        found = self._memory_stats(device).get("allocated_bytes", {}).get("all")
        return None if found is None else (int(found["current"]), int(found["peak"]))

    def device_name(self, device: int) -> str | None:
        """The device as the driver's tools call it, "GPU-<uuid>"; None where torch does not say."""
        if device not in self._names:
            uuid = getattr(self._torch.cuda.get_device_properties(device), "uuid", None)
            is_part = os.environ.get("CUDA_VISIBLE_DEVICES", "").startswith("MIG-")
            kind = "MIG" if is_part else "GPU"
            self._names[device] = None if uuid is None else f"{kind}-{uuid}"
        return self._names[device]

    def compilations(self) -> int:
        """How many frames torch.compile has compiled so far, 0 if it is not in use."""
        dynamo = sys.modules.get("torch._dynamo.utils")
        if dynamo is None:
            return 0
        frames = getattr(dynamo, "counters", {}).get("frames")
        return frames.get("total", 0) if frames else 0
