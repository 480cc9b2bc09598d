"""What a span of time adds to the metrics: the store's rows in, one OTLP request out."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from latprobe.export.otlp_metrics import (
    DURATION_BOUNDS_NS,
    STAGE_BOUNDS_NS,
    TOKEN_BOUNDS,
    Interval,
    metrics_request,
)
from latprobe.journal import segment as fmt
from latprobe.store.owner import StoreOwner
from latprobe.version import VERSION
from tests.journal.building import WALL_NS, SegmentBuilder

END_NS = WALL_NS + 60_000_000_000
FIRST_BATCH = Interval(after_seq=0, through_seq=1, start_ns=WALL_NS, end_ns=END_NS)
SECONDS = [bound / 1e9 for bound in DURATION_BOUNDS_NS]
STAGE_SECONDS = [bound / 1e9 for bound in STAGE_BOUNDS_NS]
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "m-1",
}
FAILED = {**CALL, "error.type": "ValueError"}


def decoded(owner: StoreOwner, interval: Interval = FIRST_BATCH) -> list[dict[str, Any]]:
    request = metrics_request(owner.query, interval, host="box")
    message = MessageToDict(request, preserving_proto_field_name=True)
    found: list[dict[str, Any]] = message.get("resource_metrics", [])
    return found


def attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"string_value": value}} for key, value in values.items()]


def point(
    values: list[float], bucket: int, bounds: list[float], said: dict[str, str]
) -> dict[str, Any]:
    """A point whose values are all in one bucket."""
    counts = ["0"] * (len(bounds) + 1)
    counts[bucket] = str(len(values))
    return {
        "start_time_unix_nano": str(WALL_NS),
        "time_unix_nano": str(END_NS),
        "count": str(len(values)),
        "sum": sum(values),
        "min": min(values),
        "max": max(values),
        "bucket_counts": counts,
        "explicit_bounds": bounds,
        "attributes": attributes(said),
    }


def histogram(name: str, unit: str, text: str, points: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "unit": unit,
        "description": text,
        "histogram": {
            "aggregation_temporality": "AGGREGATION_TEMPORALITY_DELTA",
            "data_points": points,
        },
    }


def gauge(name: str, unit: str, value: float, *, at_ms: int) -> dict[str, Any]:
    reading = {
        "time_unix_nano": str(WALL_NS + at_ms * 1_000_000),
        "as_double": value,
        "attributes": attributes({"hw.id": "0"}),
    }
    return {"name": name, "unit": unit, "gauge": {"data_points": [reading]}}


def resource(values: dict[str, str], metrics: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "resource": {"attributes": attributes(values)},
        "scope_metrics": [{"scope": {"name": "latprobe", "version": VERSION}, "metrics": metrics}],
    }


def stage(name: str, seconds: float, bucket: int) -> dict[str, Any]:
    return point([seconds], bucket, STAGE_SECONDS, {"latprobe.stage.name": name})


def tokens(count: int, bucket: int, kind: str, said: dict[str, str]) -> dict[str, Any]:
    return point([count], bucket, list(TOKEN_BOUNDS), {**said, "gen_ai.token.type": kind})


def test_a_small_store_is_one_request(owner: StoreOwner) -> None:
    """The spans of building.py, two of them calls, and what a GPU said."""
    readings = [
        ("gpu.utilization_pct", 99.0, 3),
        ("gpu.utilization_pct", 25.0, 5),
        ("gpu.memory_utilization_pct", 50.0, 5),
        ("gpu.memory_used_bytes", 8_589_934_592.0, 5),
        ("gpu.sm_clock_mhz", 1980.0, 5),
    ]
    owner.insert_samples(
        [
            (WALL_NS + at_ms * 1_000_000, "gpu", "0", None, None, metric, value)
            for metric, value, at_ms in readings
        ]
    )
    other = {"gen_ai.request.model": "m-2"}

    assert decoded(owner) == [
        resource(
            {"service.name": "shop", "service.version": "7", "host.name": "box"},
            [
                histogram(
                    "gen_ai.client.operation.duration",
                    "s",
                    "How long a call took.",
                    [point([0.008], 0, SECONDS, FAILED), point([0.0075], 0, SECONDS, other)],
                ),
                histogram(
                    "gen_ai.client.token.usage",
                    "{token}",
                    "Tokens of a call; cached input and reasoning are counted in.",
                    [
                        tokens(100, 4, "input", CALL),
                        tokens(5, 2, "input", other),
                        tokens(20, 3, "output", CALL),
                    ],
                ),
                histogram(
                    "latprobe.stage.duration",
                    "s",
                    "How long a stage took.",
                    [
                        stage("ask", 0.009, 8),
                        stage("chat m-1", 0.008, 7),
                        stage("decode", 0.0075, 7),
                    ],
                ),
            ],
        ),
        resource(
            {"service.name": "latprobe", "host.name": "box"},
            [
                gauge("hw.gpu.memory.usage", "By", 8_589_934_592.0, at_ms=5),
                gauge("hw.gpu.memory.controller.utilization", "1", 0.5, at_ms=5),
                gauge("hw.gpu.power.draw", "W", 90.0, at_ms=1),
                gauge("hw.gpu.utilization", "1", 0.25, at_ms=5),
            ],
        ),
    ]


def test_nothing_new_is_no_resource(owner: StoreOwner) -> None:
    later = Interval(after_seq=1, through_seq=1, start_ns=END_NS, end_ns=END_NS + 1)

    assert decoded(owner, later) == []


@pytest.mark.parametrize(
    ("milliseconds", "bucket"),
    [(0, 0), (10, 0), (10.000001, 1), (20, 1), (81_920, 13), (81_920.000001, 14), (10**6, 14)],
)
def test_a_bucket_holds_its_upper_bound(tmp_path: Path, milliseconds: float, bucket: int) -> None:
    build = SegmentBuilder(tmp_path / "store" / "journal" / "a.lpj")
    build.span("call", duration=round(milliseconds * 1e6), details={"model": "m"})
    build.close()
    with StoreOwner(tmp_path / "store") as owner:
        owner.ingest_pending()
        found = decoded(owner)
    counts = found[0]["scope_metrics"][0]["metrics"][0]["histogram"]["data_points"][0][
        "bucket_counts"
    ]

    assert counts == ["1" if place == bucket else "0" for place in range(15)]


def test_time_to_the_first_chunk_is_a_histogram(tmp_path: Path) -> None:
    """Processes of one service, version and host are one resource with one point."""
    said = {**CALL, "gen_ai.response.time_to_first_chunk": 0.125}
    for number in (1, 2):
        build = SegmentBuilder(
            tmp_path / "store" / "journal" / f"{number}.lpj",
            run_uuid=uuid.UUID(int=number),
        )
        build.span("call", span=number, duration=500_000_000, details=(said, [], [], {}))
        build.close()
    with StoreOwner(tmp_path / "store") as owner:
        owner.ingest_pending()
        found = decoded(owner)

    assert [one["resource"] for one in found] == [
        {"attributes": attributes({"service.name": "shop"})}
    ]
    assert found[0]["scope_metrics"][0]["metrics"][1] == histogram(
        "gen_ai.client.operation.time_to_first_chunk",
        "s",
        "How long a call waited for the first piece of its answer.",
        [point([0.125, 0.125], 4, SECONDS, CALL)],
    )


def test_an_error_without_a_type_is_other(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "store" / "journal" / "a.lpj")
    build.span("call", flags=fmt.Flag.STATUS_ERROR, details={"model": "m"})
    build.close()
    with StoreOwner(tmp_path / "store") as owner:
        owner.ingest_pending()
        found = decoded(owner)
    duration = found[0]["scope_metrics"][0]["metrics"][0]["histogram"]["data_points"][0]

    assert duration["attributes"] == attributes(
        {"gen_ai.request.model": "m", "error.type": "_OTHER"}
    )
