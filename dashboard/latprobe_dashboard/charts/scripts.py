"""The browser side of our charts, read from the files beside this one."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def source(*names: str) -> str:
    """The files joined: an inline script has no imports, so what is shared comes first."""
    return "\n".join((_HERE / name).read_text("utf-8") for name in names)


def nothing() -> None:
    """A component's callback: Streamlit wants one for a trigger, and its return value says all."""
