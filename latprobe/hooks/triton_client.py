"""NVIDIA Triton's client: `infer` over HTTP and gRPC, plain and asyncio.

The HTTP client's `async_infer` and gRPC's streams are not recorded: they answer elsewhere.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from opentelemetry.trace import SpanKind

from latprobe.config import Settings
from latprobe.hooks import Undo
from latprobe.hooks.calls import Args, Kwargs, Site, argument, stage_calls
from latprobe.journal.segment import FLAGS_SHIFT
from latprobe.recorder import Stage, make_stage

_CLIENT = SpanKind.CLIENT.value << FLAGS_SHIFT


def instrument(settings: Settings) -> Undo:
    """Stages `infer MODEL`: model, version, batch size and the server's address."""
    path = "InferenceServerClient.infer"
    return stage_calls(
        __name__,
        (
            Site("tritonclient.http._client", path, _infer),
            Site("tritonclient.grpc._client", path, _infer),
            Site("tritonclient.http.aio", path, _infer, is_async=True),
            Site("tritonclient.grpc.aio", path, _infer, is_async=True),
        ),
    )


def _infer(args: Args, kwargs: Kwargs) -> Stage | None:
    model = argument(args, kwargs, 1, "model_name")
    if not args or model is None:
        return None
    found: dict[str, Any] = {"model": str(model), "gen_ai.provider.name": "triton"}
    version = argument(args, kwargs, 3, "model_version")
    if version:
        found["triton.model_version"] = str(version)
    inputs = argument(args, kwargs, 2, "inputs") or ()
    shape: Any = inputs[0].shape() if inputs else ()
    if len(shape) > 1:
        found["latprobe.batch_size"] = int(shape[0])
    host, port = _address(args[0])
    if host:
        found["server.address"] = host
    if port:
        found["server.port"] = port
    stage = make_stage(f"infer {model}", None, found)
    stage._flags = _CLIENT
    return stage


def _address(client: Any) -> tuple[str | None, int | None]:
    """Where each of the four clients keeps it; (None, None) for one that moved it."""
    parsed = getattr(client, "_parsed_url", None)  # HTTP
    if parsed is not None:
        return parsed.host, parsed.port
    url = getattr(client, "_url", None)  # HTTP, asyncio
    if url is None:
        # gRPC: the C channel inside knows its target, "ipv4:" or "dns:///" before the address.
        channel = getattr(getattr(client, "_channel", None), "_channel", None)
        target = getattr(channel, "target", None)
        target = target() if callable(target) else target
        if not isinstance(target, bytes):
            return None, None
        url = "//" + target.decode().rpartition("/")[2]
    parts = urlsplit(url)
    return parts.hostname, parts.port
