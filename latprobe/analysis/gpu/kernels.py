"""What sampled kernel profiles say of each stage."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from latprobe.analysis.scope import Scope
from latprobe.store.query import Query

TOP = 5


@dataclass(frozen=True, slots=True)
class KernelStage:
    """Sums over `samples` profiled runs of a stage. Shares are of its wall time while profiled.

    `busy_share` is the union of kernel intervals; profiling slows the host, so it is a lower
    bound where the host is what limits. `launch_gap_share` is the time between kernels;
    `mean_kernel_ns` is None when there was no kernel. `cost_ns` is what profiling took.
    """

    samples: int
    kernels: int
    busy_share: float | None
    copy_share: float | None
    launch_gap_share: float | None
    mean_kernel_ns: float | None
    copy_bytes: int
    top: tuple[tuple[str, int, int], ...]
    cost_ns: int


def kernel_stages(
    query: Query, scope: Scope, *, runs: Collection[int] | None = None
) -> dict[str, KernelStage]:
    """Stage to its sums; empty where nothing was profiled. `top` is (kernel, ns, count).

    Only of these `runs`, if they are given.
    """
    where, parameters = scope.where()
    if runs is not None:
        where += f" AND s.run_id IN ({', '.join(str(int(run)) for run in runs) or 'NULL'})"
    rows = query(
        f"""
        SELECT k.stage, k.wall_ns, k.busy_ns, k.kernels, k.launch_gap_ns, k.copy_ns, k.copy_bytes,
               k.top, k.profile_cost_ns
        FROM kernel_profiles k JOIN spans s ON s.trace_id = k.trace_id AND s.span_id = k.span_id
        WHERE {where}""",
        parameters,
    ).to_pylist()
    stages: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        stages.setdefault(str(row["stage"]), []).append(row)
    return {name: _summed(found) for name, found in stages.items()}


def _summed(rows: list[dict[str, object]]) -> KernelStage:
    def total(key: str) -> int:
        return sum(value for row in rows if isinstance(value := row[key], int))

    wall, kernels, busy = total("wall_ns"), total("kernels"), total("busy_ns")
    times: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for row in rows:
        for each in json.loads(str(row["top"] or "[]")):
            times[each["name"]] += each["ns"]
            counts[each["name"]] += each["count"]
    return KernelStage(
        samples=len(rows),
        kernels=kernels,
        busy_share=busy / wall if wall else None,
        copy_share=total("copy_ns") / wall if wall else None,
        launch_gap_share=total("launch_gap_ns") / wall if wall else None,
        mean_kernel_ns=busy / kernels if kernels else None,
        copy_bytes=total("copy_bytes"),
        top=tuple((name, ns, counts[name]) for name, ns in times.most_common(TOP)),
        cost_ns=total("profile_cost_ns"),
    )
