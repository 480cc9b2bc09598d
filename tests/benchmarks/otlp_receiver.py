"""The OTLP receiver under load: accepted, visible, lost, and what it took.

python tests/benchmarks/otlp_receiver.py --tools DIR [--spans 200000] [--profile lean genai]

DIR holds the load generator `otlp_load.py`; it runs in a process of its own and shares the cores.
"Visible" counts from the first request until a query finds all spans.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from itertools import product
from pathlib import Path
from typing import Any

import psutil

from latprobe.agent.client import AgentClient, connect
from latprobe.clock import monotonic_ns

PROMISED = {"lean": 25_000, "genai": 8_000}
READY_S = 30.0
VISIBLE_S = 120.0


def start_agent(home: Path) -> tuple[subprocess.Popen[bytes], dict[str, int]]:
    """An agent that receives on free ports; its log says which."""
    home.mkdir(mode=0o700)
    log = home / "agent.log"
    command = [sys.executable, "-m", "latprobe.agent", "--home", str(home), "--otlp"]
    with open(log, "ab") as out:
        process = subprocess.Popen(
            [*command, "--otlp-http-port", "0", "--otlp-grpc-port", "0"], stderr=out
        )
    ports: dict[str, int] = {}
    deadline = monotonic_ns() + int(READY_S * 1e9)
    while len(ports) < 2 and monotonic_ns() < deadline:
        threading.Event().wait(0.05)
        for line in log.read_text().splitlines():
            if "is received on port" in line:
                words = line.split()
                ports[words[words.index("over") + 1]] = int(words[-1])
    return process, ports


def count(client: AgentClient) -> int:
    """Spans that a reader sees."""
    found: int = client.query("SELECT count(*) AS n FROM spans").column("n")[0].as_py()
    return found


class Watch(threading.Thread):
    """The agent's largest memory, and when the first and the last span were seen."""

    def __init__(self, home: Path, pid: int, wanted: int) -> None:
        super().__init__(daemon=True)
        self._home, self._wanted = home, wanted
        self._process = psutil.Process(pid)
        self.peak_mb = 0.0
        self.seen = 0
        self.done_ns = 0
        self.stop = threading.Event()

    def run(self) -> None:
        client = connect(self._home)
        assert client is not None
        with client:
            while not self.stop.wait(0.25):
                self.peak_mb = max(self.peak_mb, self._process.memory_info().rss / 1e6)
                self.seen = count(client)
                if self.seen >= self._wanted:
                    self.done_ns = monotonic_ns()
                    return


def one_run(tools: Path, *, protocol: str, profile: str, connections: int, spans: int) -> str:
    """One line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "store"
        agent, ports = start_agent(home)
        endpoint = f"127.0.0.1:{ports[protocol]}"
        if protocol == "http":
            endpoint = f"http://{endpoint}/v1/traces"
        watch = Watch(home, agent.pid, spans)
        before = sum(psutil.Process(agent.pid).cpu_times()[:2])
        watch.start()
        try:
            answer = subprocess.run(
                [
                    *(sys.executable, str(tools / "otlp_load.py"), "--endpoint", endpoint),
                    *("--protocol", protocol, "--profile", profile, "--spans", str(spans)),
                    *("--connections", str(connections), "--retry", "--duration", "60"),
                ],
                stdout=subprocess.PIPE,
                check=True,
            )
            ended_ns = monotonic_ns()
            told: dict[str, Any] = json.loads(answer.stdout)
            watch.join(VISIBLE_S)
            watch.stop.set()
            cpu = sum(psutil.Process(agent.pid).cpu_times()[:2]) - before
        finally:
            agent.terminate()
            agent.wait()
    accepted, elapsed = int(told["accepted"]), float(told["elapsed_s"])
    lag_s = max(watch.done_ns - ended_ns, 0) / 1e9
    visible_rate = accepted / (elapsed + lag_s)
    return (
        f"{profile:6} {protocol:5} {connections:3} {told['accepted_per_s']:>12,} "
        f"{visible_rate:>11,.0f} {PROMISED[profile]:>9,} {accepted - watch.seen:>5} "
        f"{cpu / accepted * 1e6:>8.1f} {told['request_ms']['p99']:>8} {watch.peak_mb:>8.0f}"
    )


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=Path, required=True, help="folder of otlp_load.py")
    parser.add_argument("--spans", type=int, default=200_000, help="lean; a quarter for genai")
    parser.add_argument("--profile", nargs="+", default=["lean", "genai"], choices=PROMISED)
    parser.add_argument("--protocol", nargs="+", default=["http", "grpc"])
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 4])
    options = parser.parse_args()
    print("profile proto conn   accepted/s   visible/s  promised  lost  us/span  p99 ms   peak MB")
    for profile, protocol, connections in product(
        options.profile, options.protocol, options.connections
    ):
        spans = options.spans if profile == "lean" else options.spans // 4
        print(
            one_run(
                options.tools,
                protocol=protocol,
                profile=profile,
                connections=connections,
                spans=spans,
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
