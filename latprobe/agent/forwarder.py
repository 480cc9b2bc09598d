"""Sends what enters the store on to an OTLP backend, in the agent, for as long as it takes.

The place up to which the backend has accepted is kept in the store (`meta`, one row a backend) and
moves only after an answer. An outage therefore holds back nothing but that place: the spans wait in
the store, not in memory. A kill between answer and place repeats one request.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

from latprobe.clock import wall_ns
from latprobe.errors import LatprobeError
from latprobe.export.failing_spans import send_around
from latprobe.export.otlp_parts import Outcome, send_spans
from latprobe.export.otlp_send import FailedError, NotAcceptedError, Sender
from latprobe.export.stored_spans import ARRIVAL, Run, StoredSpan, read_page, read_runs

if TYPE_CHECKING:
    import pyarrow

log = logging.getLogger("latprobe.agent")

POLL_S = 1.0
PAGE_SPANS = 2048
# Ingested batches looked through at once, so that a large backlog is not sorted for each page.
PAGE_BATCHES = 256
FIRST_RETRY_S = 1.0
LAST_RETRY_S = 60.0
# After so many failures (500, INTERNAL) in a row, about a minute, spans that cause them are sought.
TRIES_BEFORE_SEEKING = 6
# How long an agent that nobody else needs waits for a backend that does not answer.
STAY_S = 300.0
META_PREFIX = "forward:"

_FIRST_TRACE = "0" * 32


class Store(Protocol):
    """latprobe.store.owner.StoreOwner."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pyarrow.Table: ...
    def data_version(self) -> int: ...
    def remember(self, key: str, value: str) -> None: ...


@dataclass(slots=True)
class Progress:
    """How far a backend is, kept in the store. `rejected` spans were named by partial successes,
    `refused` ones were in requests that the backend will never take or that break it; both are
    passed over, and `reason` is what it said of the last ones.

    `problem` is why nothing moves now, None while all is well. `answered_ns` is when it last took
    something or refused it, by the wall clock.
    """

    ingest_seq: int
    trace_id: str = _FIRST_TRACE
    span_id: int = 0
    exported: int = 0
    rejected: int = 0
    refused: int = 0
    problem: str | None = None
    reason: str | None = None
    answered_ns: int | None = None


