"""Stages that leave event pairs: what `Stage.__enter__` and `__exit__` are once CUDA is in use.

Stages that are entered with `async with`, and those of generators, get no pair: what the GPU does
between their two ends is any task's. Their waits and copies are noted all the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from typing import Any, Protocol

from latprobe import guard, recorder
from latprobe.gpu.cuda import Cuda
from latprobe.gpu.pairs import EventPairs
from latprobe.gpu.run_notes import Run, StageName
from latprobe.hooks.calls import enclosing_stage
from latprobe.recorder import OPEN, Stage, current

MAX_NAMES = 10_000
# Runs whose end is never met (a signal handler raised in the middle of it).
MAX_OPEN = 10_000
LATE_AT_ONCE = 64
RESOLVED_FROM = 16


class RootSampler(Protocol):
    """Records the kernels of some requests (latprobe.gpu.kernel_sampling)."""

    skip: int
    root: Stage | None

    def begin(self) -> None:
        """The request that begins now on this thread is one of them."""
        ...

    def entered(self, root: Stage) -> None:
        """Its root stage."""
        ...

    def left(self) -> None:
        """`root` has ended."""
        ...


class GpuStages:
    """What the replaced methods work with. `captures` counts CUDA graphs being recorded now."""

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda
        self.pairs = EventPairs(cuda)
        self.captures = 0
        self.sampler: RootSampler | None = None
        self.is_off = False
        self._names: dict[Hashable, StageName] = {}
        self._open: dict[int, Run] = {}
        self._originals = (Stage.__enter__, Stage.__exit__, Stage.__aenter__, Stage.__aexit__)

    def current_run(self) -> Run | None:
        """Where the innermost open stage notes its waits and copies; None outside of any."""
        stage = current.get()
        if type(stage) is not Stage or stage._duration != OPEN:
            stage = enclosing_stage()
            if stage is None:
                return None
        found = self._open.get(stage._span_id)
        if found is None:
            found = self._open[stage._span_id] = Run()
        return found

    def install(self) -> None:
        """Replaces the methods of Stage."""
        self.is_off = False
        enter, leave, aenter, aexit = self._replacements()
        Stage.__enter__ = enter  # type: ignore[method-assign]
        Stage.__exit__ = leave  # type: ignore[method-assign]
        Stage.__aenter__ = aenter  # type: ignore[method-assign]
        Stage.__aexit__ = aexit  # type: ignore[method-assign]

    def remove(self) -> None:
        """Puts the methods of Stage back. Stages open now end as they would."""
        Stage.__enter__, Stage.__exit__, Stage.__aenter__, Stage.__aexit__ = self._originals  # type: ignore[method-assign]
        self.is_off = True

    def forget(self) -> None:
        """In a forked child, where CUDA cannot be used: leaves everything to the parent. Nothing
        is freed: that would call CUDA."""
        _left_to_parent.append((self.pairs, self._open))
        self.pairs, self._open = EventPairs(self.cuda), {}
        self.remove()

    def write_late(self, *, at_least: int = 1) -> None:
        """Journals what has become known."""
        late = self.pairs.take_late(at_least=at_least)
        if late and not recorder.writer.write_late(late):
            for one in late:
                self.pairs.add_late(one)

    def close(self) -> None:
        """At the program's end: what is known is written, the rest dropped without a wait."""
        try:
            if not (self.captures or self.is_off):
                self.pairs.resolve(self.pairs.pending)
            self.write_late()
        except Exception as fault:
            self._failed(fault)

    # -- the replaced methods --------------------------------------------------------------------

    def _replacements(self) -> tuple[Callable[..., Any], ...]:
        names = self._names
        plain_enter, plain_exit = self._originals[:2]

        def enter(stage: Stage) -> Stage:
            sampler: Any = self.sampler
            is_root = sampler is not None and not isinstance(current.get(), Stage)
            if is_root:
                if sampler.skip:
                    sampler.skip -= 1
                else:
                    sampler.begin()
            name = names.get(stage.journal_key)
            if name is not None and name.rest:
                name.rest -= 1
                plain_enter(stage)
            else:
                run = self._begin(stage, name)
                plain_enter(stage)
                if run is not None:
                    self._open[stage._span_id] = run
            if is_root:
                sampler.entered(stage)
            return stage

        def leave(stage: Stage, kind: Any, error: Any, traceback: Any, /) -> None:
            plain_exit(stage, kind, error, traceback)
            if self._open:
                run = self._open.pop(getattr(stage, "_span_id", 0), None)
                if run is not None:
                    self._end(stage, run)
            if self.sampler is not None and self.sampler.root is stage:
                self.sampler.left()

        async def aenter(stage: Stage) -> Stage:
            plain_enter(stage)
            stage._cpu = -1
            return stage

        async def aexit(stage: Stage, kind: Any, error: Any, traceback: Any, /) -> None:
            stage._cpu = -1
            leave(stage, kind, error, traceback)

        return enter, leave, aenter, aexit

    def _begin(self, stage: Stage, name: StageName | None) -> Run | None:
        """The run with the pair's first event in the stream; None where there is to be none."""
        try:
            if self.captures or self.is_off or stage._duration == OPEN or self.cuda.is_capturing():
                return None
            stream = self.cuda.stream()
            if stream is None:
                return None
            run = Run()
            if name is None:
                name = self._meet(stage.journal_key)
                if name is None:
                    return None
                run.is_cold = True
            name.runs += 1
            run.name = name
            run.compilations = self.cuda.compilations()
            if name.reads_memory:
                run.allocated = self.cuda.allocated(stream.device)
            self.pairs.begin(run, stream)
            return run
        except Exception as fault:
            self._failed(fault)
            return None

    def _meet(self, key: Hashable) -> StageName | None:
        if len(self._names) >= MAX_NAMES:
            return None
        if len(self._open) > MAX_OPEN:
            self._open.clear()
        return self._names.setdefault(key, StageName())

    def _end(self, stage: Stage, run: Run) -> None:
        """Notes the rest of what is known, and looks at pairs of before."""
        try:
            run.trace, run.span_id = stage._trace, stage._span_id
            self._settle_cold(stage, run)
            pairs = self.pairs
            if self.captures or self.is_off or self.cuda.is_capturing():
                pairs.keep(run)
                return
            if run.first is None:
                pairs.keep(run)
            else:
                self._settle_memory(run)
                pairs.end(run, stage._start + stage._duration)
            # Each look asks CUDA: between a request's stages only where many pairs wait.
            is_root = not stage._parent_id
            if is_root or pairs.pending >= RESOLVED_FROM:
                pairs.resolve()
            self.write_late(at_least=1 if is_root else LATE_AT_ONCE)
        except Exception as fault:
            self._failed(fault)

    def _settle_cold(self, stage: Stage, run: Run) -> None:
        if run.first is not None and run.compilations != self.cuda.compilations():
            run.is_cold = True
        outer = self._open.get(stage._parent_id) if run.is_cold else None
        if outer is not None:
            outer.is_cold = True

    def _settle_memory(self, run: Run) -> None:
        assert run.stream is not None
        before = run.allocated
        after = None if before is None else self.cuda.allocated(run.stream.device)
        if before is not None and after is not None:
            run.memory = (after[0] - before[0], after[1] if after[1] > before[1] else None)

    def _failed(self, fault: Exception) -> None:
        """A fault of CUDA's or ours: no events any more. What a signal handler raised goes on."""
        if not (guard.is_ours(fault) or is_of_torch(fault)):
            raise fault
        self.is_off = True
        if is_of_cuda(fault):
            guard.warn_once(
                f"CUDA events cannot be recorded ({type(fault).__name__}: {first_line(fault)}); "
                "stages keep their times on the host."
            )
        else:
            guard.report("event pairs", fault)


# What a forked child got from its parent and must not free.
_left_to_parent: list[Any] = []


def first_line(fault: BaseException) -> str:
    """The first line of its message, which for CUDA's goes on for ten."""
    return (str(fault).splitlines() or [""])[0]


def is_of_cuda(fault: BaseException) -> bool:
    """Whether CUDA says so: it raises RuntimeError, or a child class of it, for everything."""
    return isinstance(fault, RuntimeError)


def is_of_torch(fault: BaseException) -> bool:
    """Whether torch's own Python code raised it."""
    frame = fault.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return False
    return f"{os.sep}torch{os.sep}" in frame.tb_frame.f_code.co_filename
