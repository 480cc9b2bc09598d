"""What importing latprobe costs and does, in a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from latprobe.store.reader import open_reader

ROOT = Path(__file__).parents[1]

# Imports that would cost the user's process tens of milliseconds or megabytes.
HEAVY = {"numpy", "pyarrow", "duckdb", "pandas", "rich", "typer", "psutil", "tiktoken", "streamlit"}


def fresh(code: str, home: Path) -> dict[str, object]:
    """Runs code in a new interpreter; it prints one JSON object."""
    environment = {**os.environ, "LATPROBE_HOME": str(home), "LATPROBE_AGENT": "off"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


REPORT = """
import json, sys, threading
print(json.dumps({"modules": sorted({m.partition(".")[0] for m in sys.modules}),
                  "threads": threading.active_count()}))
"""


def test_importing_latprobe_loads_nothing_heavy_and_does_nothing(tmp_path: Path) -> None:
    found = fresh("import latprobe\n" + REPORT, tmp_path / "s")
    modules = found["modules"]
    assert isinstance(modules, list)
    assert not {"opentelemetry", "asyncio", *HEAVY} & set(modules)
    assert found["threads"] == 1
    assert not (tmp_path / "s").exists()


def test_marking_while_nothing_records_loads_nothing(tmp_path: Path) -> None:
    found = fresh("import latprobe\nlatprobe.part('user', 'x')\n" + REPORT, tmp_path / "s")
    modules = found["modules"]
    assert isinstance(modules, list)
    assert not {"opentelemetry", "asyncio", *HEAVY} & set(modules)


def test_recording_loads_opentelemetrys_api_and_nothing_heavy(tmp_path: Path) -> None:
    code = "import latprobe.auto\nwith latprobe.stage('x', n=1): pass\n" + REPORT
    found = fresh(code, tmp_path / "s")
    modules = found["modules"]
    assert isinstance(modules, list)
    assert not HEAVY & set(modules)
    assert found["threads"] == 1
    assert len(list((tmp_path / "s" / "journal").iterdir())) == 1


def test_asking_the_agent_to_catch_up_loads_nothing_heavy_either(tmp_path: Path) -> None:
    code = (
        "import os; os.environ['LATPROBE_AGENT'] = 'on'\n"
        "import latprobe.auto\n"
        "with latprobe.stage('x', n=1): pass\n"
        "assert latprobe.flush(30)\n"
    )
    found = fresh(code + REPORT, tmp_path / "s")
    modules = found["modules"]
    assert isinstance(modules, list)
    assert not HEAVY & set(modules)
    with open_reader(tmp_path / "s") as reader:
        table = reader.query("SELECT name, attributes::VARCHAR AS attributes FROM spans")
    assert table.to_pylist() == [{"name": "x", "attributes": '{"n":1}'}]


@pytest.mark.parametrize(
    "name",
    [
        "init",
        "flush",
        "carry",
        "inject",
        "extract",
        "part",
        "traceparent",
        "compress",
        "decompress",
        "watch_fields",
    ],
)
def test_public_names_resolve_on_first_use(name: str) -> None:
    import latprobe

    assert callable(getattr(latprobe, name))
    assert name in dir(latprobe)


def test_a_wrong_setting_is_said_and_the_program_goes_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import latprobe.auto, latprobe\nwith latprobe.stage('x'): print(1)",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), "LATPROBE_AGENT": "maybe"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr == ("latprobe: not recording: LATPROBE_AGENT is 'maybe'; write on or off.\n")
