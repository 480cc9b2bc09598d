"""How long requests stood in line before a stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latprobe.advice.context import Context
from latprobe.analysis.load import StageLoad
from latprobe.analysis.load.capacity import ready_ns
from latprobe.analysis.load.stage_calls import StageCalls, fetch_stage_calls, latest
from latprobe.analysis.queueing import Servers
from latprobe.analysis.requests import Requests

# Waiting that takes less of the median request is no queue worth a server.
LEAST_SHARE = 0.03
# Servers that idle half of the time have a line now and then because requests come by chance:
# another one would idle too, unless bursts make requests wait for a good part of their time.
LEAST_USED = 0.5
BURST_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Queue:
    """A stage whose runs wait for one of `servers`; waits are a request's, on average."""

    load: StageLoad
    servers: Servers
    wait_ms: float


def queues(context: Context) -> Iterator[Queue]:
    """The stages with a line in front of them that matters."""
    for load in context.load.stages:
        servers, waits = load.servers, load.waits
        if not isinstance(servers, Servers) or waits is None or load.name not in context.stages:
            continue
        wait_ms = waits.mean_ms * load.calls_per_request
        idles = load.capacity is not None and load.capacity.utilisation.value < LEAST_USED
        least = BURST_SHARE if idles else LEAST_SHARE
        if wait_ms >= least * context.p50_ms:
            yield Queue(load, servers, wait_ms)


def calls_of(context: Context, stage: str) -> tuple[Requests, StageCalls | None]:
    """The requests that the load report looked at, and this stage's runs in them."""
    requests = latest(context.requests)
    for calls in fetch_stage_calls(context.query, requests):
        if calls.name == stage:
            return requests, calls
    return requests, None


def per_request(
    requests: Requests, calls: StageCalls, ns: NDArray[np.generic]
) -> NDArray[np.float64]:
    """Sums over the runs of each request."""
    weights = np.maximum(ns, 0).astype(np.float64)
    return np.bincount(calls.request, weights=weights, minlength=len(requests)).astype(np.float64)


def waited_ns(context: Context, queue: Queue) -> tuple[Requests, NDArray[np.float64]]:
    """How long each request stood in that line."""
    requests, calls = calls_of(context, queue.load.name)
    if calls is None:
        return requests, np.zeros(len(requests))
    return requests, per_request(requests, calls, calls.start_ns - ready_ns(calls, queue.servers))
