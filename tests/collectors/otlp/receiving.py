"""A receiver over real sockets, for tests."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from latprobe.store.owner import StoreOwner
from latprobe_collectors.otlp.listening import Listening
from latprobe_collectors.otlp.receiver import OtlpReceiver
from tests.waiting import wait_until

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Receiving:
    """A running receiver and the store it fills."""

    receiver: OtlpReceiver
    owner: StoreOwner

    @property
    def http_url(self) -> str:
        """Where clients send traces."""
        return f"http://127.0.0.1:{self.receiver.ports['http']}/v1/traces"

    @property
    def grpc_target(self) -> str:
        """The same for gRPC."""
        return f"127.0.0.1:{self.receiver.ports['grpc']}"

    def send(
        self,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        method: str = "POST",
        path: str = "/v1/traces",
    ) -> Answer:
        """One request on a connection of its own."""
        con = http.client.HTTPConnection("127.0.0.1", self.receiver.ports["http"], timeout=20)
        try:
            # A refusal may come before the whole body was sent; clients read it all the same.
            with suppress(BrokenPipeError):
                con.request(method, path, body, PROTOBUF if headers is None else headers)
            answer = con.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            con.close()

    def names(self, count: int) -> list[str]:
        """The names of the stored spans, once there are `count`."""

        def found() -> list[str]:
            table = self.owner.query("SELECT name FROM spans ORDER BY name")
            names: list[str] = table.column("name").to_pylist()
            return names

        wait_until(lambda: len(found()) >= count)
        return found()


@contextmanager
def receiving(home: Path, *, token: str | None = None) -> Iterator[Receiving]:
    """A receiver on free ports."""
    with StoreOwner(home) as owner:
        receiver = OtlpReceiver(owner, Listening(http_port=0, grpc_port=0, token=token))
        receiver.start()
        try:
            yield Receiving(receiver, owner)
        finally:
            receiver.close()
