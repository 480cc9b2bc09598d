"""What `latprobe show` says of a span that failed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from latprobe.cli.waterfall import failure


@pytest.mark.parametrize(
    ("message", "error_type", "attributes", "said"),
    [
        ("gone", "OSError", {"http.response.status_code": 503}, "gone"),
        (None, None, {"http.response.status_code": 503}, "HTTP status 503"),
        (None, "503", {"http.status_code": 503}, "HTTP status 503"),
        (None, "TimeoutError", {}, "TimeoutError"),
        (None, None, {}, "no message was recorded"),
    ],
)
def test_a_failure_without_a_message_names_what_is_known(
    message: str | None, error_type: str | None, attributes: dict[str, Any], said: str
) -> None:
    span = SimpleNamespace(status_message=message, error_type=error_type, attributes=attributes)
    assert failure(cast(Any, span)).startswith(said)
