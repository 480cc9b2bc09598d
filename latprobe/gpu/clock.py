"""A device's event times on the host's timeline, without ever waiting for the device.

An event happens no earlier than the host recorded it, and right then where the stream was idle. So
of all events the one that seems to come earliest after its recording shows how far the two clocks
are apart; CUDA tells times between two events only, as a 32-bit float of milliseconds, so the
reference event is a recent one.
"""

from __future__ import annotations

from typing import Any

from latprobe.gpu.cuda import Cuda

# At 5 s that float is good to half a microsecond.
REFERENCE_NS = 5_000_000_000
# Clocks of host and device were seen to part by some us a second; without an idle moment to compare
# them at, the older comparison may be off by this.
DRIFT_PPM = 20


class DeviceClock:
    """One device's. Not for several threads at once."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self.reference: Any = None
        self._reference_ns = 0
        # The best comparison since `_reference` became it: host time minus time by reference.
        self._earliest_ns: int | None = None

    def host_ns(self, event: Any, recorded_ns: int) -> int:
        """When the event happened, on the host's monotonic clock.

        The event must be done; `recorded_ns` is just before the host recorded it. Afterwards it may
        be `reference`, and must then be left as it is.
        """
        if self.reference is None:
            self.reference, self._reference_ns = event, recorded_ns
            return recorded_ns
        since_ns = self._cuda.elapsed_ns(self.reference, event)
        ahead_ns = recorded_ns - (self._reference_ns + since_ns)
        if self._earliest_ns is None or ahead_ns > self._earliest_ns:
            self._earliest_ns = ahead_ns
        if ahead_ns > 0:
            self._reference_ns += ahead_ns
            self._earliest_ns = 0
        happened_ns = self._reference_ns + since_ns
        if since_ns >= REFERENCE_NS:
            self._renew(event, since_ns)
            happened_ns = self._reference_ns
        return happened_ns

    def _renew(self, event: Any, since_ns: int) -> None:
        """`event` is the reference from now on. Where the stream was idle meanwhile, the time seen
        then holds; else the old one less what the clocks may have parted."""
        back_ns = min(-(self._earliest_ns or 0), since_ns * DRIFT_PPM // 1_000_000)
        self.reference, self._reference_ns = event, self._reference_ns + since_ns - back_ns
        self._earliest_ns = None
