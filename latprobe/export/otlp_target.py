"""Where OTLP goes and how: latprobe's own setting and the standard OTEL_EXPORTER_OTLP_* ones.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from latprobe.errors import UsageError

TRACES = "TRACES"
METRICS = "METRICS"
PATHS = {TRACES: "/v1/traces", METRICS: "/v1/metrics"}
GRPC_PORT = 4317
DEFAULT_TIMEOUT_S = 10.0
# The specification says milliseconds, the Python SDK reads seconds; nobody means 1,000 s.
FEWEST_MS = 1000.0
PROTOCOLS = ("grpc", "http/protobuf", "http/json")


@dataclass(frozen=True, slots=True)
class OtlpTarget:
    """One backend. `url` is the full URL for HTTP, scheme://host:port for gRPC; `headers` may hold
    secrets and are never shown."""

    url: str
    protocol: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout_s: float = DEFAULT_TIMEOUT_S
    is_gzip: bool = False
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    @property
    def shown(self) -> str:
        """The address without user names, passwords and queries."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))

    @property
    def is_secure(self) -> bool:
        return urlsplit(self.url).scheme == "https"

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or _default_port(parts.scheme)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


def find_target(
    endpoint: str | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    signal: str = TRACES,
) -> OtlpTarget | None:
    """The target that `endpoint` (latprobe's setting) or the environment names; None without one.

    `endpoint` wins over all variables for traces. For metrics OTEL_EXPORTER_OTLP_METRICS_ENDPOINT
    wins over it, as the only way to send them elsewhere, and OTEL_METRICS_EXPORTER switches them
    off either way. Raises UsageError for what cannot be meant.
    """
    exact = _said(environment, f"{signal}_ENDPOINT")
    is_off = "otlp" not in environment.get(f"OTEL_{signal}_EXPORTER", "otlp")
    if is_off and (signal == METRICS or not endpoint):
        return None
    if endpoint and signal == TRACES:
        exact = None
    address = exact or endpoint or _said(environment, "ENDPOINT")
    if not address:
        return None
    said = _Said(environment, signal)
    try:
        protocol = _protocol(address, said)
        url = _url(address, protocol, said, is_exact=exact is not None)
    except ValueError:  # urlsplit's word for brackets and ports that are none
        url = protocol = ""
    if urlsplit(url).hostname is None or urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(
            f"The OTLP endpoint {_without_secrets(address)!r} is no address; "
            "write http://HOST:4318 or https://HOST."
        )
    return OtlpTarget(
        url=url,
        protocol=protocol,
        headers=tuple(_headers(said.specific("HEADERS") or "")),
        timeout_s=_timeout(said.specific("TIMEOUT")),
        is_gzip=_is_gzip(said.specific("COMPRESSION")),
        certificate=said.specific("CERTIFICATE"),
        client_certificate=said.specific("CLIENT_CERTIFICATE"),
        client_key=said.specific("CLIENT_KEY"),
    )


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, by its name."""
    return host in ("localhost", "::1") or host.startswith("127.")


def _said(environment: Mapping[str, str], name: str) -> str | None:
    return environment.get(f"OTEL_EXPORTER_OTLP_{name}", "").strip() or None


@dataclass(frozen=True, slots=True)
class _Said:
    """The standard variables, read for one signal."""

    environment: Mapping[str, str]
    signal: str

    def specific(self, name: str) -> str | None:
        """The setting for the signal before the one for all signals."""
        return _said(self.environment, f"{self.signal}_{name}") or _said(self.environment, name)


def _protocol(address: str, said: _Said) -> str:
    protocol = said.specific("PROTOCOL")
    if protocol is None:
        parts = urlsplit(address if "//" in address else f"//{address}")
        is_grpc = parts.port == GRPC_PORT and not parts.path.strip("/")
        return "grpc" if is_grpc else "http/protobuf"
    if protocol not in PROTOCOLS:
        raise UsageError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; write one of {', '.join(PROTOCOLS)}."
        )
    return protocol


def _url(address: str, protocol: str, said: _Said, *, is_exact: bool) -> str:
    if "://" not in address:
        is_plain = (
            protocol != "grpc"
            or (said.specific("INSECURE") or "").lower() == "true"
            or is_loopback(urlsplit(f"//{address}").hostname or "")
        )
        address = f"{'http' if is_plain else 'https'}://{address}"
    parts = urlsplit(address)
    if protocol == "grpc":
        return (
            f"{parts.scheme}://{parts.hostname or ''}:{parts.port or _default_port(parts.scheme)}"
        )
    path = PATHS[said.signal]
    if is_exact or parts.path.endswith(path):
        return urlunsplit(parts._replace(path=parts.path or "/"))
    base = parts.path.rstrip("/")
    if said.signal != TRACES:  # latprobe's setting may name the traces' path
        base = base.removesuffix(PATHS[TRACES])
    return urlunsplit(parts._replace(path=base + path))


def _without_secrets(address: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _headers(text: str) -> list[tuple[str, str]]:
    found = []
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not part.strip():
            continue
        if not equals or not name.strip():
            raise UsageError(
                "OTEL_EXPORTER_OTLP_HEADERS has an entry without '='; write name=value,name=value."
            )
        found.append((unquote(name.strip()).lower(), unquote(value.strip())))
    return found


def _timeout(text: str | None) -> float:
    if text is None:
        return DEFAULT_TIMEOUT_S
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError(f"OTEL_EXPORTER_OTLP_TIMEOUT is {text!r}; write seconds, such as 10.")
    return value / 1000 if value >= FEWEST_MS else value


def _is_gzip(text: str | None) -> bool:
    if text in (None, "none", ""):
        return False
    if text == "gzip":
        return True
    raise UsageError(f"OTEL_EXPORTER_OTLP_COMPRESSION is {text!r}; write gzip or none.")
