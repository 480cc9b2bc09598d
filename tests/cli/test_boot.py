"""`latprobe/_boot/sitecustomize.py`: on in every Python process, harmless in each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from latprobe.cli.child import ChildRun


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """What `latprobe run` gives a child."""
    child = ChildRun.create(home=tmp_path / "store", service="mine", agent=False)
    return child.environment(os.environ)


def python(code: str, surroundings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_environment_keeps_what_was_there(surroundings: dict[str, str]) -> None:
    boot, rest = surroundings["PYTHONPATH"].split(os.pathsep, 1)
    assert (Path(boot).name, rest) == ("_boot", os.environ["PYTHONPATH"])
    assert {name: surroundings[name] for name in ("LATPROBE_AUTO", "LATPROBE_AGENT")} == {
        "LATPROBE_AUTO": "1",
        "LATPROBE_AGENT": "off",
    }
    assert (surroundings["LATPROBE_SERVICE"], len(surroundings["LATPROBE_RUN_ID"])) == ("mine", 32)


def test_recording_is_on_before_the_program_starts(surroundings: dict[str, str]) -> None:
    found = python("import sys; print('latprobe.auto' in sys.modules)", surroundings)
    assert (found.stdout, found.stderr) == ("True\n", "")


def test_another_sitecustomize_still_runs(surroundings: dict[str, str], tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "sitecustomize.py").write_text("import builtins; builtins.theirs = __name__")
    surroundings["PYTHONPATH"] += os.pathsep + str(theirs)
    found = python("import sys; print(theirs, 'latprobe.auto' in sys.modules)", surroundings)
    assert (found.stdout, found.stderr) == ("sitecustomize True\n", "")


def test_a_failing_sitecustomize_of_theirs_is_reported_by_python_as_ever(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "sitecustomize.py").write_text("raise ValueError('theirs')")
    surroundings["PYTHONPATH"] += os.pathsep + str(theirs)
    found = python("import sys; print('latprobe.auto' in sys.modules)", surroundings)
    assert (found.returncode, found.stdout) == (0, "True\n")
    assert "ValueError: theirs" in found.stderr


def test_an_interpreter_without_latprobe_runs_and_says_how_to_install_it(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    boot = surroundings["PYTHONPATH"].split(os.pathsep, 1)[0]
    surroundings["PYTHONPATH"] = boot
    surroundings["LATPROBE_RUN_PID"] = str(os.getpid())
    found = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['latprobe'] = None; import runpy; "
         f"runpy.run_path({str(Path(boot) / 'sitecustomize.py')!r}); print('runs')"],
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )  # fmt: skip
    assert found.stdout == "runs\n"
    assert "has no latprobe, so nothing is recorded; install it there:" in found.stderr


@pytest.mark.parametrize("module", ["latprobe.agent", "latprobe.cli"])
def test_latprobes_own_processes_do_not_record_themselves(
    surroundings: dict[str, str], module: str
) -> None:
    found = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", module, "--help"],
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "latprobe.auto" not in found.stderr
