"""Sends the example's recorded traces to real backends and asks each what arrived.

    python tests/backends/check.py [phoenix|mlflow ...]

Installs Arize Phoenix and MLflow from packages into build/backends/ (2 GB, once), starts each on
127.0.0.1, exports sample_traces/document_qa with `latprobe export`, and compares names, parents,
tokens and durations, asked through the backend's own API. Not a part of `make test`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from latprobe.store.reader import open_reader

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "build" / "backends"
SAMPLE = ROOT / "sample_traces" / "document_qa"
START_S = 300.0
VISIBLE_S = 60.0
QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PHOENIX_TELEMETRY_ENABLED": "false",
}
MS = 1_000_000


class Seen(NamedTuple):
    """A span as far as backends tell; the duration in whole us."""

    trace_id: str
    parent: str | None
    name: str
    duration_us: int
    input_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True)
class Backend:
    """How to install, start, feed and ask one of them."""

    name: str
    package: str
    command: Callable[[Path, int, Path], list[str]]
    environment: Callable[[int, Path], dict[str, str]]
    health: str
    ask: Callable[[Path, int], dict[str, Seen]]
    headers: Mapping[str, str] = field(default_factory=dict)


def main(names: list[str]) -> int:
    """0 when every backend has all spans right."""
    chosen = [backend for backend in BACKENDS if not names or backend.name in names]
    with tempfile.TemporaryDirectory(prefix="latprobe-backends-") as folder:
        home = Path(folder) / "store"
        run_latprobe(home, "import", str(SAMPLE))
        wanted = recorded(home)
        results = [check(backend, home, wanted, Path(folder)) for backend in chosen]
    return 0 if all(results) else 1


def check(backend: Backend, home: Path, wanted: dict[str, Seen], folder: Path) -> bool:
    """Prints what one backend made of it."""
    bin_folder = installed(backend)
    with running(backend, bin_folder, folder / backend.name) as port:
        started = time.monotonic()
        run_latprobe(home, "export", "--to", f"http://127.0.0.1:{port}", headers=backend.headers)
        sent_s = time.monotonic() - started
        found = wait_for(backend, bin_folder, port, wanted)
    missing = wanted.keys() - found.keys()
    wrong = {key for key in wanted.keys() & found.keys() if not same(wanted[key], found[key])}
    calls = [span for span in found.values() if span.input_tokens is not None]
    print(
        f"{backend.name}: {len(found)} of {len(wanted)} spans in {sent_s:.1f} s, "
        f"{len(missing)} missing, {len(wrong)} different; {len(calls)} model calls with "
        f"{sum(call.input_tokens or 0 for call in calls)} input and "
        f"{sum(call.output_tokens or 0 for call in calls)} output tokens"
    )
    for key in sorted(wrong)[:5]:
        print(f"  wanted {wanted[key]}\n  found  {found[key]}")
    return not missing and not wrong


def same(wanted: Seen, found: Seen) -> bool:
    """Equal, but for times that a backend keeps in us."""
    near = abs(wanted.duration_us - found.duration_us) <= 1
    return near and wanted._replace(duration_us=0) == found._replace(duration_us=0)


def recorded(home: Path) -> dict[str, Seen]:
    """What was recorded, by span id."""
    with open_reader(home, start_agent=False) as store:
        rows = store.query(
            "SELECT replace(trace_id::VARCHAR, '-', '') AS trace_id, "
            "format('{:016x}', span_id) AS span_id, format('{:016x}', parent_span_id) AS parent, "
            "name, duration_ns, input_tokens, output_tokens FROM spans"
        ).to_pylist()
    return {
        row.pop("span_id"): Seen(duration_us=row.pop("duration_ns") // 1000, **row) for row in rows
    }


def installed(backend: Backend) -> Path:
    """The bin folder of the backend's own environment."""
    folder = PLACE / backend.name
    bin_folder = folder / "bin"
    if not (bin_folder / backend.name).exists():
        print(f"installing {backend.package} into {folder.relative_to(ROOT)} ...", flush=True)
        venv.create(folder, with_pip=True)
        pip = [str(bin_folder / "python"), "-m", "pip", "install", "--quiet", backend.package]
        subprocess.run(pip, check=True)
    return bin_folder


