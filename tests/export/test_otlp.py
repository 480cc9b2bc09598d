"""OTLP requests from rows: what no golden file shows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprobe.export.otlp import any_value, to_request
from latprobe.export.stored_spans import read_runs, read_spans
from latprobe.store.owner import StoreOwner
from latprobe_collectors.otlp.values import plain

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(JSON)
def test_a_json_value_is_the_same_after_a_round_trip(value: Any) -> None:
    assert plain(any_value(value)) == value


@pytest.mark.parametrize(
    ("value", "said"), [(1 << 63, str(1 << 63)), (-(1 << 70), str(-(1 << 70)))]
)
def test_an_integer_beyond_64_bits_becomes_text(value: int, said: str) -> None:
    assert any_value(value).string_value == said


def test_a_request_has_a_resource_for_each_process_and_no_command_line(owner: StoreOwner) -> None:
    spans = [span for page in read_spans(owner.query) for span in page]
    request = to_request(spans, read_runs(owner.query))
    resource = {
        pair.key: pair.value.string_value or pair.value.int_value
        for pair in request.resource_spans[0].resource.attributes
    }

    assert len(request.resource_spans) == 1
    assert resource == {
        "service.name": "shop",
        "service.version": "7",
        "host.name": "box",
        "latprobe.run_id": "11111111222233334444555555555555",
        "telemetry.sdk.name": "latprobe",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": "0.1.0",
        "process.runtime.name": "cpython",
        "process.pid": 4242,
    }


@pytest.mark.parametrize(
    ("scope", "attributes", "named"),
    [
        ("@js/http@0.5", {}, ("@js/http", "0.5")),
        ("lib", {}, ("lib", "")),
        ("me@box", {"otel.scope.version": "3"}, ("me@box", "3")),
    ],
)
def test_a_scope_is_said_however_latprobe_kept_it(
    owner: StoreOwner, scope: str, attributes: dict[str, Any], named: tuple[str, str]
) -> None:
    first = next(read_spans(owner.query))[0]
    span = first._replace(scope=scope, attributes=attributes)
    request = to_request([span], read_runs(owner.query))
    said = request.resource_spans[0].scope_spans[0].scope
    assert (said.name, said.version) == named
