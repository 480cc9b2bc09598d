"""`latprobe dashboard`: what the command checks before it serves."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from latprobe.errors import StoreError
from tests.cli.conftest import Cli

ADDRESS = "http://127.0.0.1:8501"


class FakeServer:
    """Stands in for latprobe_dashboard.server: notes the call and is ready at once."""

    def __init__(self) -> None:
        self.calls: list[dict[str, object]] = []
        self.behind: tuple[str, ...] = ()
        self.filters: Mapping[str, str] | None = None

    def serve(
        self,
        home: Path,
        *,
        host: str,
        port: int | None,
        open_browser: bool,
        on_ready: Callable[[str], None],
        base_path: str,
        allowed_hosts: Sequence[str],
        filters: Mapping[str, str] | None,
    ) -> None:
        self.filters = filters
        self.behind = (base_path, *allowed_hosts)
        self.calls.append({"home": home, "host": host, "port": port, "open_browser": open_browser})
        on_ready(ADDRESS)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    fake = FakeServer()
    module = ModuleType("latprobe_dashboard.server")
    module.serve = fake.serve  # type: ignore[attr-defined]
    package = ModuleType("latprobe_dashboard")
    monkeypatch.setitem(sys.modules, "latprobe_dashboard", package)
    monkeypatch.setitem(sys.modules, "latprobe_dashboard.server", module)
    return fake


def test_a_proxys_path_and_names_are_handed_on(cli: Cli, server: FakeServer, store: Path) -> None:
    cli("dashboard", "--base-path", "/tools", "--allow-host", "a.example", "--allow-host", "b")
    assert server.behind == ("/tools", "a.example", "b")
    assert not server.filters


def test_a_run_and_a_service_are_chosen_in_the_address(
    cli: Cli, server: FakeServer, store: Path
) -> None:
    cli("dashboard", "--run", "latest", "--service", "doc-qa")
    assert server.filters == {"service": "doc-qa", "run": "1"}


def test_it_serves_the_store_and_prints_the_address_on_stderr(
    cli: Cli, server: FakeServer, store: Path
) -> None:
    found = cli("dashboard", "--port", "9000", "--no-browser")
    assert found == (0, "", f"latprobe: dashboard at {ADDRESS} (Ctrl-C ends it)\n")
    assert server.calls == [
        {"home": store, "host": "127.0.0.1", "port": 9000, "open_browser": False}
    ]


def test_a_missing_extra_is_one_sentence_with_the_pip_line(
    cli: Cli, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "streamlit", None)
    assert cli("dashboard") == (
        2,
        "",
        "latprobe: error: The dashboard's packages are not installed: "
        "pip install 'latprobe[dashboard]'\n",
    )
    assert server.calls == []


def test_ctrl_c_ends_it_without_a_traceback(
    cli: Cli, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["latprobe_dashboard.server"], "serve", stop)
    assert cli("dashboard") == (130, "", "")


def test_a_busy_port_is_the_servers_sentence(
    cli: Cli, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StoreError("Port 9000 is taken; leave --port out to get a free one.")

    monkeypatch.setattr(sys.modules["latprobe_dashboard.server"], "serve", refuse)
    found = cli("dashboard", "--port", "9000")
    assert found.err == (
        "latprobe: error: Port 9000 is taken; leave --port out to get a free one.\n"
    )
