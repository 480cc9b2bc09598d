"""What `latprobe doctor` says about the continuous export of spans and of metrics."""

from __future__ import annotations

from pathlib import Path

from latprobe.agent.forwarder import Forwarder
from latprobe.agent.metrics_forwarder import MetricsForwarder
from latprobe.cli import figures
from latprobe.cli.export_checks import export_findings
from latprobe.cli.finding import Finding
from latprobe.export.otlp_send import open_sender
from latprobe.export.otlp_target import OtlpTarget
from latprobe.store.owner import StoreOwner
from tests.agent.otlp_backend import Answer, backend, partial
from tests.journal.building import SegmentBuilder
from tests.waiting import wait_until


def test_each_backend_has_a_line_with_what_was_sent_and_what_waits(tmp_path: Path) -> None:
    with StoreOwner(tmp_path) as owner, backend() as server:
        target = OtlpTarget(f"http://127.0.0.1:{server.port}/v1/traces", "http/protobuf")
        forwarder = Forwarder(owner, open_sender(target), name=target.shown, first_retry_s=60)
        build = SegmentBuilder(tmp_path / "journal" / "a.lpj")
        build.lean_spans([1] * 4)
        build.close()
        owner.ingest_pending()
        before = export_findings(owner.query)
        server.next = [partial(1, "bad id"), Answer(503)]
        forwarder.start()
        wait_until(lambda: not forwarder.needs_time())
        sent = export_findings(owner.query)
        build = SegmentBuilder(tmp_path / "journal" / "b.lpj")
        build.span(span=99)
        build.close()
        owner.ingest_pending()
        wait_until(lambda: forwarder.progress.problem)
        forwarder.stop()
        waiting = export_findings(owner.query)
    name = target.shown

    assert before == [Finding("export", "ok", f"{name}: 0 spans sent, 4 wait")]
    not_taken = f"{name}: 3 spans sent, 1 not taken by the backend (the last: bad id)"
    assert sent == [Finding("export", "warn", not_taken)]
    assert waiting == [
        Finding(
            "export",
            "warn",
            f"{not_taken}, 1 wait: {name} answered 503 Service Unavailable.",
            "they are kept",
        )
    ]


def test_what_left_before_it_was_sent_is_said(tmp_path: Path) -> None:
    with StoreOwner(tmp_path) as owner:
        Forwarder(owner, open_sender(OtlpTarget("http://127.0.0.1:1", "http/protobuf")), name="x")
        owner.remember("unsent:x", "1200")

        assert export_findings(owner.query) == [
            Finding(
                "export",
                "warn",
                "x: 0 spans sent, 1,200 removed by retention before they were sent",
            )
        ]


def test_metrics_have_a_line_with_when_they_were_accepted_and_why_they_are_not(
    tmp_path: Path,
) -> None:
    with StoreOwner(tmp_path) as owner, backend() as server:
        target = OtlpTarget(f"http://127.0.0.1:{server.port}/v1/metrics", "http/protobuf")
        forwarder = MetricsForwarder(
            owner,
            open_sender(target),
            name=target.shown,
            host="box",
            interval_s=60.0,
            timeout_s=5.0,
        )
        before = export_findings(owner.query)
        for file in ("a", "b"):
            build = SegmentBuilder(tmp_path / "journal" / f"{file}.lpj")
            build.span(span=ord(file))
            build.close()
            owner.ingest_pending()
            server.next_metrics = [Answer(503)] if file == "b" else []
            forwarder._export()
        after = export_findings(owner.query)
        place = forwarder._place
        forwarder.stop()
    accepted = f"{target.shown}: metrics accepted {figures.local_time(place.accepted_ns)}"

    assert before == [Finding("export", "ok", f"{target.shown}: metrics not sent yet")]
    assert after == [
        Finding(
            "export",
            "warn",
            f"{accepted}, not accepted {figures.local_time(place.failed_ns)}: "
            f"{target.shown} answered 503 Service Unavailable.",
            "what they count is kept, and sent later",
        )
    ]
