"""What the agent takes in besides the journal: OTLP, if asked to, and what it once accepted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from latprobe.errors import LatprobeError
from latprobe_collectors.otlp.listening import Listening

if TYPE_CHECKING:
    from latprobe.store.owner import StoreOwner
    from latprobe_collectors.otlp.receiver import OtlpReceiver

log = logging.getLogger("latprobe.agent")

MISSING = "OTLP is not received: pip install 'latprobe[otlp]'"


class Inlets:
    """The receiver, if there is one. One that cannot be had is a note in the status."""

    def __init__(self, owner: StoreOwner, listening: Listening | None) -> None:
        self._owner = owner
        self._receiver: OtlpReceiver | None = None
        if listening is None:
            take_leftovers(owner)
            return
        try:
            from latprobe_collectors.otlp.receiver import OtlpReceiver
        except ImportError as error:
            self._note(f"{MISSING} ({error})")
            return
        try:
            self._receiver = OtlpReceiver(owner, listening)
        except LatprobeError as error:
            self._note(f"OTLP is not received: {error}")

    @property
    def is_listening(self) -> bool:
        """Whether others may send at any time, so that the agent has to stay."""
        return self._receiver is not None and self._receiver.is_listening

    def start(self) -> None:
        """Accepts from now on."""
        if self._receiver is not None:
            self._receiver.start()
            for problem in self._receiver.problems:
                self._note(problem)

    def stop(self) -> None:
        """Returns when all that was accepted is in the store."""
        if self._receiver is not None:
            self._receiver.close()

    def _note(self, text: str) -> None:
        log.warning("%s", text)
        self._owner.notes.append(text)


def take_leftovers(owner: StoreOwner) -> None:
    """Takes in what a receiver had accepted for this store before it was killed."""
    folder = owner.home / "otlp"
    if not any(folder.glob("*.otlp")):
        return
    try:
        from latprobe_collectors.otlp.spool import Spool
        from latprobe_collectors.otlp.spool_ingest import SpoolIngest
    except ImportError as error:
        owner.notes.append(f"Received spans wait in {folder}. {MISSING} ({error})")
        return
    try:
        ingest = SpoolIngest(owner, Spool(folder))
        while ingest.take():
            pass
        ingest.close()
    except (LatprobeError, OSError) as error:
        owner.note_failure(f"Received spans wait in {folder}: {error}")
