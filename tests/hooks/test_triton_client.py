"""tritonclient: its four clients against small local servers that speak their protocols."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latprobe.config import Settings
from latprobe.hooks import triton_client
from latprobe.testing import MemorySink
from tests.hooks.needing import needs

BATCH = np.arange(6, dtype=np.int32).reshape(2, 3)


class Doubling(BaseHTTPRequestHandler):
    """Model "double" answers with twice its input, as JSON; any other model is unknown."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = int(self.headers["Inference-Header-Content-Length"])
        asked = json.loads(body[:head])["inputs"][0]
        values = (np.frombuffer(body[head:], np.int32) * 2).tolist()
        output = {"name": "OUT", "datatype": "INT32", "shape": asked["shape"], "data": values}
        is_known = self.path == "/v2/models/double/versions/1/infer"
        reply = {"model_name": "double", "outputs": [output]} if is_known else {"error": "unknown"}
        text = json.dumps(reply).encode()
        self.send_response(200 if is_known else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Silent."""


@pytest.fixture
def http_port() -> Iterator[int]:
    """The port of a running HTTP server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Doubling)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def grpc_port() -> Iterator[int]:
    """The port of a running gRPC server."""
    grpc = needs("grpc")
    pb2 = needs("tritonclient.grpc.service_pb2")
    rpc = needs("tritonclient.grpc.service_pb2_grpc")
    base: Any = rpc.GRPCInferenceServiceServicer

    class Servicer(base):  # type: ignore[misc]  # the base is Any
        def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 (the protocol's name)
            doubled = np.frombuffer(request.raw_input_contents[0], np.int32) * 2
            reply = pb2.ModelInferResponse(model_name=request.model_name)
            reply.outputs.add(name="OUT", datatype="INT32", shape=request.inputs[0].shape)
            reply.raw_output_contents.append(doubled.tobytes())
            return reply

    server = grpc.server(ThreadPoolExecutor(2))
    rpc.add_GRPCInferenceServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait(10)


@pytest.fixture(autouse=True)
def _hooked() -> Iterator[None]:
    undo = triton_client.instrument(Settings(home=Path("unused")))
    yield
    undo()


def given(library: Any) -> list[Any]:
    tensor = library.InferInput("IN", [2, 3], "INT32")
    tensor.set_data_from_numpy(BATCH)
    return [tensor]


def check(sink: MemorySink, result: Any, port: int) -> None:
    assert result.as_numpy("OUT").tolist() == (BATCH * 2).tolist()
    span = sink.named("infer double")
    assert (span.kind, span.status, span.attributes) == (
        "client",
        "unset",
        {
            "model": "double",
            "gen_ai.provider.name": "triton",
            "triton.model_version": "1",
            "latprobe.batch_size": 2,
            "server.address": "127.0.0.1",
            "server.port": port,
        },
    )


def test_over_http(sink: MemorySink, http_port: int) -> None:
    library = needs("tritonclient.http")
    client = library.InferenceServerClient(f"127.0.0.1:{http_port}")
    result = client.infer("double", given(library), model_version="1")
    client.close()
    check(sink, result, http_port)


def test_over_grpc(sink: MemorySink, grpc_port: int) -> None:
    library = needs("tritonclient.grpc")
    with library.InferenceServerClient(f"127.0.0.1:{grpc_port}") as client:
        result = client.infer("double", given(library), "1")
    check(sink, result, grpc_port)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_with_asyncio(sink: MemorySink, protocol: str, request: pytest.FixtureRequest) -> None:
    library = needs(f"tritonclient.{protocol}.aio")
    port = request.getfixturevalue(f"{protocol}_port")

    async def infer() -> Any:
        async with library.InferenceServerClient(f"127.0.0.1:{port}") as client:
            return await client.infer("double", given(library), model_version="1")

    check(sink, asyncio.run(infer()), port)


def test_a_servers_error_is_recorded_and_raised_again(sink: MemorySink, http_port: int) -> None:
    library = needs("tritonclient.http")
    error = needs("tritonclient.utils").InferenceServerException
    client = library.InferenceServerClient(f"127.0.0.1:{http_port}")
    with pytest.raises(error, match="unknown"):
        client.infer("other", given(library))
    client.close()
    assert sink.named("infer other").status == "error"
