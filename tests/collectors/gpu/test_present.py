"""Which collectors a machine gets; none is the normal case."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from latprobe_collectors.gpu import amd, nvml
from latprobe_collectors.gpu.present import gpu_collectors

NOTHING = "import sys; assert not {'pynvml', 'amdsmi'} & set(sys.modules)"


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A sign of an NVIDIA driver, not there yet; no sign of an AMD one."""
    sign = tmp_path / "version"
    monkeypatch.setattr(nvml, "_DRIVER_SIGNS", (str(sign),))
    monkeypatch.setattr(amd, "_DRIVER_SIGN", str(tmp_path / "kfd"))
    return sign


def names() -> list[str]:
    return [collector.name for collector in gpu_collectors(tuple, lambda key, text: None)]


def give(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, text: str = "") -> None:
    """An installed module of that name."""
    (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, name, raising=False)


def test_without_a_driver_there_is_no_collector_and_no_library_is_looked_for(
    driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvml, "find_spec", lambda name: pytest.fail("looked for"))
    assert names() == []


def test_without_the_library_there_is_no_collector(
    driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.write_text("")
    monkeypatch.setattr(nvml, "find_spec", lambda name: None)
    assert names() == []


def test_with_both_there_is_one_and_the_library_is_not_loaded_yet(
    driver: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    driver.write_text("")
    give(monkeypatch, tmp_path, "pynvml", "raise SystemExit('loaded too early')")
    assert names() == ["nvml"]


def test_amd_has_its_own(driver: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "kfd").write_text("")
    give(monkeypatch, tmp_path, "amdsmi")
    assert names() == ["amdsmi"]


def test_importing_the_collectors_loads_no_library() -> None:
    program = f"import latprobe_collectors.gpu.present; {NOTHING}"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the module pynvml is not the one of nvidia-ml-py"),
        ("print 1", "the module pynvml cannot be imported"),
        ("import no_such_thing", "the module pynvml cannot be imported"),
        ("raise RuntimeError", "the module pynvml cannot be imported (RuntimeError)"),
        ("nvmlInit = NVMLError = 1", "the module pynvml is not the one of nvidia-ml-py"),
    ],
)
def test_a_wrong_module_is_said_to_be_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, said: str
) -> None:
    give(monkeypatch, tmp_path, "pynvml", text)
    library, reason = nvml.load_nvml()
    assert library is None
    assert (reason or "").startswith(said)


def test_a_module_that_is_not_there_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(nvml, "find_spec", lambda name: None)
    assert nvml.load_nvml() == (None, nvml.MISSING)


def test_amds_wrong_module_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amdsmi", ModuleType("amdsmi"))
    assert amd.load_amdsmi() == (None, "the module amdsmi is not ROCm's")
