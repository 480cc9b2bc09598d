"""Sends what new spans and samples add to the metrics, every minute and when the agent leaves.

The place up to which the backend has accepted is kept in the store (`meta`, one row a backend): the
last batch that it has counted, and when. It moves only after an answer, so that a backend that was
down gets one longer interval, and the next agent begins where this one ended. A kill between answer
and place, and an answer that does not come in time, repeat an interval.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from latprobe.agent.forwarder import Store
from latprobe.clock import wall_ns
from latprobe.errors import LatprobeError, UsageError
from latprobe.export.otlp_metrics import Interval, metrics_request
from latprobe.export.otlp_send import Accepted, NotAcceptedError

log = logging.getLogger("latprobe.agent")

DEFAULT_INTERVAL_MS = 60_000
# A backend that takes no metrics is asked ever more rarely, since each try reads all that waits.
MOST_INTERVALS = 10
META_PREFIX = "metrics:"
# How much longer than one request leaving may take.
LAST_EXPORT_S = 2.0


class Sender(Protocol):
    """latprobe.export.otlp_send's: one try."""

    def send(self, request: ExportMetricsServiceRequest) -> Accepted: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """The last batch that the backend has counted, and the end of its last interval.

    `accepted_ns` and `failed_ns` are when it last took metrics and last did not, by the wall clock;
    `problem` is why it does not now, None while all is well.
    """

    ingest_seq: int
    time_ns: int
    accepted_ns: int | None = None
    failed_ns: int | None = None
    problem: str | None = None


def export_interval_s(environment: Mapping[str, str] = os.environ) -> float:
    """OTEL_METRIC_EXPORT_INTERVAL in seconds. Raises UsageError for what is no time."""
    text = environment.get("OTEL_METRIC_EXPORT_INTERVAL", "").strip()
    if not text:
        return DEFAULT_INTERVAL_MS / 1000
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < threading.TIMEOUT_MAX:
        raise UsageError(
            f"OTEL_METRIC_EXPORT_INTERVAL is {text!r}; write milliseconds, such as 60000."
        )
    return value / 1000


class MetricsForwarder:
    """Sends to one backend until `stop`. `name` is the backend's address without secrets, `host`
    this machine's name, `timeout_s` how long one request takes at most."""

    def __init__(
        self,
        store: Store,
        sender: Sender,
        *,
        name: str,
        host: str,
        interval_s: float,
        timeout_s: float,
    ) -> None:
        self._store = store
        self._sender = sender
        self._name = name
        self._host = host
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._failures = 0
        self._said: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="latprobe-metrics", daemon=True)
        self._place = self._stored_place()

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when the rest is sent, or could not be."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(self._timeout_s + LAST_EXPORT_S)
        self._sender.close()

    def _run(self) -> None:
        wait_s = self._interval_s
        while not self._stop.wait(wait_s):
            wait_s = self._export()
        self._export()

    def _export(self) -> float:
        """Sends what is new; gives back how long to wait before the next time."""
        try:
            self._send_interval()
        except NotAcceptedError as error:
            self._say(f"the metrics wait: {error} They are sent later; nothing is lost.")
            self._note_failure(str(error))
            return self._retry_s(error.after_s)
        except LatprobeError as error:
            self._say(f"the metrics for {self._name} wait: {error}")
            self._note_failure(str(error))
            return self._retry_s(None)
        except Exception:  # thread top: a fault of ours must not end the export for good
            log.exception("the metrics' export to %s failed", self._name)
            return self._retry_s(None)
        self._failures = 0
        return self._interval_s

    def _send_interval(self) -> None:
        interval = Interval(
            after_seq=self._place.ingest_seq,
            through_seq=self._last_batch(),
            start_ns=self._place.time_ns,
            end_ns=max(wall_ns(), self._place.time_ns + 1),
        )
        request = metrics_request(self._store.query, interval, host=self._host)
        reached = replace(self._place, ingest_seq=interval.through_seq, time_ns=interval.end_ns)
        if not request.resource_metrics:
            self._place = reached
            return
        accepted = self._sender.send(request)
        if accepted.reason:
            self._say(f"{self._name} rejects {accepted.rejected} data points: {accepted.reason}")
        self._place = replace(reached, accepted_ns=interval.end_ns, problem=None)
        self._save()

    def _note_failure(self, problem: str) -> None:
        """Kept for `latprobe doctor`; a store that cannot be written has troubles of its own."""
        self._place = replace(self._place, failed_ns=wall_ns(), problem=problem)
        with suppress(LatprobeError):
            self._save()

    def _retry_s(self, after_s: float | None) -> float:
        """The next turn, ever later while nothing is accepted; no sooner than the backend said."""
        self._failures += 1
        turns: int = min(2 ** (self._failures - 1), MOST_INTERVALS)
        return max(self._interval_s * turns, after_s or 0.0)

    def _say(self, text: str) -> None:
        """Logs a sentence the first time."""
        if text not in self._said and len(self._said) < 1000:
            self._said.add(text)
            log.warning("%s", text)

    def _last_batch(self) -> int:
        """The number of the last batch that is in the store whole."""
        rows = self._store.query("SELECT value FROM meta WHERE key = 'ingest_seq'").to_pylist()
        return int(rows[0]["value"])

    def _stored_place(self) -> Place:
        """Where this backend is; one that is new begins with what comes now."""
        rows = self._store.query("SELECT value FROM meta WHERE key = ?", [self._key]).to_pylist()
        if rows:
            try:
                return Place(**json.loads(rows[0]["value"]))
            except (ValueError, TypeError):
                log.warning("the place of the metrics for %s cannot be read", self._name)
        self._place = Place(self._last_batch(), wall_ns())
        self._save()
        return self._place

    @property
    def _key(self) -> str:
        return META_PREFIX + self._name

    def _save(self) -> None:
        self._store.remember(self._key, json.dumps(asdict(self._place)))
