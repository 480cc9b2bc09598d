"""Replicas of which one gets more of the work than the others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from latprobe.advice.context import Context
from latprobe.advice.suggestion import Evidence, Suggestion, not_enough
from latprobe.advice.time_off import time_off
from latprobe.advice.waiting import calls_of, per_request
from latprobe.analysis.load import StageLoad
from latprobe.analysis.load.capacity import ready_ns
from latprobe.analysis.load.imbalance import Imbalance
from latprobe.analysis.load.stage_calls import StageCalls
from latprobe.analysis.queueing import Servers, simulate
from latprobe.analysis.refusal import Refusal

NAME = "load_imbalance"

# A replica with a fifth more work than the mean is the one whose line grows first.
LEAST_RATIO = 1.2
LEAST_LONGER = 0.1


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage whose replicas are surely not used alike."""
    for load in context.load.stages:
        found = load.imbalance
        if isinstance(found, Imbalance) and found.is_found and found.ratio >= LEAST_RATIO:
            yield _suggestion(context, load, found)


def _suggestion(context: Context, load: StageLoad, found: Imbalance) -> Suggestion:
    stage = load.name
    title = f"Spread {stage} evenly: {found.busiest} has {found.ratio:.1f} times the mean work"
    evidence = (
        Evidence("Busiest replica, of the mean work", round(found.ratio, 2), "times"),
        Evidence("Replicas", len(load.replicas)),
        Evidence("By chance alone", round(found.p_value, 4), "(probability)"),
    )
    requests, calls = calls_of(context, stage)
    saved = None if calls is None else _saved_ns(calls, load, found)
    if calls is None or saved is None or not saved.any():
        reason = (
            "The work is not spread evenly, and no run was seen to wait or to take longer for it; "
            "record under a higher load."
        )
        return not_enough(
            rule=NAME, subject=stage, title=title, refusal=Refusal(reason), evidence=evidence,
            stage=stage,
        )  # fmt: skip
    return Suggestion(
        rule=NAME,
        subject=stage,
        title=title,
        evidence=evidence,
        how="Let the balancer send each call to the replica with the fewest running (least "
        "requests, or the smaller of two drawn), weighted by how fast each is.\nWhere replicas "
        "keep caches (prompt prefixes, sessions) prefer the one that has it, up to a bound on its "
        "line.",
        verify=f"`latprobe load`: no imbalance is found for {stage}.",
        effort="medium",
        saving=time_off(
            requests, per_request(requests, calls, saved), basis="bound", seed=context.seed
        ),
        link="https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/"
        "load_balancing/load_balancers",
        stage=stage,
        preconditions=("Any replica can take any call.",),
        claims=frozenset({("stage_time", stage), ("wait", stage)}),
    )


def _saved_ns(calls: StageCalls, load: StageLoad, found: Imbalance) -> NDArray[np.float64] | None:
    """Per run: its wait beyond that of one line for all; or what it waits and takes longer on the
    busiest than on the others."""
    if isinstance(load.servers, Servers):
        ready = ready_ns(calls, load.servers)
        pooled = simulate(
            ready, calls.service_ns, load.servers.count, handoff_ns=load.servers.handoff_ns
        )
        return np.asarray(np.maximum(calls.start_ns - pooled, 0), np.float64)
    is_busiest = np.array([name == found.busiest for name in calls.replica])
    others = np.array([name not in (None, found.busiest) for name in calls.replica])
    if not is_busiest.any() or not others.any():
        return None
    took = calls.service_ns.astype(np.float64)
    ratio = float(np.median(took[others]) / max(np.median(took[is_busiest]), 1.0))
    # What the caller does itself before the call looks like a wait too, on all replicas alike.
    waited = (calls.start_ns - calls.arrival_ns).astype(np.float64)
    longer = np.maximum(waited - np.mean(waited[others]), 0.0) + took * max(1 - ratio, 0.0)
    # Less than a tenth longer is not what an overloaded replica looks like.
    if longer[is_busiest].mean() < LEAST_LONGER * took[is_busiest].mean():
        return None
    return np.where(is_busiest, longer, 0.0)
