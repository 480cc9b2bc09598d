"""The receiver as the agent sees it: switched on, listening, switched off."""

from __future__ import annotations

import logging
from typing import Protocol

from latprobe.errors import StoreError
from latprobe.redaction import Redactor
from latprobe.store.content_policy import ContentPolicy
from latprobe.store.owner import StoreOwner
from latprobe_collectors.otlp.http_receiver import HttpReceiver
from latprobe_collectors.otlp.intake import Intake
from latprobe_collectors.otlp.listening import Listening
from latprobe_collectors.otlp.redaction import SpoolPolicy
from latprobe_collectors.otlp.spool import FOLDER, Spool
from latprobe_collectors.otlp.spool_ingest import SpoolThread

log = logging.getLogger("latprobe.agent")


class Listener(Protocol):
    """One protocol's server."""

    @property
    def port(self) -> int: ...

    def start(self) -> None: ...
    def close(self) -> None: ...


class OtlpReceiver:
    """Accepts spans until `close`; what was accepted goes into the store of `owner`."""

    def __init__(self, owner: StoreOwner, where: Listening) -> None:
        where.check()
        self._spool = Spool(owner.home / FOLDER)
        self._store = SpoolThread(owner, self._spool)
        intake = Intake(self._spool, token=where.token, policy=_policy(where))
        self.problems: list[str] = []
        self._listeners: dict[str, Listener] = {}
        for name, listen in (("http", _http), ("grpc", _grpc)):
            try:
                self._listeners[name] = listen(intake, where)
            except StoreError as error:
                self.problems.append(str(error))

    @property
    def ports(self) -> dict[str, int]:
        """The port of each protocol that could be had."""
        return {name: listener.port for name, listener in self._listeners.items()}

    @property
    def is_listening(self) -> bool:
        """Whether any port could be had."""
        return bool(self._listeners)

    def start(self) -> None:
        """Answers from now on; takes in what an earlier agent accepted."""
        self._store.start()
        for listener in self._listeners.values():
            listener.start()
        for name, port in self.ports.items():
            log.info("OTLP over %s is received on port %d", name, port)

    def close(self) -> None:
        """Stops listening; returns when what was accepted is in the store."""
        for listener in self._listeners.values():
            listener.close()
        self._store.stop()


def _policy(where: Listening) -> SpoolPolicy:
    redactor = None
    if where.redact or where.redact_with is not None:
        redactor = Redactor(where.redact, where.redact_with)
    content = ContentPolicy(where.keeps_content, thumbnails=where.thumbnails)
    return SpoolPolicy(content, redactor)


def _http(intake: Intake, where: Listening) -> Listener:
    try:
        return HttpReceiver(intake, where.host, where.http_port)
    except OSError as error:
        raise StoreError(_busy(where.host, where.http_port, "http", error)) from error


def _grpc(intake: Intake, where: Listening) -> Listener:
    try:
        from latprobe_collectors.otlp.grpc_receiver import GrpcReceiver
    except ImportError:
        raise StoreError(
            "OTLP is received over HTTP only. For gRPC: pip install 'latprobe[otlp]'"
        ) from None
    try:
        return GrpcReceiver(intake, where.host, where.grpc_port)
    except OSError as error:
        raise StoreError(_busy(where.host, where.grpc_port, "grpc", error)) from error


def _busy(host: str, port: int, name: str, error: OSError) -> str:
    return (
        f"OTLP over {name} is not received: {host}:{port} cannot be listened on "
        f"({error.strerror or 'it is in use'}). Name another with --otlp-{name}-port."
    )
