"""What `latprobe doctor` says about the continuous export."""

from __future__ import annotations

from pathlib import Path

from latprobe.agent.forwarder import Forwarder
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
    assert sent == [Finding("export", "warn", f"{name}: 3 spans sent, 1 not taken by the backend")]
    assert waiting == [
        Finding(
            "export",
            "warn",
            f"{name}: 3 spans sent, 1 not taken by the backend, 1 wait: "
            f"{name} answered 503 Service Unavailable.",
            "they are kept",
        )
    ]
