"""`latprobe run -- CMD`: the program's own behaviour, and what is recorded of it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.waiting import wait_until

APP = """
import sys
import latprobe

for _ in range(3):
    with latprobe.stage("answer"):
        with latprobe.stage("ocr", modality="image"):
            pass
print("arguments", sys.argv[1:])
sys.exit(5)
"""

WAITING_APP = """
import signal, sys

def leave(number, frame):
    caught.append(number)
    print("caught", signal.Signals(number).name, flush=True)

caught = []
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), leave)
print("ready", flush=True)
while not caught:
    signal.pause()
sys.exit(40 + len(caught))
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(APP)
    return path


def latprobe(*argv: str) -> list[str]:
    return [sys.executable, "-m", "latprobe.cli", *argv]


def test_a_program_with_stages_is_recorded_and_its_exit_code_is_its_own(
    cli: Cli, app: Path
) -> None:
    ran = cli("run", "--service", "mine", "--", sys.executable, str(app), "-v", "--", "x")
    assert (ran.code, ran.out) == (5, "arguments ['-v', '--', 'x']\n")
    found = json.loads(cli("report", "--json", "--run", "latest", "--service", "mine").out)
    assert {stage["name"]: stage["count"] for stage in found["stages"]} == {"answer": 3, "ocr": 3}


def test_the_summary_is_one_line_on_stderr_and_names_the_next_commands(
    app: Path, tmp_path: Path
) -> None:
    found = subprocess.run(
        latprobe("run", "--home", str(tmp_path / "other"), sys.executable, str(app)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (found.returncode, found.stdout) == (5, "arguments []\n")
    assert found.stderr.count("\n") == 1
    assert found.stderr.startswith("latprobe: 3 requests, p50 ")
    assert f"latprobe report --run latest --home {tmp_path / 'other'}" in found.stderr
    assert "latprobe dashboard" in found.stderr


def test_stages_of_a_python_deeper_in_a_shell_script_are_recorded(cli: Cli, app: Path) -> None:
    script = app.with_suffix(".sh")
    script.write_text(f"#!/bin/sh\n{sys.executable} {app}\nexit 0\n")
    script.chmod(0o700)
    found = cli("run", "--", str(script))
    assert found.code == 0
    assert "3 requests" in found.err


def test_a_program_without_stages_is_told_how_to_add_them(cli: Cli) -> None:
    found = cli("run", "--", sys.executable, "-c", "pass")
    assert found.code == 0
    assert "nothing was recorded. Wrap a step in `with latprobe.stage('name'):`" in found.err


def test_a_program_that_fails_first_is_said_to_have_failed(cli: Cli) -> None:
    found = cli("run", "--", sys.executable, "-c", "raise SystemExit(2)")
    assert found.code == 2
    assert "the program failed (exit code 2) before anything was recorded" in found.err
    assert "LATPROBE_STAGES" not in found.err


def test_quiet_says_nothing(cli: Cli) -> None:
    assert cli("run", "-q", "--", sys.executable, "-c", "pass") == (0, "", "")


@pytest.mark.parametrize(
    ("program", "code", "sentence"),
    [
        ("no-such-program", 127, "no-such-program is not a command on PATH"),
        ("/etc/passwd", 126, "/etc/passwd cannot be started: Permission denied"),
    ],
)
def test_a_program_that_cannot_be_started_is_said_with_the_shells_code(
    cli: Cli, program: str, code: int, sentence: str
) -> None:
    found = cli("run", "--", program)
    assert found.code == code
    assert found.err.startswith(f"latprobe: error: {sentence}")
    assert found.err.count("\n") == 1


def test_death_by_a_signal_is_128_and_its_number(cli: Cli) -> None:
    assert cli("run", "-q", "--", "sh", "-c", "kill -9 $$").code == 128 + 9


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"])
def test_a_signal_is_forwarded_once_and_the_program_decides(name: str, tmp_path: Path) -> None:
    app = tmp_path / "waiting.py"
    app.write_text(WAITING_APP)
    process = subprocess.Popen(
        latprobe("run", "-q", "--", sys.executable, str(app), name),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background job ignores Ctrl-C, and so do its children.
        preexec_fn=lambda: signal.signal(getattr(signal, name), signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(getattr(signal, name))
    assert process.stdout.read() == f"caught {name}\n"
    assert process.wait(timeout=30) == 41
    process.stdout.close()


def test_ctrl_c_on_a_terminal_reaches_the_program_once(tmp_path: Path) -> None:
    app = tmp_path / "waiting.py"
    app.write_text(WAITING_APP)
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        command = latprobe("run", "-q", "--", sys.executable, str(app), "SIGINT")
        os.execv(command[0], command)
    printed = bytearray()

    def has_printed(text: bytes) -> bool:
        try:
            printed.extend(os.read(terminal, 1000))
        except OSError:  # the other side is closed
            return True
        return text in printed

    wait_until(lambda: has_printed(b"ready"))
    os.write(terminal, b"\x03")
    wait_until(lambda: has_printed(b"caught SIGINT"))
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert printed.count(b"caught SIGINT") == 1
    assert os.waitstatus_to_exitcode(status) == 41
