"""A recorded program is not woken by what records it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, os, signal
import latprobe.auto, latprobe
for _ in range(100):
    with latprobe.stage("step", page=1):
        pass
timers = [signal.getitimer(which) for which in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL)]
print(json.dumps({
    "threads": len(os.listdir("/proc/self/task")),
    "timers": timers,
    "is_default": [
        signal.getsignal(number) is signal.SIG_DFL
        for number in (signal.SIGALRM, signal.SIGUSR1, signal.SIGCHLD)
    ],
}))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_recording_has_no_thread_no_timer_and_no_signal_handler(tmp_path: Path) -> None:
    environment = {**os.environ, "LATPROBE_HOME": str(tmp_path), "LATPROBE_AGENT": "off"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True, text=True
    )
    found = json.loads(done.stdout)

    assert found["threads"] == 1
    assert found["timers"] == [[0.0, 0.0], [0.0, 0.0]]
    assert found["is_default"] == [True, True, True]
