"""What the pytest plugin does for tests with a budget: record, measure, compare."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latprobe import recording
from latprobe.stages import stage

if TYPE_CHECKING:
    import pytest

    from latprobe.analysis.compare import Measured
    from latprobe.analysis.compare.limits import Budget
    from latprobe.config import Settings
    from latprobe.store.reader import Reader

FIGURES = ("p50_ms", "p95_ms", "input_tokens", "output_tokens", "cost_usd")


@dataclass(frozen=True, slots=True)
class TestBudget:
    """One marker. `amounts` by figure, of the test or of one of its stages."""

    __test__ = False

    amounts: Mapping[str, float]
    stage: str | None = None
    runs: int = 1

    def budgets(self) -> list[Budget]:
        """One for each figure."""
        from latprobe.analysis.compare.limits import Budget

        return [Budget(name, value, self.stage) for name, value in self.amounts.items()]


def parse_marker(args: Sequence[object], given: Mapping[str, Any]) -> TestBudget:
    """The marker's budget. Raises UsageError for what it cannot mean."""
    from latprobe.errors import UsageError

    if args:
        raise UsageError("latprobe_budget takes keywords only, as in latprobe_budget(p95_ms=800).")
    amounts = {name: value for name, value in given.items() if name not in ("stage", "runs")}
    if not amounts:
        raise UsageError("latprobe_budget has no budget; write one, as in p95_ms=800.")
    for name, value in amounts.items():
        if name not in FIGURES:
            near = get_close_matches(name, FIGURES, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(FIGURES)}."
            raise UsageError(f"latprobe_budget knows no {name!r}. {hint}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
            raise UsageError(f"latprobe_budget({name}={value!r}) is not an amount.")
    runs = given.get("runs", 1)
    if isinstance(runs, bool) or not isinstance(runs, int) or runs < 1:
        raise UsageError(f"latprobe_budget(runs={runs!r}) is not a number of runs, 1 or more.")
    return TestBudget(amounts, given.get("stage"), runs)


class BudgetSession:
    """Records the marked tests of one pytest session.

    Where the process records already (`latprobe run -- pytest`) its store is used.
    """

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="latprobe-pytest-"))
        self._settings = recording.init(service="pytest", home=self._home, agent=False)
        self._is_ours = Path(self._settings.home) == self._home
        self._reader: Reader | None = None
        if self._is_ours:
            _switch_on(self._settings)

    @contextmanager
    def recorded(self, nodeid: str) -> Iterator[None]:
        """One run of the test, as one request."""
        with stage(_name(nodeid)):
            yield

    def run_once(self, item: pytest.Function) -> None:
        """Runs a plain test function once more, on the same fixtures."""
        from latprobe.errors import UsageError

        if asyncio.iscoroutinefunction(item.obj):
            raise UsageError(
                "latprobe_budget(runs=...) is for plain functions, not for async ones."
            )
        names = item._fixtureinfo.argnames
        with self.recorded(item.nodeid):
            item.obj(**{name: item.funcargs[name] for name in names})

    def judge(self, nodeid: str, wanted: Sequence[TestBudget]) -> tuple[list[str], list[str]]:
        """A line for each budget, and a sentence for each that is broken."""
        measured = self._measure(nodeid)
        lines, broken = [], []
        for each in wanted:
            for budget in each.budgets():
                line, reason = _judge(measured, budget)
                lines.append(line)
                if reason:
                    broken.append(reason)
        return lines, broken

    def close(self) -> None:
        """Stops recording and removes the store."""
        if self._reader is not None:
            self._reader.close()
        if self._is_ours:
            recording.shutdown()
        shutil.rmtree(self._home, ignore_errors=True)

    def _measure(self, nodeid: str) -> Measured:
        from latprobe.analysis.compare import measure
        from latprobe.analysis.scope import Scope
        from latprobe.store.reader import open_reader

        if self._reader is None:
            self._reader = open_reader(Path(self._settings.home), start_agent=self._settings.agent)
        self._reader.flush()
        return measure(self._reader.query, Scope(stage=_name(nodeid)))


def _switch_on(settings: Settings) -> None:
    from latprobe.hooks import switch_on
    from latprobe.otel.tracer import offer_provider

    offer_provider()
    switch_on(settings)


def _name(nodeid: str) -> str:
    return f"test {nodeid}"


def _judge(measured: Measured, budget: Budget) -> tuple[str, str | None]:
    """The line for the table; and why the test fails, None if it does not."""
    from latprobe.analysis.compare.over_budget import measured_amount

    of = f"{budget.stage}: " if budget.stage else ""
    name = f"{of}{budget.metric}"
    found = measured_amount(measured, budget) if len(measured) else None
    if found is None:
        return (
            f"{name} not measured",
            f"latprobe: {name} was not recorded. {_hint(measured, budget)}",
        )
    text = f"{name} {found.value:.6g} of {budget.value:.6g}"
    if not found.is_over:
        return f"{text}  ok", None
    return (
        f"{text}  OVER",
        f"latprobe: {name} is {found.value:.6g}, over its budget of {budget.value:.6g}.",
    )


def _hint(measured: Measured, budget: Budget) -> str:
    if not len(measured):
        return "The test ended without its span being recorded: does it stop recording itself?"
    if budget.stage and budget.stage not in measured.stages:
        near = get_close_matches(budget.stage, list(measured.stages), n=1)
        return f"Did you mean {near[0]!r}?" if near else "No stage of that name ran in the test."
    return "No call of a model reported or showed any."