@contextmanager
def running(backend: Backend, bin_folder: Path, folder: Path) -> Iterator[int]:
    """The port of a server that answers; it is gone at the end."""
    folder.mkdir()
    port = free_port()
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(
            backend.command(bin_folder, port, folder),
            env={**os.environ, **QUIET, **backend.environment(port, folder)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until_healthy(server, f"http://127.0.0.1:{port}{backend.health}", folder / "log")
        yield port
    finally:
        os.killpg(server.pid, 15)  # the session that was started above
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, 9)
            server.wait()


def wait_until_healthy(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    pause = threading.Event()
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            pause.wait(0.5)
    raise SystemExit(f"the server did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def wait_for(
    backend: Backend, bin_folder: Path, port: int, wanted: dict[str, Seen]
) -> dict[str, Seen]:
    """What is visible once all of it is, or after a while."""
    pause = threading.Event()
    deadline = time.monotonic() + VISIBLE_S
    while True:
        found = backend.ask(bin_folder, port)
        if wanted.keys() <= found.keys() or time.monotonic() > deadline:
            return found
        pause.wait(1.0)


def ask_phoenix(_: Path, port: int) -> dict[str, Seen]:
    """Through Phoenix's REST API."""
    found: dict[str, Seen] = {}
    cursor = ""
    while True:
        url = f"http://127.0.0.1:{port}/v1/projects/default/spans?limit=100{cursor}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            page: dict[str, Any] = json.load(answer)
        for span in page["data"]:
            took = datetime.fromisoformat(span["end_time"]) - datetime.fromisoformat(
                span["start_time"]
            )
            found[span["context"]["span_id"]] = Seen(
                trace_id=span["context"]["trace_id"],
                parent=span["parent_id"],
                name=span["name"],
                duration_us=took.days * 86_400_000_000 + took.seconds * MS + took.microseconds,
                input_tokens=span["attributes"].get("llm.token_count.prompt"),
                output_tokens=span["attributes"].get("llm.token_count.completion"),
            )
        if not page["next_cursor"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"


_MLFLOW = """
import json, sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
client, token, found = mlflow.MlflowClient(), None, {}
while True:
    page = client.search_traces(locations=["0"], max_results=100, page_token=token)
    for trace in page:
        for span in trace.data.spans:
            usage = span.attributes.get("mlflow.chat.tokenUsage") or {}
            found[span.span_id] = [
                span.trace_id.removeprefix("tr-"), span.parent_id, span.name,
                (span.end_time_ns - span.start_time_ns) // 1000,
                usage.get("input_tokens"), usage.get("output_tokens"),
            ]
    token = page.token
    if not token:
        break
print(json.dumps(found))
"""


def ask_mlflow(bin_folder: Path, port: int) -> dict[str, Seen]:
    """Through MLflow's client, in its own environment."""
    done = subprocess.run(
        [str(bin_folder / "python"), "-W", "ignore", "-c", _MLFLOW, f"http://127.0.0.1:{port}"],
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = json.loads(done.stdout.splitlines()[-1])
    return {span_id: Seen(*values) for span_id, values in rows.items()}


def run_latprobe(home: Path, *arguments: str, headers: Mapping[str, str] | None = None) -> None:
    """One command on the store; no agent, no settings of the person who runs this."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LATPROBE_", "OTEL_"))}
    said = ",".join(f"{name}={value}" for name, value in (headers or {}).items())
    subprocess.run(
        [sys.executable, "-m", "latprobe.cli", *arguments],
        env={
            **clean,
            "LATPROBE_HOME": str(home),
            "LATPROBE_AGENT": "off",
            "OTEL_EXPORTER_OTLP_HEADERS": said,
            "PYTHONPATH": str(ROOT),
        },
        check=True,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


BACKENDS = (
    Backend(
        name="phoenix",
        package="arize-phoenix==20.26.1",
        command=lambda place, port, folder: [str(place / "phoenix"), "serve"],
        environment=lambda port, folder: {
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(free_port()),
            "PHOENIX_WORKING_DIR": str(folder),
        },
        health="/healthz",
        ask=ask_phoenix,
    ),
    Backend(
        name="mlflow",
        package="mlflow==3.17.2",
        command=lambda place, port, folder: [
            str(place / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port),
            "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
            "--default-artifact-root", str(folder / "artifacts"),
        ],
        environment=lambda port, folder: {},
        health="/health",
        ask=ask_mlflow,
        headers={"x-mlflow-experiment-id": "0"},
    ),
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
