"""NVML: the devices there are, what each of them can tell, and what its errors mean."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from importlib.util import find_spec
from typing import Any

from latprobe_collectors.gpu.library import Device, DeviceGoneError, Found

# Signs of a driver: the loaded module; its device where /proc is not the host's; WSL's device.
_DRIVER_SIGNS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")

MISSING = "nvidia-ml-py is not installed"
INSTALL = "pip install 'latprobe[gpu]'"

# Error numbers of nvml.h. The first kind is about this card, driver or user and will not change
# while the driver stays: invalid argument, not supported, no permission, not found, function not
# found, ECC and frequency not supported, version mismatch, deprecated.
_CANNOT = frozenset({2, 3, 4, 6, 13, 22, 24, 25, 26})
# Uninitialised, driver not loaded, interrupt trouble, library not found, GPU lost, reset required,
# library and driver of two versions, GPU not found. Any other error may pass by itself.
_GONE = frozenset({1, 9, 11, 12, 15, 16, 18, 28})
NO_PERMISSION = 4
# What else a library raises that does not work, or is another one than it seems.
_FAULTS = (
    AttributeError, TypeError, ValueError, LookupError, ArithmeticError, OSError, RuntimeError,
    ctypes.ArgumentError,
)  # fmt: skip


def has_driver() -> bool:
    """Whether an NVIDIA driver may be here; costs three stats."""
    return sys.platform == "linux" and any(os.path.exists(sign) for sign in _DRIVER_SIGNS)


def has_library() -> bool:
    """Whether some module called pynvml is installed; it is not imported."""
    return find_spec("pynvml") is not None


def load_nvml() -> tuple[Any, str | None]:
    """The library, not started yet, or None and the reason."""
    try:
        import pynvml
    except Exception as error:  # whoever's module it is, it may do anything when it is imported
        if has_library():
            return None, f"the module pynvml cannot be imported ({_said(error)})"
        return None, MISSING
    if not is_nvml(pynvml):
        return None, "the module pynvml is not the one of nvidia-ml-py"
    return pynvml, None


def is_nvml(module: Any) -> bool:
    """Whether it is nvidia-ml-py, as far as one can tell without calling it."""
    error = getattr(module, "NVMLError", None)
    is_error = isinstance(error, type) and issubclass(error, Exception)
    return is_error and callable(getattr(module, "nvmlInit", None))


def start(nvml: Any) -> str | None:
    """Starts the library; the reason when it cannot be started."""
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        if getattr(error, "value", None) == NO_PERMISSION:
            return f"this user may not ask the NVIDIA driver ({error})"
        return f"the NVIDIA driver does not answer ({error})"
    except _FAULTS as error:
        return f"the module pynvml does not work here ({_said(error)})"
    return None


def find(nvml: Any) -> Found:
    """All GPUs that this process may see, with their slices.

    One that is lost stops none of the others. Raises DeviceGoneError when the driver is not there
    any more, or does not say how many there are.
    """
    devices: list[Device] = []
    lost: list[str] = []
    hidden = 0
    count = _asked(nvml, getattr(nvml, "nvmlDeviceGetCount", None))
    if count is None:
        raise DeviceGoneError("the NVIDIA driver does not say which GPUs there are")
    for index in range(count):
        try:
            handle, again = ask(nvml, lambda lib, at: lib.nvmlDeviceGetHandleByIndex(at), index)
            if handle is None and again:
                lost.append(f"GPU {index}: the driver does not let it be read now")
            elif handle is None:
                hidden += 1
            else:
                devices += _gpu(nvml, handle, index)
        except DeviceGoneError as error:
            lost.append(f"GPU {index}: {error}")
    return Found(tuple(devices), hidden, tuple(lost))


def ask(nvml: Any, read: Any, handle: Any) -> tuple[Any, bool]:
    """(value, whether to ask again). The value is None where there is none.

    Raises DeviceGoneError.
    """
    try:
        return read(nvml, handle), True
    except nvml.NVMLError as error:
        number = getattr(error, "value", None)
        if number in _GONE:
            raise DeviceGoneError(str(error)) from error
        return None, number not in _CANNOT
    except (AttributeError, TypeError, ctypes.ArgumentError):  # from before this quantity
        return None, False
    except _FAULTS:  # of this reading: a text that is no text, a number beyond its width
        return None, True


def driver_version(nvml: Any) -> str | None:
    """As the driver says it. Raises DeviceGoneError."""
    return _text(_asked(nvml, nvml.nvmlSystemGetDriverVersion))


def describe(nvml: Any, device: Device) -> str:
    """JSON with index, name, driver, memory and MIG profile, for the store."""
    memory = _asked(nvml, nvml.nvmlDeviceGetMemoryInfo, device.handle)
    return json.dumps(
        {
            "index": device.index,
            "name": device.name,
            "driver": driver_version(nvml),
            "memory_total_bytes": None if memory is None else int(memory.total),
            "mig_profile": device.name.partition(" MIG ")[2] or None,
            "gpu": device.parent_uuid,
        }
    )


def _gpu(nvml: Any, handle: Any, index: int) -> list[Device]:
    """The GPU, and after it its slices."""
    uuid = _text(_asked(nvml, nvml.nvmlDeviceGetUUID, handle)) or f"GPU-{index}"
    slices = list(_slices(nvml, handle, index, uuid))
    name = _text(_asked(nvml, nvml.nvmlDeviceGetName, handle)) or "unknown"
    return [Device(uuid, name, index, handle, has_slices=bool(slices)), *slices]


def _slices(nvml: Any, handle: Any, index: int, parent_uuid: str) -> list[Device]:
    mode = _asked(nvml, getattr(nvml, "nvmlDeviceGetMigMode", None), handle)
    if not mode or not mode[0]:
        return []
    found = []
    for place in range(_asked(nvml, nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
        part = _asked(nvml, nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, place)
        if part is None:
            continue
        found.append(
            Device(
                _text(_asked(nvml, nvml.nvmlDeviceGetUUID, part)) or f"MIG-{index}-{place}",
                _text(_asked(nvml, nvml.nvmlDeviceGetName, part)) or "unknown",
                index,
                part,
                parent=handle,
                parent_uuid=parent_uuid,
                gpu_instance=_asked(nvml, nvml.nvmlDeviceGetGpuInstanceId, part),
            )
        )
    return found


def _asked(nvml: Any, call: Any, *arguments: Any) -> Any:
    """The answer, None where this card has none. Raises DeviceGoneError."""
    return ask(nvml, lambda *_: call(*arguments), None)[0]


def _said(error: Exception) -> str:
    """Its message on one line, its class where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def _text(value: str | bytes | None) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
