"""What enters the store is counted by the backend once, whatever the backend does in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint

from latprobe.agent.metrics_forwarder import MetricsForwarder, export_interval_s
from latprobe.agent.outlets import Outlets
from latprobe.errors import UsageError
from latprobe.export.otlp_send import open_sender
from latprobe.export.otlp_target import OtlpTarget
from latprobe.store.owner import StoreOwner
from latprobe_collectors.otlp.listening import Listening
from tests.agent.agents import client_of, start
from tests.agent.otlp_backend import Answer, OtlpBackend, backend, partial
from tests.agent.test_forwarder import closed_port, record
from tests.journal.building import SegmentBuilder
from tests.waiting import wait_until

HOUR_S = 3600.0


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[StoreOwner]:
    with StoreOwner(tmp_path / "store") as found:
        yield found


@contextmanager
def forwarding(
    owner: StoreOwner, port: int, *, interval_s: float = 0.01
) -> Iterator[MetricsForwarder]:
    to = OtlpTarget(
        url=f"http://127.0.0.1:{port}/v1/metrics", protocol="http/protobuf", timeout_s=2.0
    )
    forwarder = MetricsForwarder(
        owner,
        open_sender(to),
        name=to.shown,
        host="box",
        interval_s=interval_s,
        timeout_s=to.timeout_s,
    )
    forwarder.start()
    try:
        yield forwarder
    finally:
        forwarder.stop()


def stage_points(server: OtlpBackend) -> list[HistogramDataPoint]:
    """latprobe.stage.duration's points, in the order in which they were accepted."""
    return [
        point
        for request in server.metrics
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "latprobe.stage.duration"
        for point in metric.histogram.data_points
    ]


def counted(server: OtlpBackend) -> int:
    return sum(point.count for point in stage_points(server))


def test_each_span_is_counted_once_in_intervals_that_do_not_overlap(owner: StoreOwner) -> None:
    with backend() as server, forwarding(owner, server.port):
        record(owner, 700)
        wait_until(lambda: counted(server) == 700)
        record(owner, 3, first=5000)
        wait_until(lambda: counted(server) == 703)
    points = stage_points(server)

    assert [point.count for point in points] == [700, 3]
    assert all(
        before.time_unix_nano <= after.start_time_unix_nano for before, after in pairwise(points)
    )


def test_what_was_stored_before_the_first_export_is_not_counted(owner: StoreOwner) -> None:
    record(owner, 5)
    with backend() as server, forwarding(owner, server.port):
        record(owner, 2, first=100)
        wait_until(lambda: counted(server) > 0)

    assert counted(server) == 2


def test_a_backend_that_is_down_loses_and_doubles_nothing(owner: StoreOwner) -> None:
    port = closed_port()
    with forwarding(owner, port) as forwarder:
        record(owner, 7)
        wait_until(lambda: forwarder._failures > 0)
        record(owner, 5, first=100)
        with backend(port) as server:
            wait_until(lambda: counted(server) >= 12)
            record(owner, 1, first=200)
            wait_until(lambda: counted(server) >= 13)

    assert counted(server) == 13


