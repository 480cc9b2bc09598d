"""Where the receiver listens; light, so that it can be read before anything heavy is loaded."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from latprobe.errors import UsageError
from latprobe.setting_values import Redaction


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen. A `host` that is not this machine needs a `token`. Without `keeps_content`
    prompts and answers leave only their size, digest and counts. `redact` and `redact_with` are the
    settings of that name."""

    host: str = "127.0.0.1"
    http_port: int = 4318
    grpc_port: int = 4317
    token: str | None = None
    keeps_content: bool = True
    thumbnails: bool = False
    redact: tuple[str, ...] = ()
    redact_with: str | Redaction | None = None

    def check(self) -> None:
        """Raises UsageError for an open door."""
        if not _is_loopback(self.host) and not self.token:
            raise UsageError(
                f"Listening on {self.host} needs a token: set LATPROBE_OTLP_TOKEN, and send it as "
                "`Authorization: Bearer TOKEN`."
            )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
