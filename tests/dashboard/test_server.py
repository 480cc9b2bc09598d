"""Starting and stopping, without a browser."""

from __future__ import annotations

import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from latprobe.errors import StoreError, UsageError
from latprobe_dashboard import server
from tests.dashboard.browsing import Served
from tests.dashboard.seeding import newer_store, seed

ALONE = {"LATPROBE_AGENT": "off"}


def _status(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_on_loopback_and_a_signal_ends_it_cleanly(
    number: signal.Signals, tmp_path: Path
) -> None:
    served = Served(seed(tmp_path / "store", requests=2), environment=ALONE)
    try:
        url = served.url()
        assert url.startswith("http://127.0.0.1:")
        assert _status(f"{url}/_stcore/health") == 200
        assert _status(url, Host="evil.example") == 403
        assert _status(url, Origin="http://evil.example") == 403
    finally:
        status = served.stop(number)
    assert (status, served.lines.get(timeout=1)) == (0, "stopped")
    assert served.errors == []


def test_a_busy_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(UsageError) as refused:
            server.serve(tmp_path, port=port, open_browser=False)
    assert str(refused.value) == (
        f"Port {port} on 127.0.0.1 is in use. Choose another one with --port, "
        "or leave --port away to get the first free one."
    )


def test_another_address_needs_a_token(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a token"):
        server.serve(tmp_path, host="0.0.0.0", open_browser=False)


def test_a_name_of_a_proxy_needs_a_token(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a token"):
        server.serve(tmp_path, allowed_hosts=["box.lan"], open_browser=False)


@pytest.mark.parametrize("path", ["/a b", "../x", "/a//b", "//evil.example/?x", "/%2e", "a/.."])
def test_a_base_path_is_a_plain_path(path: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a path"):
        server.serve(tmp_path, base_path=path, open_browser=False)


def test_behind_a_proxy_it_serves_its_path_and_name_only(tmp_path: Path) -> None:
    more = {"base_path": "/tools/latprobe/", "allowed_hosts": ["box.lan"], "token": "s3cret"}
    served = Served(seed(tmp_path / "store", requests=2), environment=ALONE, more=more)
    try:
        url = served.url()
        assert url.endswith("/tools/latprobe/?token=s3cret")
        base = url.partition("?")[0]
        known = {"Authorization": "Bearer s3cret"}
        assert _status(f"{base}_stcore/health", **known) == 200
        assert _status(f"{base}_stcore/health", Host="box.lan", **known) == 200
        assert _status(f"{base}_stcore/health", Host="box.lan") == 401
        assert _status(f"{base}_stcore/health", Host="evil.example", **known) == 403
        assert _status(f"{base}trace", Origin="https://box.lan", Host="box.lan", **known) == 200
    finally:
        served.stop()


def test_an_address_this_machine_does_not_have_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not an address of this machine"):
        server.serve(tmp_path, host="192.0.2.1", open_browser=False, token="s3cret")


def test_a_store_that_cannot_be_opened_stops_before_serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[object] = []
    monkeypatch.setattr(server, "_run", lambda *where: served.append(where))
    monkeypatch.setenv("LATPROBE_AGENT", "off")
    newer_store(tmp_path / "store")
    with pytest.raises(StoreError):
        server.serve(tmp_path / "store", open_browser=False)
    assert served == []
