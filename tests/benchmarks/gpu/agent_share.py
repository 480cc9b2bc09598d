"""What the agent takes of a core beside a GPU program, without a GPU.

    python -m tests.benchmarks.gpu.agent_share [--seconds 15]

The program records requests of the shape that overhead.py measures (hook_cost.py: event pairs and
260 waits on a stand-in for CUDA); the agent reads a stand-in for NVML that replays an H200, whose
calls cost nothing: what the driver takes comes on top (collector.py measures it on a card).
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from latprobe.store.reader import open_reader
from tests.benchmarks.agent_idle import SETTLE_S, agent_of, cpu_share, pause_s

ROOT = Path(__file__).parents[3]

PROGRAM = """
import time
import latprobe.auto, latprobe
from latprobe.gpu.stages import GpuStages
from tests.benchmarks.gpu import hook_cost
gpu = GpuStages(hook_cost.Cuda())
gpu.install()
undo = hook_cost.note_waits(hook_cost.Torch, gpu.current_run)
while True:
    with latprobe.stage("request"):
        for name in ("data.decode", "to_gpu", "encode", "scan", "decode_loop", "embed"):
            with latprobe.stage(name):
                time.sleep(0.045)
                for _ in range(hook_cost.ITEMS if name == "decode_loop" else 1):
                    hook_cost.ON_CARD.item()
"""

# Only in the agent: a driver that seems to be there, and its library.
SITE = """
import os, sys
if any("latprobe.agent" in word for word in sys.orig_argv):
    exists = os.path.exists
    os.path.exists = lambda path: path == "/dev/nvidiactl" or exists(path)
"""
PYNVML = """
import time
from tests.collectors.gpu.fake_nvml import Card, FakeNvml, NVMLError
class Time:
    cpu_ns = 0
    wall_ns = property(lambda self: time.time_ns())
    monotonic_ns = property(lambda self: time.monotonic_ns())
    since_ns = property(lambda self: time.monotonic_ns() % 2_000_000_000)
_nvml = FakeNvml(Time(), [Card()])
_nvml._enter = lambda name, card: None
def nvmlInit():
    pass
def __getattr__(name):
    return getattr(_nvml, name)
"""


def main() -> None:
    """Prints the share, and that both stand-ins were read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, site = Path(folder) / "store", Path(folder) / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(SITE)
        (site / "pynvml.py").write_text(PYNVML)
        path = os.pathsep.join((str(site), str(ROOT), os.environ.get("PYTHONPATH", "")))
        environment = {**os.environ, "LATPROBE_HOME": str(home), "PYTHONPATH": path}
        program = subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment)
        try:
            agent = agent_of(home)
            pause_s(SETTLE_S)
            share = cpu_share(agent, options.seconds, None)
            with open_reader(home) as reader:
                (found,) = reader.query(
                    "SELECT (SELECT count(*) FROM gpu_spans WHERE gpu_ns NOTNULL) AS pairs, "
                    "(SELECT count(*) FROM samples WHERE source IN ('nvml', 'gpm')) AS readings"
                ).to_pylist()
        finally:
            program.kill()
            program.wait()
        agent.send_signal(signal.SIGTERM)
        agent.wait(30)
    print(f"the agent takes {share:.1f} % of a core beside a GPU program ({found})")


if __name__ == "__main__":
    main()
