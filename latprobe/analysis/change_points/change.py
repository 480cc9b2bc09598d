"""One change of a stage's durations, with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.change_points.series import History, Metric
from latprobe.analysis.intervals import SEED, Interval, interval_of, quantile_draws
from latprobe.store.query import Query

_DRAWS = 200
# A version began with the change if at least so much of what came after is of it.
_MOSTLY = 0.8


@dataclass(frozen=True, slots=True)
class Change:
    """From `at_ns` on a stage, or one template's calls of it, takes another time.

    `earliest_ns` and `latest_ns` bound when; `until_ns` is when the next change came, None if the
    level still holds. Medians and p95 are of the stretches up to the neighbouring changes;
    `ratio` is after over before, of the percentile `metric` in which the change was found.
    `version`, `git_commit` and `run_id` began with it, None where none did. `service` is whose
    stage it is, None where only one was looked at. `also` names the other
    stages that changed at the same time, and whose changes are not told again.
    """

    stage: str
    template: str | None
    metric: Metric
    at_ns: int
    earliest_ns: int
    latest_ns: int
    until_ns: int | None
    before_count: int
    after_count: int
    before_p50_ms: float
    after_p50_ms: float
    before_p95_ms: float
    after_p95_ms: float
    ratio: float
    ratio_ci95: Interval | None
    q_value: float
    run_id: int | None
    version: str | None
    git_commit: str | None
    also: tuple[str, ...]
    service: str | None = None

    @property
    def label(self) -> str:
        """The stage, with its template if it is about one, and its service if there are several."""
        named = self.stage if self.template is None else f"{self.stage} ({self.template})"
        return named if self.service is None else f"{named} of {self.service}"

    def to_json(self) -> dict[str, Any]:
        """All figures; the interval as [low, high]."""
        found: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        found["ratio_ci95"] = None if self.ratio_ci95 is None else self.ratio_ci95.to_json()
        return found


@dataclass(frozen=True, slots=True)
class Run:
    """What a run was of, and where."""

    version: str | None
    git_commit: str | None
    host: str | None = None


def runs_of(query: Query) -> dict[int, Run]:
    """Every run, by its number."""
    rows = query("SELECT r.run_id, r.version, r.git_commit, r.host FROM runs r").to_pylist()
    return {row["run_id"]: Run(row["version"], row["git_commit"], row["host"]) for row in rows}


def is_only_moved(
    before: NDArray[np.int64], after: NDArray[np.int64], runs: dict[int, Run]
) -> bool:
    """Whether the same program merely went on another machine: then no code or load changed.

    Both rows are run numbers. False where a host is not recorded or stayed, or the version or
    commit is another one: a new version mostly comes in new containers.
    """
    unknown = Run(None, None)
    low, high = (
        {runs.get(run, unknown) for run in np.unique(part).tolist()} for part in (before, after)
    )
    hosts = {each.host for each in low}, {each.host for each in high}
    if None in hosts[0] | hosts[1] or hosts[0] & hosts[1]:
        return False
    return {(e.version, e.git_commit) for e in low} == {(e.version, e.git_commit) for e in high}


def describe(
    history: History,
    runs: dict[int, Run],
    *,
    metric: Metric,
    bounds: tuple[int, int, int],
    doubt: tuple[int, int],
    q_value: float,
) -> Change:
    """The change at row `bounds[1]` between the rows `bounds[0]` and `bounds[2]`.

    `doubt` are the first and the last row at which it may have happened.
    """
    first, at, end = bounds
    quantile = 0.5 if metric == "p50" else 0.95
    before, after = history.duration_ns[first:at] / 1e6, history.duration_ns[at:end] / 1e6
    low, high = _quantiles(before), _quantiles(after)
    place = 0 if metric == "p50" else 1
    rng = np.random.default_rng(SEED)
    drawn = [
        quantile_draws(part, (quantile,), rng=rng, draws=_DRAWS)[:, 0] for part in (before, after)
    ]
    run_id = _began(history.run_id[: doubt[0]], history.run_id[at:end])
    run = None if run_id is None else runs.get(run_id)
    return Change(
        stage=history.stage,
        template=history.template,
        metric=metric,
        at_ns=int(history.start_ns[at]),
        earliest_ns=int(history.start_ns[doubt[0]]),
        latest_ns=int(history.start_ns[doubt[1]]),
        until_ns=int(history.start_ns[end]) if end < len(history) else None,
        before_count=at - first,
        after_count=end - at,
        before_p50_ms=low[0],
        after_p50_ms=high[0],
        before_p95_ms=low[1],
        after_p95_ms=high[1],
        ratio=high[place] / max(low[place], 1e-9),
        ratio_ci95=interval_of(drawn[1] / np.maximum(drawn[0], 1e-9)),
        q_value=q_value,
        run_id=run_id,
        version=None if run is None else run.version,
        git_commit=None if run is None else run.git_commit,
        also=(),
        service=history.service,
    )


def _quantiles(values: NDArray[np.float64]) -> tuple[float, float]:
    p50, p95 = np.quantile(values, [0.5, 0.95]).tolist()
    return p50, p95


def _began(before: NDArray[np.int64], after: NDArray[np.int64]) -> int | None:
    """The run that most of what came after is of, and nothing of what came before."""
    runs, counts = np.unique(after, return_counts=True)
    most = int(runs[np.argmax(counts)])
    is_most = float(counts.max()) >= _MOSTLY * len(after)
    return most if is_most and not np.any(before == most) else None
