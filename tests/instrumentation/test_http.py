"""httpx and requests under `latprobe run`."""

from __future__ import annotations

import pytest

from tests.instrumentation.running import Recorded, needs, run
from tests.instrumentation.vendor_server import vendor

needs(
    "httpx", "requests", "opentelemetry.instrumentation.httpx",
    "opentelemetry.instrumentation.requests",
)  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    with vendor() as server:
        return run("http_calls.py", tmp_path_factory.mktemp("store"), server.base_url)


@pytest.mark.parametrize(
    ("stage", "name", "status", "code"),
    [
        ("requests", "GET", "unset", 200),
        ("requests failing", "POST", "error", 429),
        ("httpx", "GET", "unset", 200),
        ("httpx failing", "POST", "error", 429),
        ("httpx async", "GET", "unset", 200),
    ],
)
def test_a_request_has_its_method_and_the_status_that_was_served(
    found: Recorded, stage: str, name: str, status: str, code: int
) -> None:
    span = found.one(stage)
    attributes = span["attributes"]
    served = attributes.get("http.response.status_code", attributes.get("http.status_code"))
    assert (span["name"], span["kind"], span["status"], served) == (name, "client", status, code)


def test_a_refused_connection_is_an_error(found: Recorded) -> None:
    span = found.one("requests refused")
    assert (span["status"], span["error_type"]) == (
        "error",
        "requests.exceptions.ConnectionError",
    )
