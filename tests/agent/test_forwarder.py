"""What enters the store reaches the backend, whatever the backend does in between."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from latprobe.agent.forwarder import Forwarder
from latprobe.errors import StoreError
from latprobe.export.otlp_send import open_sender
from latprobe.export.otlp_target import OtlpTarget
from latprobe.store.owner import StoreOwner
from tests.agent.agents import client_of, start
from tests.agent.certificates import self_signed
from tests.agent.otlp_backend import Answer, backend, partial
from tests.journal.building import SegmentBuilder
from tests.waiting import wait_until


def target(port: int, *, scheme: str = "http", certificate: str | None = None) -> OtlpTarget:
    return OtlpTarget(
        url=f"{scheme}://127.0.0.1:{port}/v1/traces",
        protocol="http/protobuf",
        timeout_s=0.5,
        certificate=certificate,
    )


@contextmanager
def forwarding(owner: StoreOwner, to: OtlpTarget) -> Iterator[Forwarder]:
    forwarder = Forwarder(owner, open_sender(to), name=to.shown, first_retry_s=0.01, poll_s=0.01)
    forwarder.start()
    try:
        yield forwarder
    finally:
        forwarder.stop()


def record(owner: StoreOwner, count: int, *, first: int = 1) -> list[int]:
    """Spans that are ingested as one batch; gives back their ids."""
    build = SegmentBuilder(owner.home / "journal" / f"{first}.lpj", capacity=count + 1)
    build.lean_spans([7] * count, first_span=first)
    build.close()
    owner.ingest_pending()
    return list(range(first, first + count))


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[StoreOwner]:
    with StoreOwner(tmp_path / "store") as found:
        yield found


def test_each_span_arrives_once_and_the_place_is_kept(owner: StoreOwner) -> None:
    with backend() as server, forwarding(owner, target(server.port)) as forwarder:
        first = record(owner, 1200)
        wait_until(lambda: len(server.kept) == 1200)
        second = record(owner, 3, first=5000)
        wait_until(lambda: not forwarder.needs_time())
        kept = sorted(server.kept)
    stored = owner.query("SELECT value FROM meta WHERE key LIKE 'forward:%'")["value"].to_pylist()

    assert kept == first + second
    assert max(len(span_ids) for _, _, span_ids in server.requests) == 512
    assert [json.loads(text) for text in stored] == [
        {
            "ingest_seq": 2,
            "trace_id": f"{7:032x}",
            "span_id": 5002,
            "exported": 1203,
            "rejected": 0,
            "refused": 0,
            "problem": None,
            "reason": None,
            "answered_ns": forwarder.progress.answered_ns,
        }
    ]


def test_what_was_stored_before_the_first_export_is_left_to_latprobe_export(
    owner: StoreOwner,
) -> None:
    record(owner, 5)
    with backend() as server, forwarding(owner, target(server.port)):
        later = record(owner, 2, first=100)
        wait_until(lambda: len(server.kept) >= 2)

        assert server.kept == later


def test_batches_far_apart_are_found(owner: StoreOwner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latprobe.agent.forwarder.PAGE_BATCHES", 1)
    with backend() as server:
        forwarder = Forwarder(
            owner, open_sender(target(server.port)), name="x", first_retry_s=60, poll_s=0.01
        )
        spans = record(owner, 3)
        for _ in range(3):
            owner.prune(days=36_500)
        spans += record(owner, 3, first=10) + record(owner, 2, first=20)
        forwarder.start()
        wait_until(lambda: not forwarder.needs_time())
        forwarder.stop()

    assert sorted(server.kept) == spans


def test_a_place_that_cannot_be_read_begins_with_what_comes(owner: StoreOwner) -> None:
    owner.remember("forward:x", '{"of":"a newer latprobe"}')
    record(owner, 1)
    forwarder = Forwarder(owner, open_sender(target(1)), name="x")

    assert (forwarder.progress.ingest_seq, forwarder.progress.exported) == (2, 0)


def test_a_backend_that_is_down_loses_and_repeats_nothing(owner: StoreOwner) -> None:
    port = closed_port()
    with forwarding(owner, target(port)) as forwarder:
        spans = record(owner, 700)
        wait_until(lambda: "cannot be reached" in (forwarder.progress.problem or ""))
        spans += record(owner, 600, first=1000)
        with backend(port) as server:
            wait_until(lambda: len(server.kept) >= 1300)
            wait_until(lambda: not forwarder.needs_time())

            assert (sorted(server.kept), forwarder.progress.problem) == (spans, None)


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503, 504])
def test_an_answer_about_place_or_moment_is_tried_again(owner: StoreOwner, status: int) -> None:
    with backend() as server:
        server.next = [Answer(status), Answer(status)]
        with forwarding(owner, target(server.port)) as forwarder:
            spans = record(owner, 10)
            wait_until(lambda: not forwarder.needs_time())

            assert (server.kept, len(server.requests)) == (spans, 3)


def test_retry_after_is_waited_for(owner: StoreOwner, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []
    with backend() as server:
        server.next = [Answer(429, {"Retry-After": "17"}), Answer(503, {"Retry-After": "x"})]
        with forwarding(owner, target(server.port)) as forwarder:
            retry_s = forwarder._next_retry_s

            def note(after_s: float | None) -> float:
                waited.append(after_s)
                return retry_s(None)

            monkeypatch.setattr(forwarder, "_next_retry_s", note)
            spans = record(owner, 1)
            wait_until(lambda: server.kept == spans)

    assert waited == [17.0, None]


def test_a_slow_backend_is_asked_again_and_nothing_is_skipped(owner: StoreOwner) -> None:
    hold = threading.Event()
    with backend() as server:
        server.next = [Answer(503, hold=hold)]
        with forwarding(owner, target(server.port)) as forwarder:
            spans = record(owner, 10)
            wait_until(lambda: len(server.requests) > 1)
            hold.set()
            wait_until(lambda: not forwarder.needs_time())

            assert server.kept == spans


def test_one_bad_span_is_passed_over_and_counted_and_the_others_arrive(
    owner: StoreOwner, caplog: pytest.LogCaptureFixture
) -> None:
    with backend() as server:
        server.decide = lambda span_ids: Answer(400 if 300 in span_ids else 200, body=b"bad span")
        with forwarding(owner, target(server.port)) as forwarder:
            spans = record(owner, 512)
            wait_until(lambda: not forwarder.needs_time())
            progress = forwarder.progress
            kept = sorted(server.kept)

    assert kept == [span for span in spans if span != 300]
    assert (progress.exported, progress.refused) == (511, 1)
    assert [
        record.getMessage() for record in caplog.records if "passed over" in record.message
    ] == [
        f"http://127.0.0.1:{server.port}/v1/traces answered 400 Bad Request: bad span. "
        "Spans that it refuses are passed over; `latprobe doctor` counts them."
    ]


def test_spans_that_break_the_backend_do_not_hold_up_the_others(
    owner: StoreOwner,
) -> None:
    bad = {1, 300, 1999}
    with backend() as server:
        server.decide = lambda span_ids: Answer(500 if bad & {*span_ids} else 200)
        with forwarding(owner, target(server.port)) as forwarder:
            spans = record(owner, 2000)
            wait_until(lambda: not forwarder.needs_time())
            progress = forwarder.progress
            kept = sorted(server.kept)

    reason = f"http://127.0.0.1:{server.port}/v1/traces answered 500 Internal Server Error."
    assert kept == [span for span in spans if span not in bad]
    assert (progress.exported, progress.refused) == (1997, 3)
    assert (progress.problem, progress.reason) == (None, reason)


def test_a_backend_that_answers_500_to_everything_is_waited_for(owner: StoreOwner) -> None:
    with backend() as server, forwarding(owner, target(server.port)) as forwarder:
        spans = record(owner, 3)
        wait_until(lambda: len(server.kept) == 3)
        server.decide = lambda span_ids: Answer(500)
        waiting = record(owner, 40, first=5000)
        wait_until(lambda: len(server.requests) > 80)
        set_aside = forwarder.progress.refused
        server.decide = lambda span_ids: Answer()
        wait_until(lambda: not forwarder.needs_time())

        assert (set_aside, forwarder.progress.refused) == (0, 0)
        assert {*server.kept} == {*spans, *waiting}


def test_one_span_that_breaks_the_backend_waits_until_another_shows_that_it_is_up(
    owner: StoreOwner,
) -> None:
    with backend() as server:
        server.decide = lambda span_ids: Answer(500 if 1 in span_ids else 200)
        with forwarding(owner, target(server.port)) as forwarder:
            record(owner, 1)
            wait_until(lambda: len(server.requests) > 8)
            alone = forwarder.progress.refused
            record(owner, 1, first=2)
            wait_until(lambda: not forwarder.needs_time())

            assert (alone, forwarder.progress.refused, server.kept) == (0, 1, [2])


def test_a_backend_that_refuses_everything_from_the_start_is_waited_for(owner: StoreOwner) -> None:
    with backend() as server:
        server.decide = lambda span_ids: Answer(422)
        with forwarding(owner, target(server.port)) as forwarder:
            spans = record(owner, 4)
            wait_until(lambda: forwarder.progress.problem)
            refused = forwarder.progress.refused
            server.decide = lambda span_ids: Answer()
            wait_until(lambda: not forwarder.needs_time())

            assert (refused, server.kept) == (0, spans)


def test_a_request_that_is_too_large_is_sent_in_parts(owner: StoreOwner) -> None:
    with backend() as server:
        server.decide = lambda span_ids: Answer(413 if len(span_ids) > 100 else 200)
        with forwarding(owner, target(server.port)) as forwarder:
            spans = record(owner, 512)
            wait_until(lambda: not forwarder.needs_time())

            assert (sorted(server.kept), forwarder.progress.refused) == (spans, 0)


def test_partial_success_is_counted_and_not_sent_again(owner: StoreOwner) -> None:
    with backend() as server:
        server.next = [partial(3, "ids of zero")]
        with forwarding(owner, target(server.port)) as forwarder:
            record(owner, 10)
            wait_until(lambda: not forwarder.needs_time())
            progress = forwarder.progress

            assert (progress.exported, progress.rejected) == (7, 3)
            assert len(server.requests) == 1


def test_a_wrong_certificate_stops_the_export_until_it_is_right(
    owner: StoreOwner, tmp_path: Path
) -> None:
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with backend(tls=context) as server:
        with forwarding(owner, target(server.port, scheme="https")) as forwarder:
            spans = record(owner, 5)
            wait_until(lambda: "CERTIFICATE_VERIFY_FAILED" in (forwarder.progress.problem or ""))
            assert server.requests == []
        trusting = target(server.port, scheme="https", certificate=str(certificate))
        with forwarding(owner, trusting) as forwarder:
            wait_until(lambda: not forwarder.needs_time())

            assert server.kept == spans


def test_a_kill_between_the_answer_and_the_place_repeats_that_request_only(
    owner: StoreOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember = owner.remember
    calls = 0

    def killed(key: str, value: str) -> None:
        nonlocal calls
        calls += 1
        if calls >= 2:
            raise StoreError("as if killed")
        remember(key, value)

    with backend() as server:
        to = target(server.port)
        first = Forwarder(owner, open_sender(to), name=to.shown, first_retry_s=60)
        monkeypatch.setattr(owner, "remember", killed)
        spans = record(owner, 1024)
        first.start()
        wait_until(lambda: calls >= 2)
        first.stop()
        monkeypatch.setattr(owner, "remember", remember)
        with forwarding(owner, to) as second:
            wait_until(lambda: not second.needs_time())
    times = Counter(server.kept)

    assert sorted(times) == spans
    assert sorted(set(times.values())) == [1, 2]
    assert sum(times.values()) - len(times) == 512


def test_a_killed_agent_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = closed_port()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj", capacity=4000).hold_lock()
    with backend(port) as server:
        process = start(tmp_path)
        client_of(tmp_path).close()
        build.lean_spans([1] * 600)
        wait_until(lambda: len(server.kept) == 600)
    process.kill()
    process.wait()
    process = start(tmp_path)
    with client_of(tmp_path) as client:
        build.lean_spans([1] * 600, first_span=601)
        wait_until(lambda: client.query("SELECT count(*) AS n FROM spans")["n"][0].as_py() == 1200)
        with backend(port) as server_again:
            wait_until(lambda: len(server_again.kept) >= 600, timeout_s=20)
        process.kill()
        process.wait()
    build.close()

    assert sorted({*server.kept, *server_again.kept}) == list(range(1, 1201))
    assert len(server.kept) + len(server_again.kept) <= 1200 + 512


def test_gzip_headers_and_resource_arrive_and_content_does_not(owner: StoreOwner) -> None:
    with backend() as server:
        to = OtlpTarget(
            url=f"http://127.0.0.1:{server.port}/v1/traces",
            protocol="http/protobuf",
            headers=(("x-key", "secret"),),
            is_gzip=True,
        )
        with forwarding(owner, to):
            build = SegmentBuilder(owner.home / "journal" / "a.lpj")
            build.span(details={"gen_ai.input.messages": "private", "page": 3})
            build.close()
            owner.ingest_pending()
            wait_until(lambda: server.kept)
    path, headers, _ = server.requests[0]
    resource = server.bodies[0].resource_spans[0]
    said = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    names = [pair.key for pair in resource.scope_spans[0].spans[0].attributes]

    assert (path, headers["x-key"], headers["content-encoding"]) == (
        "/v1/traces", "secret", "gzip",
    )  # fmt: skip
    assert said["service.name"] == "shop"
    assert names == ["page", "thread.name"]
    assert "secret" not in repr(to)
