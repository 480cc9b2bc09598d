"""Starting the agent from a user's process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from latprobe.agent import launch
from latprobe.agent.address import read_address
from latprobe.agent.launch import ensure_agent, flush_through_agent
from tests.agent.agents import stop_detached
from tests.journal.building import SegmentBuilder


def test_one_agent_is_started_however_often_it_is_asked_for(tmp_path: Path) -> None:
    try:
        assert ensure_agent(tmp_path, wait=True, idle_s=30)
        first = read_address(tmp_path)
        assert ensure_agent(tmp_path, wait=True, idle_s=30)

        assert first is not None
        assert read_address(tmp_path) == first
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
    finally:
        stop_detached(tmp_path)


def test_a_dead_agents_address_does_not_stop_a_new_one(tmp_path: Path) -> None:
    try:
        ensure_agent(tmp_path, wait=True, idle_s=30)
        first = read_address(tmp_path)
        stop_detached(tmp_path)
        ensure_agent(tmp_path, wait=True, idle_s=30)
        second = read_address(tmp_path)

        assert first is not None
        assert second is not None
        assert first.pid != second.pid
    finally:
        stop_detached(tmp_path)


def test_the_agent_keeps_no_pipe_of_the_program_open(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        ensure_agent(tmp_path, wait=True, idle_s=30)
        os.close(writing)

        assert os.read(reading, 1) == b""
    finally:
        os.close(reading)
        stop_detached(tmp_path)


def test_flush_starts_an_agent_and_takes_everything_in(tmp_path: Path) -> None:
    path = SegmentBuilder(tmp_path / "journal" / "a.lpj").close()
    try:
        assert flush_through_agent(tmp_path, timeout_s=15)
        assert not path.exists()
    finally:
        stop_detached(tmp_path)


def test_a_file_in_the_folders_place_is_a_quiet_no(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")

    assert not ensure_agent(tmp_path / "store", wait=False)


def test_no_process_allowed_is_a_quiet_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> int:
        raise PermissionError("no new processes here")

    monkeypatch.setattr(os, "posix_spawn", forbidden)

    assert not ensure_agent(tmp_path, wait=True)


def test_the_agent_does_not_inherit_what_makes_a_process_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = str(Path(launch.__file__).parents[2])
    monkeypatch.setenv("LATPROBE_RUN_ID", "1")
    monkeypatch.setenv("LATPROBE_AUTO", "1")
    monkeypatch.setenv("PYTHONPATH", f"/x/latprobe/_boot{os.pathsep}/lib/mine{os.pathsep}{root}")
    values = launch._environment()

    assert "LATPROBE_RUN_ID" not in values
    assert "LATPROBE_AUTO" not in values
    assert values["PYTHONPATH"].split(os.pathsep) == ["/lib/mine", root]


def test_the_import_in_the_users_process_is_light() -> None:
    code = (
        "import sys; before = set(sys.modules); import latprobe.agent.launch; "
        "heavy = {'subprocess', 'numpy', 'pyarrow', 'duckdb', 'psutil', 'asyncio'}; "
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_the_agent_gets_what_the_project_says_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.latprobe]\notlp_endpoint = 'http://h:4318'\notlp_content = true\nservice = 's'\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LATPROBE_PROMETHEUS_PORT", "9464")
    found = {name: value for name, value in launch._environment().items() if "LATPROBE_" in name}

    assert {name: found.get(name) for name in ("LATPROBE_OTLP_ENDPOINT", "LATPROBE_OTLP_CONTENT",
            "LATPROBE_PROMETHEUS_PORT", "LATPROBE_SERVICE")} == {
        "LATPROBE_OTLP_ENDPOINT": "http://h:4318",
        "LATPROBE_OTLP_CONTENT": "on",
        "LATPROBE_PROMETHEUS_PORT": "9464",
        "LATPROBE_SERVICE": None,
    }  # fmt: skip
