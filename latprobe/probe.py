"""A randomised experiment on the running pipeline: what does delaying a stage do to the requests?

    undo = latprobe.probe.delay("rerank", ms=20, share=0.1)

or `LATPROBE_DELAY=rerank:20ms:10%`. Requests are chosen at random, so the difference between those
delayed and the others is caused by the delay and by nothing else; `latprobe probe` reads it off. A
stage whose delay does not reach the request's end is one whose speeding up would not either.
The idea is Coz's (Curtsinger and Berger, "Coz: Finding Code that Counts with Causal Profiling",
SOSP 2015).

Off, nothing of this is there: `stage()` makes plain stages. On, stages of other names cost one look
into a dictionary more.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Self

from latprobe import guard, stages
from latprobe.clock import monotonic_ns
from latprobe.delay_rule import DelayRule
from latprobe.errors import UsageError
from latprobe.ids import trace_number
from latprobe.recorder import NEW, Stage, make_stage, prepare

# How long a run was delayed, in ms; 0 on the runs that could have been and were not chosen.
DELAY_ATTRIBUTE = "latprobe.delay_ms"

_rules: dict[str, DelayRule] = {}


def delay(stage: str, *, ms: float, share: float) -> Callable[[], None]:
    """Delays the stage by `ms` on a random `share` (0..1) of the requests; returns what stops it.

    Every run of the stage carries the attribute `latprobe.delay_ms` meanwhile. The delay is at the
    start of the stage and sleeps: `with` sleeps its thread, `async with` its task. A `with` inside
    an event loop is not delayed (it would stop all requests), nor is a generator's stage; that is
    said once. Raises UsageError for values that cannot be meant, or where nothing records.
    """
    return start(DelayRule(stage, float(ms), float(share)))


def start(rule: DelayRule) -> Callable[[], None]:
    """The same for a rule; a second one for a stage takes the first one's place."""
    if not stages.is_recording():
        raise UsageError("Nothing records yet: call latprobe.init() before latprobe.probe.delay().")
    if stages._make is not _make:
        _rules.clear()  # of a recording that was shut down
    _rules[rule.stage] = rule
    stages.start_recording(_make)

    def undo() -> None:
        if _rules.get(rule.stage) is rule:
            del _rules[rule.stage]
        if not _rules and stages._make is _make:
            stages.start_recording(make_stage)

    return undo


def _make(name: str, modality: str | None, attributes: dict[str, Any]) -> Stage:
    made = make_stage(name, modality, attributes)
    if name not in _rules:
        return made
    delayed = prepare(DelayedStage(), made.journal_key, made._attributes, made._flags)
    delayed._is_async = False
    return delayed


class DelayedStage(Stage):
    """A run of a stage that is delayed in some requests."""

    __slots__ = ("_is_async",)

    def __enter__(self) -> Self:
        seconds = self._delay_s() if self._duration == NEW else None
        super().__enter__()
        if seconds is None or self._is_async:
            return self
        if _running_loop() is not None:
            guard.warn_once(
                f"the stage {self.name!r} is entered by `with` inside an event loop, where a delay "
                "would stop every request, so it is not delayed. Write `async with`."
            )
            return self
        began = monotonic_ns()
        try:
            if self._is_chosen():
                time.sleep(seconds)
        except (
            BaseException
        ) as error:  # a signal handler's: there is no `with` yet to end the stage
            self.__exit__(type(error), error, error.__traceback__)
            raise
        self._note_delay(began)
        return self

    async def __aenter__(self) -> Self:
        seconds = self._delay_s() if self._duration == NEW else None
        self._is_async = True
        await super().__aenter__()
        if seconds is None:
            return self
        if _running_loop() is None:
            guard.warn_once(f"the stage {self.name!r} is not delayed: its loop is not asyncio's.")
            return self
        began = monotonic_ns()
        try:
            if self._is_chosen():
                from asyncio import sleep  # which whoever runs its loop has imported

                await sleep(seconds)
        except BaseException as error:  # cancelled: there is no `async with` yet to end the stage
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        self._note_delay(began)
        return self

    def start_suspended(self) -> None:
        """As any generator's stage, without a delay."""
        guard.warn_once(
            f"the stage {self.name!r} is a generator's, which latprobe.probe does not delay. Put "
            "a stage around the loop that reads it."
        )
        super().start_suspended()

    def _delay_s(self) -> float | None:
        """How long a chosen run sleeps; None where the probe has been stopped."""
        rule = _rules.get(self.name)
        return None if rule is None else rule.ms / 1e3

    def _is_chosen(self) -> bool:
        rule = _rules.get(self.name)
        return rule is not None and rule.chooses(trace_number(self._trace))

    def _note_delay(self, began_ns: int) -> None:
        """What the sleep really took, which on a busy machine is more than asked for; else 0."""
        slept_ms = (monotonic_ns() - began_ns) / 1e6 if self._is_chosen() else 0.0
        self.set(**{DELAY_ATTRIBUTE: round(slept_ms, 3)})


def _running_loop() -> object:
    """The event loop of asyncio that runs on this thread, without importing asyncio."""
    events = sys.modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()
