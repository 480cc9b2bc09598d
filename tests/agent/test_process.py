"""The agent as a process: takes in, answers, leaves, and survives its own death."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from pathlib import Path

import pytest

from latprobe.agent import process as process_module
from latprobe.agent.client import AgentGoneError
from latprobe.agent.process import AgentProcess
from latprobe.errors import UsageError
from latprobe.store.folder_lock import FolderLock
from latprobe.store.owner import StoreOwner
from tests.agent.agents import client_of, running_agent, start
from tests.journal.building import SegmentBuilder
from tests.waiting import wait_until


def count(client: object) -> int:
    query = client.query  # type: ignore[attr-defined]  # a client or an owner
    found: int = query("SELECT count(*) AS n FROM spans").to_pylist()[0]["n"]
    return found


def test_spans_of_a_living_writer_can_be_queried_after_a_flush(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj").hold_lock()
    with running_agent(tmp_path) as client:
        build.span(span=1)
        seen = [client.flush(5.0), count(client)]
        build.span(span=2)
        seen += [client.flush(5.0), count(client)]

    assert seen == [True, 1, True, 2]


def test_spans_arrive_without_a_flush_and_the_data_version_says_so(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj").hold_lock()
    with running_agent(tmp_path) as client:
        before = client.data_version()
        build.span(span=1)
        wait_until(lambda: client.data_version() > before, timeout_s=5)

        assert count(client) == 1


def test_status_names_the_agent_and_socket_files_are_private(tmp_path: Path) -> None:
    with running_agent(tmp_path) as client:
        status = client.status()
        modes = {
            name: stat.S_IMODE((tmp_path / name).stat().st_mode)
            for name in ("agent.sock", "agent.json", "latprobe.duckdb")
        }

    assert (status.agent_pid, status.home) == (client.address.pid, tmp_path)
    assert modes == {"agent.sock": 0o600, "agent.json": 0o600, "latprobe.duckdb": 0o600}


def test_errors_come_back_as_the_class_they_were(tmp_path: Path) -> None:
    with running_agent(tmp_path) as client:
        with pytest.raises(UsageError, match="INSERT statements are refused"):
            client.query("INSERT INTO meta VALUES ('a', 'b')")
        with pytest.raises(UsageError, match="knows no request 'dance'"):
            client.ask({"op": "dance"})

        assert client.query("SELECT ? AS a", ["still here"]).to_pylist() == [{"a": "still here"}]


def test_a_second_agent_leaves_the_first_alone(tmp_path: Path) -> None:
    with running_agent(tmp_path) as client:
        second = start(tmp_path)

        assert second.wait(timeout=20) == 0
        assert client.status().agent_pid == client.address.pid


def test_the_agent_leaves_when_writers_and_readers_are_gone(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj").hold_lock()
    build.span()
    process = start(tmp_path, idle_s=0.2)
    client = client_of(tmp_path)
    build.close()
    with pytest.raises(AssertionError):
        wait_until(lambda: process.poll() is not None, timeout_s=0.5)
    client.close()

    assert process.wait(timeout=10) == 0
    left = sorted(os.listdir(tmp_path))
    assert left == ["agent.lock", "agent.log", "journal", "latprobe.duckdb"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_agent_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj")
    build.lean_spans([1, 2, 3])
    build.close()
    process = start(tmp_path)
    with client_of(tmp_path) as client:
        client.flush(5.0)
    process.send_signal(number)

    assert process.wait(timeout=10) == 0
    with StoreOwner(tmp_path) as owner:
        rolled = owner.query("SELECT sum(count)::INTEGER AS n FROM rollups").to_pylist()
    assert rolled == [{"n": 3}]


def test_killed_agents_lose_and_repeat_nothing(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj", capacity=40_000).hold_lock()
    written = 0
    for _ in range(3):
        process = start(tmp_path)
        with client_of(tmp_path) as client:
            for _ in range(5):
                build.lean_spans([1] * 400, first_span=1 + written)
                written += 400
            wait_until(lambda: client.data_version() > 0 and count(client) > 0)
            build.lean_spans([1] * 400, first_span=1 + written)
            written += 400
            process.kill()
            process.wait()
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = owner.query(
            "SELECT count(*) AS spans, count(DISTINCT span_id) AS ids, max(span_id) AS last "
            "FROM spans"
        ).to_pylist()

    assert found == [{"spans": written, "ids": written, "last": written}]


def test_a_client_of_a_killed_agent_gets_an_error_it_can_act_on(tmp_path: Path) -> None:
    process = start(tmp_path)
    with client_of(tmp_path) as client:
        process.kill()
        process.wait()

        with pytest.raises(AgentGoneError, match="went away"):
            client.query("SELECT 1")


def test_a_newer_store_ends_the_agent_with_the_reason_in_its_log(tmp_path: Path) -> None:
    import duckdb

    StoreOwner(tmp_path).close()
    with duckdb.connect(str(tmp_path / "latprobe.duckdb")) as con:
        con.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    code = start(tmp_path).wait(timeout=20)

    assert (code, "Upgrade latprobe" in (tmp_path / "agent.log").read_text()) == (4, True)


def test_a_very_long_store_path_works(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    with running_agent(home) as client:
        answer = client.query("SELECT 1 AS one").to_pylist()

        assert (answer, len(client.address.socket) < 100) == ([{"one": 1}], True)


def test_an_agent_whose_folder_was_removed_leaves(tmp_path: Path) -> None:
    home = tmp_path / "store"
    process = start(home)
    client_of(home).close()
    shutil.rmtree(home)

    assert process.wait(timeout=10) == 0


def test_host_and_process_are_sampled_while_something_records(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj", pid=os.getpid()).hold_lock()
    build.span()
    wanted = {
        "host.cpu_pct", "host.mem_used_bytes", "host.load1",
        "process.rss_bytes", "process.cpu_pct", "agent.cpu_pct",
    }  # fmt: skip
    with running_agent(tmp_path) as client:

        def metrics() -> set[str]:
            return set(client.query("SELECT DISTINCT metric FROM samples")["metric"].to_pylist())

        wait_until(lambda: metrics() == wanted)
        owners = client.query(
            "SELECT DISTINCT pid, run_id FROM samples WHERE source = 'process' AND run_id NOTNULL"
        ).to_pylist()

    assert owners == [{"pid": os.getpid(), "run_id": 1}]


def test_kernel_traces_are_asked_for_when_spans_came_and_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = [False, True, False]  # what each question finds
    asked: list[bool] = []

    def read() -> bool:
        asked.append(waiting[len(asked)])
        return asked[-1]

    lock = FolderLock(tmp_path)
    lock.acquire()
    agent = AgentProcess(tmp_path, lock, idle_s=1.0)
    monkeypatch.setattr(process_module, "TRACE_AGAIN_S", 3600.0)
    monkeypatch.setattr(agent._owner, "read_kernel_trace", read)
    for _ in range(3):
        agent._read_kernel_trace()
    before = len(asked)
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj").hold_lock()
    build.span()
    agent._ingest()
    for _ in range(4):
        agent._read_kernel_trace()
    agent._leave()

    assert (before, asked) == (1, waiting)
