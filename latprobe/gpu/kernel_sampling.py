"""Kernel truth on demand: some requests run under torch.profiler, their trace goes to the store.

The request's root stage must begin and end on one thread, and the profiler must be free: it serves
one at a time, and the user's own comes first. The agent reads the trace
(latprobe.store.kernel_profiles). Everything that profiling takes is noted as its cost.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from latprobe import guard
from latprobe.clock import monotonic_ns
from latprobe.gpu.run_notes import Late
from latprobe.gpu.stages import is_of_torch
from latprobe.hooks import Undo
from latprobe.ids import HALVES, trace_number
from latprobe.recorder import Stage

# The name of an instant in the trace: the monotonic time at which it was made follows. The agent
# sees from it how the trace's times and the spans' are apart.
INSTANT = "latprobe.monotonic_ns="
# Marks our own profiler objects.
OURS = "_latprobe"
# Traces in the folder that the agent has not read: beyond it (no agent) nothing is recorded.
MAX_WAITING = 50


class KernelSampler:
    """Profiles one request in `every`. `skip` requests come before the next one.

    `skipped` counts requests whose turn it was while the profiler was taken.
    """

    def __init__(
        self, torch: Any, folder: Path, add_late: Callable[[Late], None], *, every: int
    ) -> None:
        self.every = every
        self.skip = every - 1
        self.skipped = 0
        self.profiled = 0
        self._torch = torch
        self._folder = folder
        self._add_late = add_late
        self._lock = threading.Lock()
        self._profile: Any = None
        self._thread = 0
        self.root: Stage | None = None
        self._cost_ns = 0
        self._users = 0  # profiles of the program's own, from their preparation to their end

    def begin(self) -> None:
        """Starts the profiler, if it is free; the caller enters a root stage next."""
        self.skip = self.every - 1
        if not self._lock.acquire(blocking=False):
            self.skipped += 1
            return
        try:
            if self._profile is not None or self._is_taken() or self._is_full():
                self.skipped += 1
                return
            start_ns = monotonic_ns()
            self._profile = self._started()
            self._thread, self.root = threading.get_ident(), None
            self._mark_instant()
            self._cost_ns = monotonic_ns() - start_ns
        except Exception as fault:
            self._failed(fault)
        finally:
            self._lock.release()

    def entered(self, root: Stage) -> None:
        """The first root stage on the profiled thread is the request."""
        if self._profile is not None and self.root is None and self._is_ours():
            self.root = root

    def left(self) -> None:
        """Stops at the end of that one and hands the trace to the store."""
        root = self.root
        if root is None or self._profile is None:
            return
        if not self._is_ours():  # torch stops a profiler only where it was started
            self._failed(RuntimeError("a request ended on another thread than it began"))
            return
        with self._lock:
            profile, self._profile, self.root = self._profile, None, None
        try:
            start_ns = monotonic_ns()
            self._mark_instant()
            profile.stop()
            name = f"{trace_number(root._trace):032x}-{root._span_id:016x}.json"
            self._export(profile, name)
            self._cost_ns += monotonic_ns() - start_ns
            self.profiled += 1
            high, low = HALVES.unpack(root._trace)
            threads = {
                str(thread.native_id): thread.name
                for thread in threading.enumerate()
                if thread.native_id is not None
            }
            facts = {
                "kernel_trace": name,
                "profile_cost_ns": self._cost_ns,
                "threads": threads,
            }
            self._add_late((high, low, root._span_id, facts))
        except Exception as fault:
            self._failed(fault)

    def yield_to_user(self) -> None:
        """The program prepares a profile of its own: ours ends first, without a trace."""
        with self._lock:
            self._users += 1
            profile, self._profile, self.root = self._profile, None, None
        if profile is None:
            return
        self.skipped += 1
        try:
            profile.stop()
        except Exception as fault:
            self._failed(fault)

    def user_is_done(self) -> None:
        """The program's own profile has ended."""
        self._users = max(self._users - 1, 0)

    def forget(self) -> None:
        """In a forked child: the parent's profiler is not ours to stop."""
        self._profile = self.root = None
        self.skip = self.every = 1 << 62

    def _started(self) -> Any:
        profiler = self._torch.profiler
        kinds = [profiler.ProfilerActivity.CPU]
        if self._torch.cuda.is_initialized():
            kinds.append(profiler.ProfilerActivity.CUDA)
        profile = profiler.profile(activities=kinds)
        setattr(profile, OURS, True)
        profile.start()
        return profile

    def _mark_instant(self) -> None:
        name = f"{INSTANT}{monotonic_ns()}"
        with self._torch.profiler.record_function(name):
            pass

    def _is_ours(self) -> bool:
        return threading.get_ident() == self._thread

    def _is_taken(self) -> bool:
        return self._users > 0 or bool(self._torch._C._autograd._profiler_enabled())

    def _is_full(self) -> bool:
        try:
            names = os.listdir(self._folder)
        except OSError:
            return False
        return sum(name.endswith(".json") for name in names) >= MAX_WAITING

    def _export(self, profile: Any, name: str) -> None:
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        temporary = self._folder / f"{name}.{os.getpid()}.tmp"
        try:
            profile.export_chrome_trace(str(temporary))
            os.chmod(temporary, 0o600)
            os.rename(temporary, self._folder / name)
        finally:
            temporary.unlink(missing_ok=True)

    def _failed(self, fault: Exception) -> None:
        """No kernels any more; the program goes on. What a signal handler raised goes on too."""
        if not (guard.is_ours(fault) or is_of_torch(fault)):
            raise fault
        self._profile = self.root = None
        self.skip = self.every = 1 << 62
        guard.warn_once(
            f"kernels cannot be recorded ({type(fault).__name__}: {fault}); requests are recorded "
            "without them."
        )


def make_way_for_users(torch: Any, sampler: KernelSampler) -> Undo:
    """Ends our profile right before the program's own begins, and waits for that one's end."""
    kineto = torch.profiler._KinetoProfile
    undos = (
        _preceded(kineto, "prepare_trace", sampler.yield_to_user),
        _preceded(kineto, "stop_trace", sampler.user_is_done),
        _preceded(torch.autograd.profiler.profile, "__enter__", sampler.yield_to_user),
        _preceded(torch.autograd.profiler.profile, "__exit__", sampler.user_is_done),
    )

    def undo() -> None:
        for one in undos:
            one()

    return undo


def _preceded(owner: Any, name: str, act: Callable[[], None]) -> Undo:
    original = vars(owner).get(name)
    if original is None:
        return lambda: None

    @wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not getattr(self, OURS, False):
            act()
        return original(self, *args, **kwargs)

    setattr(owner, name, method)

    def undo() -> None:
        if vars(owner).get(name) is method:
            setattr(owner, name, original)

    return undo