class Forwarder:
    """Sends to one backend until `stop`. `name` is the backend's address without secrets."""

    def __init__(
        self,
        store: Store,
        sender: Sender,
        *,
        name: str,
        content: bool = False,
        first_retry_s: float = FIRST_RETRY_S,
        poll_s: float = POLL_S,
    ) -> None:
        self._store = store
        self._sender = sender
        self._name = name
        self._content = content
        self._poll_s = poll_s
        self._first_retry_s = first_retry_s
        self._retry_s = first_retry_s
        self._failing_since_s: float | None = None
        self._failures = 0
        self._runs: dict[int, Run] = {}
        self._said: set[str] = set()
        self._done_version = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="latprobe-forward", daemon=True)
        self.progress = self._stored_progress()

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Returns when the request under way is answered, or after the time."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._sender.close()

    def needs_time(self) -> bool:
        """Whether spans wait and it makes sense to stay for them."""
        if self._done_version == self._store.data_version():
            return False
        since = self._failing_since_s
        return since is None or time.monotonic() - since < STAY_S

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._stop.wait(self._round())
            except Exception:  # thread top: a fault of ours must not end the export for good
                log.exception("the export to %s failed", self._name)
                self._stop.wait(self._next_retry_s(None))

    def _round(self) -> float:
        """Sends one page; gives back how long to wait before the next."""
        version = self._store.data_version()
        if version == self._done_version:
            return self._poll_s
        try:
            page = self._next_page()
            if page:
                self._send(page)
        except NotAcceptedError as error:
            self._failures = self._failures + 1 if isinstance(error, FailedError) else 0
            self._note_problem(str(error))
            return self._next_retry_s(error.after_s)
        except LatprobeError as error:  # the store is being reopened, or closed
            self._say(f"the export to {self._name} waits: {error}")
            return self._next_retry_s(None)
        self._note_success()
        if page:
            return 0.0
        self._done_version = version
        return self._poll_s

    def _next_page(self) -> list[StoredSpan]:
        """Spans after the place, in the order in which they were ingested."""
        while True:
            place = self.progress
            page = read_page(
                self._store.query,
                order=ARRIVAL,
                after=(place.ingest_seq, place.trace_id, place.span_id),
                where="s.ingest_seq < ?",
                parameters=[place.ingest_seq + PAGE_BATCHES],
                limit=PAGE_SPANS,
            )
            if page:
                return page
            later = self._first_batch_after(place.ingest_seq + PAGE_BATCHES - 1)
            if later is None:
                return []
            place.ingest_seq, place.trace_id, place.span_id = later, _FIRST_TRACE, 0

    def _first_batch_after(self, ingest_seq: int) -> int | None:
        found: int | None = self._store.query(
            "SELECT min(ingest_seq) AS first FROM spans WHERE ingest_seq > ?", [ingest_seq]
        ).to_pylist()[0]["first"]
        return found

    def _send(self, page: list[StoredSpan]) -> None:
        if any(span.run_id not in self._runs for span in page):
            self._runs = read_runs(self._store.query)
        held: list[Outcome] = []
        for outcome in self._outcomes(page):
            held.append(outcome)
            if outcome.exported or self.progress.exported:
                for each in held:
                    self._note_outcome(each)
                held.clear()
            if self._stop.is_set():
                return
        if held:
            # A missing header or a wrong path is answered like bad data. Until it has taken
            # something, refusals say nothing about the spans.
            raise NotAcceptedError(f"{held[-1].reason} It has taken nothing yet: see its address.")

    def _outcomes(self, page: list[StoredSpan]) -> Iterable[Outcome]:
        if self._failures < TRIES_BEFORE_SEEKING:
            return send_spans(self._sender, page, self._runs, content=self._content)
        return [send_around(self._sender, page, self._runs, content=self._content)]

    def _note_outcome(self, outcome: Outcome) -> None:
        place = self.progress
        place.exported += outcome.exported
        place.rejected += outcome.rejected
        place.refused += outcome.refused
        if outcome.refused or outcome.rejected:
            place.reason = outcome.reason
        if outcome.refused:
            self._say(
                f"{outcome.reason} Spans that it refuses are passed over; "
                "`latprobe doctor` counts them."
            )
        elif outcome.reason:
            self._say(f"{self._name} rejects {outcome.rejected} spans: {outcome.reason}")
        self._advance(outcome.last)

    def _advance(self, last: StoredSpan) -> None:
        place = self.progress
        place.ingest_seq, place.trace_id = last.ingest_seq, last.trace_id
        place.span_id = last.span_id
        place.problem = None
        place.answered_ns = wall_ns()
        self._save()

    def _note_problem(self, problem: str) -> None:
        if self._failing_since_s is None:
            self._failing_since_s = time.monotonic()
        if self.progress.problem != problem:
            self.progress.problem = problem
            self._say(f"the export waits: {problem} It is tried again; nothing is lost.")
            self._save()

    def _note_success(self) -> None:
        self._retry_s = self._first_retry_s
        self._failures = 0
        if self._failing_since_s is not None:
            self._failing_since_s = None
            log.info("the export to %s goes on", self._name)

    def _next_retry_s(self, after_s: float | None) -> float:
        """What the backend asked for, else twice as long as the last time, with some jitter."""
        pause = self._retry_s * random.uniform(0.8, 1.2)
        self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)
        return pause if after_s is None else max(after_s, self._first_retry_s)

    def _say(self, text: str) -> None:
        """Logs a sentence the first time."""
        if text not in self._said and len(self._said) < 1000:
            self._said.add(text)
            log.warning("%s", text)

    def _stored_progress(self) -> Progress:
        """Where this backend is; one that is new begins with what comes now."""
        rows = self._store.query(
            "SELECT key, value FROM meta WHERE key IN ('ingest_seq', ?)", [self._key]
        ).to_pylist()
        found = {row["key"]: row["value"] for row in rows}
        if self._key in found:
            try:
                return Progress(**json.loads(found[self._key]))
            except (ValueError, TypeError):
                log.warning("the place of the export to %s cannot be read", self._name)
        self.progress = Progress(ingest_seq=int(found.get("ingest_seq", 0)) + 1)
        self._save()
        return self.progress

    @property
    def _key(self) -> str:
        return META_PREFIX + self._name

    def _save(self) -> None:
        self._store.remember(self._key, json.dumps(asdict(self.progress)))
