"""A stand-in for the module amdsmi, with the dictionaries of its documentation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

GIB = 1 << 30


class AmdSmiException(Exception):  # noqa: N818
    """As amdsmi's base class."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Error code:\n\t{code}")
        self.code = code

    def get_error_code(self) -> int:
        return self.code


class FakeAmdsmi:
    """One card, "N/A" and the largest numbers where it has no figure."""

    AmdSmiException = AmdSmiException
    AmdSmiMemoryType = SimpleNamespace(VRAM=0)
    AmdSmiClkType = SimpleNamespace(GFX=0, MEM=4)
    AmdSmiTemperatureType = SimpleNamespace(HOTSPOT=1)
    AmdSmiTemperatureMetric = SimpleNamespace(CURRENT=0)

    def __init__(self) -> None:
        self.fails: dict[str, int] = {}
        self.power: dict[str, Any] = {"socket_power": "N/A", "average_socket_power": 320}
        self.is_up = False

    def amdsmi_init(self) -> None:
        self._enter("amdsmi_init")
        self.is_up = True

    def amdsmi_shut_down(self) -> None:
        self.is_up = False

    def amdsmi_get_processor_handles(self) -> list[str]:
        self._enter("amdsmi_get_processor_handles")
        return ["gpu0"]

    def amdsmi_get_gpu_device_uuid(self, handle: str) -> str:
        self._enter("amdsmi_get_gpu_device_uuid")
        return "00ff74a1-0000-1000-8000-000000000000"

    def amdsmi_get_gpu_asic_info(self, handle: str) -> dict[str, Any]:
        return {"market_name": "AMD Instinct MI300X"}

    def amdsmi_get_gpu_driver_info(self, handle: str) -> dict[str, Any]:
        return {"driver_version": "6.10.5"}

    def amdsmi_get_gpu_activity(self, handle: str) -> dict[str, Any]:
        self._enter("amdsmi_get_gpu_activity")
        return {"gfx_activity": 91, "umc_activity": 0xFFFF, "mm_activity": "N/A"}

    def amdsmi_get_power_info(self, handle: str) -> dict[str, Any]:
        return self.power

    def amdsmi_get_energy_count(self, handle: str) -> dict[str, Any]:
        self._enter("amdsmi_get_energy_count")
        return {"energy_accumulator": 1_000_000, "counter_resolution": 15.3, "timestamp": 1}

    def amdsmi_get_gpu_memory_usage(self, handle: str, kind: int) -> int:
        return 20 * GIB

    def amdsmi_get_gpu_memory_total(self, handle: str, kind: int) -> int:
        return 192 * GIB

    def amdsmi_get_clock_info(self, handle: str, kind: int) -> dict[str, Any]:
        return {"clk": 2100 if kind == 0 else 900, "max_clk": 2100}

    def amdsmi_get_temp_metric(self, handle: str, sensor: int, metric: int) -> int:
        return 52

    def amdsmi_get_gpu_process_list(self, handle: str) -> list[Any]:
        return [
            {"pid": 42, "memory_usage": {"vram_mem": 3 * GIB}},
            {"pid": 43, "memory_usage": {"vram_mem": "N/A"}},
            "N/A",
        ]

    def _enter(self, name: str) -> None:
        if name in self.fails:
            raise AmdSmiException(self.fails[name])
