"""What the store and this installation are set up to do, and where each setting comes from."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, entry_points, version

import streamlit as st

from latprobe.config import Settings, load_settings
from latprobe.errors import UsageError
from latprobe.hooks.instrumentors import GROUP, offers
from latprobe.store.retention import DEFAULT_DAYS, DEFAULT_MAX_BYTES
from latprobe.store.status import StoreStatus
from latprobe.version import __version__
from latprobe_dashboard import data, quantities, shown_text
from latprobe_dashboard.charts import rows
from latprobe_dashboard.health_queries import ClockSkew

PACKAGES = ("duckdb", "pyarrow", "numpy", "streamlit", "opentelemetry-api", "tiktoken")
SECRETS = ("otlp_token",)
COLUMNS = (
    rows.Column("Setting", field="setting"),
    rows.Column("Value", field="value"),
    rows.Column("From", field="source"),
)
Facts = list[tuple[str, str]]


def store_facts(status: StoreStatus) -> Facts:
    """What becomes of the store by itself, and how far the clocks in it agree."""
    return [
        (
            "retention",
            f"the agent deletes what is over {DEFAULT_DAYS:.0f} days old, and the oldest above "
            f"{quantities.size(DEFAULT_MAX_BYTES)}",
        ),
        ("clock skew", _skew_words(data.clock_skew())),
        ("calls to count", quantities.exact(status.uncounted_calls)),
    ]


def _skew_words(skew: ClockSkew) -> str:
    if not skew.crossings:
        return "no call between processes is recorded"
    if not skew.early:
        return f"none seen in {quantities.counted(skew.crossings, 'call')} between processes"
    return (
        f"{skew.early:,} of {quantities.counted(skew.crossings, 'call')} between processes begin "
        f"before their caller, by up to {quantities.nanoseconds(skew.worst_ns)}; drawn moved"
    )


def software_facts() -> Facts:
    """Versions of what runs this dashboard, which need not be those of the recorded programs."""
    known = [(name, _version(name)) for name in PACKAGES]
    return [
        ("latprobe", __version__),
        ("Python", platform.python_version()),
        *((name, found or "not installed") for name, found in known),
    ]


def instrumentation_facts() -> Facts:
    """What `latprobe.auto` switches on in this environment once its library is imported."""
    try:
        found = offers(load_settings(), entry_points(group=GROUP))
    except UsageError as error:
        return [("settings", str(error))]
    if not found:
        return [("none", "pip install 'latprobe[llm]' records model calls by themselves")]
    return [
        (
            f"{offer.package} {offer.version}",
            "/".join(sorted(offer.modules)) if offer.state == "chosen" else f"off: {offer.reason}",
        )
        for offer in sorted(found, key=lambda offer: offer.package)
    ]


def settings_table() -> None:
    """The settings as a program started in this folder would have them."""
    try:
        settings = load_settings()
    except UsageError as error:
        st.error(shown_text.block(str(error)))
        return
    st.html(
        '<p class="lp-h">Settings in force<small>as read by this dashboard; a program started '
        "elsewhere or with arguments may have others</small></p>"
    )
    shown = [
        rows.Row(
            cells=(
                rows.Cell(each.name),
                rows.Cell(_value(settings, each.name)),
                rows.Cell(shown_text.line(settings.sources.get(each.name, "default"), 120)),
            )
        )
        for each in fields(Settings)
        if each.name != "sources"
    ]
    rows.mount(COLUMNS, shown, key="lp_settings", label="Settings in force", height=420)


def _value(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    if value is None:
        return quantities.NOT_MEASURED
    if name in SECRETS:
        return "set, not shown"
    if isinstance(value, Mapping):
        return shown_text.line(", ".join(map(str, value)) or "none", 120)
    if isinstance(value, tuple):
        return shown_text.line(", ".join(map(str, value)) or "none", 120)
    if isinstance(value, bool):
        return "on" if value else "off"
    return shown_text.line(str(value), 120)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
