"""kill -9 at random moments: of the process that records, and of the agent that ingests.

    python tests/benchmarks/kills.py [--writers 50] [--agents 20]

A recorder acknowledges each finished span by writing a counter into shared memory *after* the
stage has been left; whatever was acknowledged when it was killed must be in the store. The agent
is killed in mid-ingest and followed by a successor until everything is in; then each span must be
there once.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from latprobe.agent.launch import ensure_agent
from latprobe.clock import monotonic_ns
from latprobe.store.reader import open_reader

RECORD = """
import mmap, os, struct, sys
import latprobe.auto, latprobe
file = open(sys.argv[1], "r+b")
acknowledged = mmap.mmap(file.fileno(), 8)
pack = struct.Struct("<Q").pack_into
n, limit = 0, int(sys.argv[2])
while n < limit:
    if n % 4:
        with latprobe.stage("lean"):
            pass
    else:
        with latprobe.stage("rich", n=n, text="x" * (n % 500 or 20_000)):
            pass
    n += 1
    pack(acknowledged, 0, n)
"""


def record(home: Path, count: int, *, kill_after_s: float | None) -> int:
    """Runs a recorder, killed after a while if asked; gives back how many spans it acknowledged."""
    page = home.parent / f"{home.name}-acknowledged"
    page.write_bytes(bytes(8))
    environment = {**os.environ, "LATPROBE_HOME": str(home), "LATPROBE_AGENT": "off"}
    process = subprocess.Popen(
        [sys.executable, "-c", RECORD, str(page), str(count)], env=environment
    )
    if kill_after_s is not None:
        with page.open("rb") as file, mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ) as seen:
            while not any(seen[:8]) and process.poll() is None:
                threading.Event().wait(0.001)
        threading.Event().wait(kill_after_s)
        process.kill()
    process.wait()
    acknowledged: int = struct.unpack("<Q", page.read_bytes())[0]
    return acknowledged


def stored(home: Path, *, start_agent: bool) -> tuple[int, int, int]:
    """Spans in the store, how many are distinct, and segments that were set aside."""
    with open_reader(home, start_agent=start_agent) as reader:
        reader.flush(60)
        table = reader.query("SELECT count(*) AS n, count(DISTINCT span_id) AS d FROM spans")
        damaged = reader.status().quarantined
    return table.column("n")[0].as_py(), table.column("d")[0].as_py(), damaged


def kill_writers(times: int) -> None:
    """Prints spans lost and torn over so many kills of a recorder."""
    lost = torn = total = beyond = 0
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "store"
            acknowledged = record(home, 10**9, kill_after_s=random.uniform(0, 0.25))
            found, distinct, damaged = stored(home, start_agent=False)
            total += acknowledged
            lost += max(acknowledged - found, 0)
            beyond += max(found - acknowledged - 1, 0)
            torn += damaged + (found - distinct)
    print(
        f"{times} kills of the recorder, {total:,} spans acknowledged: {lost} lost, {torn} torn or "
        f"doubled, {beyond} never recorded   (promised: 0, 0)"
    )


def kill_agents(times: int, spans: int = 1_000_000) -> None:
    """Prints spans lost and doubled when the agent is killed so often within one backlog."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "store"
        acknowledged = record(home, spans, kill_after_s=None)
        kills = 0
        while kills < times:
            if not list((home / "journal").glob("*.lpj")):
                acknowledged += record(home, spans, kill_after_s=None)
            ensure_agent(home, wait=False)
            pid = agent_pid(home)
            if pid is None:
                continue
            threading.Event().wait(random.uniform(0, 0.4))
            os.kill(pid, signal.SIGKILL)
            kills += 1
        found, distinct, damaged = stored(home, start_agent=True)
    print(
        f"{kills} kills of the agent over {acknowledged:,} spans: {acknowledged - distinct} lost, "
        f"{found - distinct} doubled, {damaged} segments set aside   (promised: 0, 0)"
    )


def agent_pid(home: Path, *, within_s: float = 10) -> int | None:
    """The pid that the agent wrote into its lock's neighbour; None if it left by itself."""
    import json

    deadline = monotonic_ns() + int(within_s * 1e9)
    while monotonic_ns() < deadline:
        try:
            pid = int(json.loads((home / "agent.json").read_text())["pid"])
            os.kill(pid, 0)
            return pid
        except (OSError, ValueError, KeyError):
            threading.Event().wait(0.005)
    return None


def main() -> None:
    """Both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, default=50)
    parser.add_argument("--agents", type=int, default=20)
    options = parser.parse_args()
    kill_writers(options.writers)
    kill_agents(options.agents)


if __name__ == "__main__":
    main()