@pytest.mark.parametrize("status", [400, 401, 404, 413, 429, 503])
def test_what_is_not_accepted_is_asked_again_as_one_interval(
    owner: StoreOwner, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with backend() as server:
        server.next_metrics = [Answer(status), Answer(status)]
        with forwarding(owner, server.port):
            record(owner, 4)
            wait_until(lambda: counted(server) >= 4)

    assert [point.count for point in stage_points(server)] == [4]
    assert sum("wait: " in record.getMessage() for record in caplog.records) == 1


def test_a_partial_success_is_said_and_not_sent_again(
    owner: StoreOwner, caplog: pytest.LogCaptureFixture
) -> None:
    with backend() as server:
        server.next_metrics = [partial(1, "too old")]
        with forwarding(owner, server.port):
            record(owner, 4)
            wait_until(lambda: counted(server) >= 4)
    said = [record.getMessage() for record in caplog.records]

    assert (counted(server), said) == (
        4,
        [f"http://127.0.0.1:{server.port}/v1/metrics rejects 1 data points: too old"],
    )


def test_the_rest_is_sent_when_the_agent_leaves(owner: StoreOwner) -> None:
    with backend() as server, forwarding(owner, server.port, interval_s=HOUR_S):
        record(owner, 9)

    assert counted(server) == 9


def test_leaving_waits_for_an_answer_that_is_on_its_way(owner: StoreOwner) -> None:
    hold = threading.Event()

    def release() -> None:
        wait_until(lambda: not server.next_metrics)
        hold.set()

    with backend() as server:
        server.next_metrics = [Answer(hold=hold)]
        with forwarding(owner, server.port, interval_s=HOUR_S):
            record(owner, 2)
            threading.Thread(target=release).start()
        with forwarding(owner, server.port, interval_s=HOUR_S):
            pass

    assert counted(server) == 2


def test_the_next_agent_goes_on_where_the_last_one_was(owner: StoreOwner) -> None:
    port = closed_port()
    with forwarding(owner, port, interval_s=HOUR_S) as first:
        begun_ns = first._place.time_ns
        record(owner, 6)
    with backend(port) as server:
        for number in range(2):
            with forwarding(owner, port, interval_s=HOUR_S):
                record(owner, 1, first=100 + number)
    points = stage_points(server)

    assert [point.count for point in points] == [7, 1]
    assert points[0].start_time_unix_nano == begun_ns
    assert points[1].start_time_unix_nano == points[0].time_unix_nano


def test_an_agent_that_is_killed_counts_nothing_twice_and_one_that_leaves_sends_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj", capacity=100).hold_lock()

    def ingested(count: int) -> None:
        with client_of(tmp_path) as client:
            wait_until(
                lambda: client.query("SELECT count(*) AS n FROM spans")["n"][0].as_py() == count
            )

    with backend() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.port}")
        killed = start(tmp_path)
        ingested(0)
        build.lean_spans([1] * 40)
        ingested(40)
        killed.kill()
        killed.wait()
        leaving = start(tmp_path)
        build.lean_spans([1] * 20, first_span=41)
        ingested(60)
        leaving.terminate()
        leaving.wait()
    build.close()

    assert [point.count for point in stage_points(server)] == [60]


def test_a_place_that_cannot_be_read_begins_with_what_comes(owner: StoreOwner) -> None:
    with backend() as server:
        owner.remember(f"metrics:http://127.0.0.1:{server.port}/v1/metrics", '{"of":"a newer"}')
        record(owner, 5)
        with forwarding(owner, server.port, interval_s=HOUR_S):
            record(owner, 2, first=100)

    assert counted(server) == 2


@pytest.mark.parametrize("said", ["none", "console", "prometheus"])
def test_metrics_are_switched_off_without_the_spans(
    owner: StoreOwner, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", said)
    with backend() as server:
        monkeypatch.setenv("LATPROBE_OTLP_ENDPOINT", f"http://127.0.0.1:{server.port}")
        outlets = Outlets(owner)
        outlets.start()
        record(owner, 1)
        wait_until(lambda: server.kept == [1])
        outlets.stop()

    assert server.metrics == []


def test_the_endpoint_of_the_spans_gets_the_metrics_too(
    owner: StoreOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
    with backend() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.port}")
        outlets = Outlets(owner)
        outlets.start()
        record(owner, 3)
        wait_until(lambda: counted(server) == 3)
        outlets.stop()

    assert counted(server) == 3


def test_an_agent_sends_no_metrics_to_itself(
    owner: StoreOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with backend() as server:
        monkeypatch.setenv("LATPROBE_OTLP_ENDPOINT", f"http://localhost:{server.port}")
        outlets = Outlets(owner, Listening(http_port=server.port))
        outlets.start()
        record(owner, 1)
        outlets.stop()

    assert server.metrics == []


def test_the_interval_is_the_standard_variable_s() -> None:
    name = "OTEL_METRIC_EXPORT_INTERVAL"

    assert (export_interval_s({}), export_interval_s({name: "1500"})) == (60.0, 1.5)
    for wrong in ("soon", "0", "-5", "nan", "inf"):
        with pytest.raises(UsageError, match="write milliseconds, such as 60000"):
            export_interval_s({name: wrong})


def test_an_interval_that_cannot_be_meant_costs_the_metrics_only(
    owner: StoreOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "soon")
    with backend() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.port}")
        outlets = Outlets(owner)
        outlets.start()
        record(owner, 1)
        wait_until(lambda: server.kept == [1])
        outlets.stop()

    assert owner.notes == [
        "No metrics are exported: OTEL_METRIC_EXPORT_INTERVAL is 'soon'; "
        "write milliseconds, such as 60000."
    ]
