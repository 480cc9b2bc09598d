"""What doctor says about GPUs, in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from latprobe.cli.finding import Finding
from latprobe.cli.gpu_checks import gpu_finding, library_finding
from latprobe_collectors.gpu import amd, nvml
from latprobe_collectors.gpu.nvidia import NvidiaLibrary
from tests.collectors.gpu.fake_nvml import Card, FakeNvml, FakeTime

SMI = "check that `nvidia-smi` works for this user"


def said(*cards: Card, **of_library: Any) -> Finding:
    fake = FakeNvml(FakeTime(), list(cards))
    for name, value in of_library.items():
        setattr(fake, name, value)
    return library_finding(NvidiaLibrary(lambda: (fake, None)))


def test_a_card_that_gives_all() -> None:
    assert said(Card()) == Finding("gpu", "ok", "NVIDIA H200; driver 580.159.04")


def test_alike_cards_are_counted_and_what_they_lack_is_said_once() -> None:
    no = {"nvmlDeviceGetTotalEnergyConsumption": 3}
    cards = [Card(uuid=f"GPU-{n}", name="Tesla T4", has_gpm=False, fails=no) for n in range(2)]
    assert said(*cards) == Finding(
        "gpu",
        "ok",
        "2 x Tesla T4; driver 580.159.04; no hardware counters (SM, tensor, DRAM), no energy",
    )


def test_unlike_cards_are_told_apart() -> None:
    assert said(Card(), Card(uuid="GPU-t", name="Tesla T4", has_gpm=False)).text == (
        "NVIDIA H200, Tesla T4; driver 580.159.04; GPU 1: no hardware counters (SM, tensor, DRAM)"
    )


def test_slices_without_figures_of_processes() -> None:
    no = {"nvmlDeviceGetComputeRunningProcesses": 3}
    card = Card(uuid="GPU-m")
    card.slices = [Card(uuid=f"MIG-{n}", name="H200 MIG 1g", fails=no) for n in (1, 2)]
    assert said(card).text == (
        "NVIDIA H200, 2 x H200 MIG 1g; driver 580.159.04; no memory per process"
    )


def test_a_lost_card_and_one_without_rights_are_said() -> None:
    assert said(Card(), Card(fails={"*": 15}), Card(fails={"*": 4})) == Finding(
        "gpu",
        "warn",
        "NVIDIA H200; driver 580.159.04; 1 GPU more that this user may not read; "
        "GPU 1: GPU is lost",
        SMI,
    )


def test_a_driver_that_does_not_answer() -> None:
    text = "the NVIDIA driver does not answer (Driver Not Loaded)"
    assert said(Card(), init_error=9) == Finding("gpu", "warn", text, SMI)


def test_rights_that_are_missing() -> None:
    text = "this user may not ask the NVIDIA driver (Insufficient Permissions)"
    assert said(Card(), init_error=4) == Finding("gpu", "warn", text, SMI)


def test_a_driver_without_a_card() -> None:
    assert said() == Finding("gpu", "note", "the driver lists no GPU")


def test_the_machine_without_gpu_the_missing_library_and_the_wrong_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sign = tmp_path / "version"
    monkeypatch.setattr(nvml, "_DRIVER_SIGNS", (str(sign),))
    monkeypatch.setattr(amd, "_DRIVER_SIGN", str(tmp_path / "kfd"))
    assert gpu_finding() == Finding("gpu", "note", "no NVIDIA or AMD driver on this machine")

    sign.write_text("")
    monkeypatch.setattr(nvml, "has_library", lambda: False)
    text = "an NVIDIA driver is here, but it cannot be read without nvidia-ml-py"
    assert gpu_finding() == Finding("gpu", "warn", text, "pip install 'latprobe[gpu]'")

    monkeypatch.setattr(nvml, "has_library", lambda: True)
    monkeypatch.setattr(nvml, "load_nvml", lambda: (None, "the module is another one"))
    advice = "pip install --force-reinstall nvidia-ml-py"
    assert gpu_finding() == Finding("gpu", "warn", "the module is another one", advice)
