"""What the pages ask of GPU and host readings; answers are cached as in `data`."""

from __future__ import annotations

from latprobe.analysis.scope import Scope
from latprobe_dashboard import connection
from latprobe_dashboard.data import answer
from latprobe_dashboard.gpu_moment import Moment, read_moment
from latprobe_dashboard.gpu_queries import (
    Cards,
    Example,
    Readings,
    read_cards,
    read_example,
    read_modalities,
    read_readings,
)


def gpu_cards(scope: Scope) -> Cards:
    """The GPUs that were read while the scope's requests ran."""
    return answer("gpu cards", (scope,), lambda: read_cards(connection.query, scope))


def gpu_moment(scope: Scope, *, at_ns: int, runs: tuple[int, ...] = ()) -> Moment | None:
    """A few requests around that time, of these runs if any are named; None when there is none."""
    return answer(
        "gpu moment",
        (scope, at_ns, runs),
        lambda: read_moment(connection.query, scope, at_ns=at_ns, runs=runs),
    )


def readings(
    first_ns: int, last_ns: int, *, metrics: tuple[str, ...], device: str | None
) -> list[Readings]:
    """What a GPU and the host read in that time."""
    return answer(
        "readings",
        (first_ns, last_ns, metrics, device),
        lambda: read_readings(connection.query, first_ns, last_ns, metrics=metrics, device=device),
    )


def modalities(scope: Scope) -> dict[str, str | None]:
    """Stage to modality."""
    return answer("modalities", (scope,), lambda: read_modalities(connection.query, scope))


def stage_example(scope: Scope) -> Example | None:
    """A request to look at for `scope.stage`."""
    return answer("example", (scope,), lambda: read_example(connection.query, scope))
