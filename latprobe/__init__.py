"""latprobe: finds what makes an AI pipeline slow or token-hungry.

    import latprobe.auto            # records this process

    with latprobe.stage("ocr", modality="image"):
        ...

Importing `latprobe` alone acts on nothing. Names are resolved on first use (PEP 562): the
recorder needs opentelemetry-api, which takes 60 ms to import, and a stage that nobody records
should not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latprobe.stages import stage
from latprobe.version import __version__

if TYPE_CHECKING:
    from latprobe.advice.compress.decode import decompress
    from latprobe.advice.compress.pipeline import compress
    from latprobe.context import carry, extract, inject, traceparent
    from latprobe.marks import part
    from latprobe.read_fields import watch_fields
    from latprobe.recording import flush, init, shutdown
    from latprobe_dashboard.notebook import report, show

__all__ = [
    "__version__",
    "carry",
    "compress",
    "decompress",
    "extract",
    "flush",
    "init",
    "inject",
    "part",
    "report",
    "show",
    "shutdown",
    "stage",
    "traceparent",
    "watch_fields",
]

_HOMES = {
    "carry": "latprobe.context",
    "compress": "latprobe.advice.compress.pipeline",
    "decompress": "latprobe.advice.compress.decode",
    "extract": "latprobe.context",
    "flush": "latprobe.recording",
    "init": "latprobe.recording",
    "inject": "latprobe.context",
    "part": "latprobe.marks",
    "report": "latprobe_dashboard.notebook",
    "show": "latprobe_dashboard.notebook",
    "shutdown": "latprobe.recording",
    "traceparent": "latprobe.context",
    "watch_fields": "latprobe.read_fields",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'latprobe' has no attribute {name!r}")
    from importlib import import_module

    try:
        found = getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if _HOMES[name].startswith("latprobe_dashboard"):
            raise ImportError(
                f"latprobe.{name} draws with the dashboard's charts: "
                "pip install 'latprobe[dashboard]'"
            ) from error
        raise
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
