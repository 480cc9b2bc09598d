"""Servers, worker processes and notebooks under `latprobe run`: every process records."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.instrumentation.running import PROGRAMS, Recorded, clean_environment, needs, run
from tests.instrumentation.running import recorded as recorded_in
from tests.instrumentation.vendor_server import Vendor, vendor

needs("requests", "httpx", "opentelemetry.instrumentation.requests")

REQUESTS = 6
SERVERS = {
    "gunicorn": ["gunicorn", "--workers", "2", "--bind", "127.0.0.1:0", "wsgi_app:application"],
    "uvicorn": ["uvicorn", "--port", "0", "--lifespan", "off", "asgi_app:application"],
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Vendor]:
    with vendor() as running:
        yield running


@pytest.mark.parametrize("server", SERVERS)
def test_every_worker_of_a_server_records_its_requests_and_their_calls(
    server: str, upstream: Vendor, tmp_path: Path
) -> None:
    needs_server = pytest.importorskip(server)
    command = [
        sys.executable, "-m", "latprobe.cli", "run", "-q", "--",
        sys.executable, "-m", needs_server.__name__, *SERVERS[server][1:],
    ]  # fmt: skip
    environment = {
        **clean_environment(),
        "LATPROBE_HOME": str(tmp_path),
        "LATPROBE_AGENT": "off",
        "UPSTREAM": upstream.base_url,
    }
    process = subprocess.Popen(
        command, env=environment, cwd=PROGRAMS, stderr=subprocess.PIPE, text=True
    )
    try:
        url = _listening_url(process)
        for _ in range(REQUESTS):
            with urllib.request.urlopen(url, timeout=20) as answer:
                assert answer.read() == b"done"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        assert process.stderr is not None
        process.stderr.close()
    _check(recorded_in(tmp_path), "page", REQUESTS)


def _listening_url(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found.group()
    raise AssertionError("the server ended before it listened")


def _check(found: Recorded, stage: str, count: int) -> None:
    """Each of `count` stages is a trace of its own with its one call in it."""
    stages = [span for span in found.spans if span["name"] == stage]
    parents = [span["parent_span_id"] for span in found.spans if span["name"] == "GET"]
    assert len(stages) == count
    assert {span["parent_span_id"] for span in stages} == {None}
    assert sorted(parents) == sorted(span["span_id"] for span in stages)


def test_forked_and_spawned_processes_record(upstream: Vendor, tmp_path: Path) -> None:
    found = run("processes.py", tmp_path, upstream.base_url)
    names = [span["name"] for span in found.spans]
    assert {name: names.count(name) for name in set(names)} == {
        "job fork": 4,
        "job spawn": 4,
        "GET": 8,
    }


def test_a_notebooks_kernel_records(upstream: Vendor, tmp_path: Path) -> None:
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    settings = {"IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTER_PLATFORM_DIRS": "1"}
    found = run("notebook.py", tmp_path / "store", upstream.base_url, **settings)
    assert found.one("cell")["name"] == "GET"
