"""What is installed around latprobe: versions, compiled code, GPUs, tokenizer, instrumentations."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, entry_points, version
from importlib.util import find_spec

from latprobe.cli.engine_checks import engine_findings
from latprobe.cli.finding import Finding
from latprobe.cli.gpu_checks import gpu_finding
from latprobe.config import load_settings
from latprobe.hooks.instrumentors import GROUP, offers
from latprobe.version import __version__

NEEDED = ("duckdb", "pyarrow", "numpy", "opentelemetry-api", "typer", "rich", "psutil")


def check_all() -> Iterator[Finding]:
    """All findings about the installation; none of them is a failure of the store."""
    yield _python()
    yield from _packages()
    yield _long_texts()
    yield _dashboard()
    yield gpu_finding()
    yield from engine_findings()
    yield _tokenizer()
    yield _instrumentations()


def _python() -> Finding:
    text = f"{platform.python_version()} at {sys.executable}, {platform.platform()}"
    return Finding("python", "ok", text)


def _packages() -> Iterator[Finding]:
    origin = "" if _version("latprobe") else ", run from its sources"
    yield Finding("latprobe", "ok", __version__ + origin)
    missing = [name for name in NEEDED if _version(name) is None]
    text = ", ".join(f"{name} {_version(name)}" for name in NEEDED if name not in missing)
    if missing:
        advice = f"{sys.executable} -m pip install {' '.join(missing)}"
        yield Finding("packages", "warn", f"{', '.join(missing)} missing; {text}", advice)
    else:
        yield Finding("packages", "ok", text)


def _long_texts() -> Finding:
    """Whether hatch_build.py found a compiler."""
    if find_spec("latprobe.journal._texts") is not None:
        return Finding("long texts", "ok", "handed over by compiled code")
    return Finding(
        "long texts",
        "note",
        "handed over by Python, slower where they have typographic quotation marks or emoji: "
        "there was no C compiler when latprobe was installed, or no headers of Python",
        "install both (apt install gcc python3-dev), then latprobe again from its source: "
        "pip install --force-reinstall --no-deps --no-binary latprobe latprobe",
    )


def _dashboard() -> Finding:
    from latprobe.cli.dashboard import has_extra

    text = f"streamlit {_version('streamlit')}"
    if not has_extra():
        text = "not installed"
    elif find_spec("plotly") is None:
        text += "; without plotly its charts are saved as pictures only"
    else:
        return Finding("dashboard", "ok", f"{text}, plotly {_version('plotly')}")
    return Finding("dashboard", "note", text, "pip install 'latprobe[dashboard]'")


def _tokenizer() -> Finding:
    found = _version("tiktoken")
    if found is not None:
        return Finding("tokenizer", "ok", f"tiktoken {found}")
    text = "tiktoken is not installed; tokens are taken from what the model's API reports"
    return Finding("tokenizer", "note", text, "pip install tiktoken")


def _instrumentations() -> Finding:
    """What `latprobe.auto` will switch on once its library is imported, and what not, and why."""
    found = offers(load_settings(), entry_points(group=GROUP))
    if not found:
        return Finding(
            "instrumented",
            "note",
            "no OpenTelemetry instrumentation is installed; your own stages are recorded",
            "for model calls by themselves: pip install 'latprobe[llm]'",
        )
    chosen = sorted(
        f"{'/'.join(sorted(offer.modules))} by {offer.package} {offer.version}"
        for offer in found
        if offer.state == "chosen"
    )
    left = sorted(
        f"{offer.package} is off: {offer.reason}" for offer in found if offer.state != "chosen"
    )
    return Finding("instrumented", "ok", "; ".join([*chosen, *left]))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
