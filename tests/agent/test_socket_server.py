"""The socket from the server's side: clients that leave, and clients that talk nonsense."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from latprobe.agent.address import Address, socket_path, write_address
from latprobe.agent.client import AgentClient, connect, open_socket
from latprobe.agent.socket_server import SocketServer
from latprobe.agent.wire import receive_json, send_json
from latprobe.store.owner import StoreOwner
from tests.waiting import wait_until

FOR_EVER = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SocketServer]:
    with StoreOwner(tmp_path) as owner:
        server = SocketServer(owner, stop=lambda: None, version="test")
        server.start()
        yield server
        server.close()


def test_nobody_is_let_in_before_the_address_was_written(tmp_path: Path) -> None:
    """A dead agent's address names the same socket, and would be taken for the answering one's."""
    write_address(tmp_path, Address(1, str(socket_path(tmp_path)), "dead", 0))
    with StoreOwner(tmp_path) as owner:
        server = SocketServer(owner, stop=lambda: None, version="test")
        early = connect(tmp_path)
        write_address(tmp_path, server.address)
        server.start()
        with connect(tmp_path) or AgentClient(server.address) as client:
            found = client.address
        server.close()

    assert early is None
    assert found == server.address


def test_a_query_ends_when_its_client_leaves(server: SocketServer) -> None:
    peer = open_socket(server.address)
    send_json(peer, {"op": "query", "sql": FOR_EVER})
    wait_until(lambda: server.running_queries == 1)
    peer.close()

    wait_until(lambda: server.running_queries == 0)
    wait_until(lambda: server.connections == 0)
    assert server.connections == 0


@pytest.mark.parametrize(
    "data", [b"\xff\xff\xff\xff", b"\x02\x00\x00\x00[]", b"\x03\x00\x00\x00abc"]
)
def test_nonsense_costs_a_client_its_connection_only(server: SocketServer, data: bytes) -> None:
    peer = open_socket(server.address)
    peer.sendall(data)

    assert peer.recv(1) == b""
    with AgentClient(server.address) as client:
        assert client.data_version() == 0


def test_many_requests_share_a_connection(server: SocketServer) -> None:
    with AgentClient(server.address) as client:
        for number in range(20):
            assert client.query("SELECT ? AS n", [number]).to_pylist() == [{"n": number}]

        assert server.connections == 1


def test_where_there_are_no_unix_sockets_a_token_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StoreOwner(tmp_path) as owner:
        with monkeypatch.context() as patch:
            patch.delattr(socket, "AF_UNIX")
            server = SocketServer(owner, stop=lambda: None, version="test")
        server.start()
        host, _, port = server.address.socket.rpartition(":")
        with AgentClient(server.address) as client:
            answer = client.query("SELECT 1 AS one").to_pylist()
        stranger = socket.create_connection((host, int(port)))
        send_json(stranger, {"token": "guess"})
        refused = stranger.recv(1)
        server.close()

    assert (host, answer, refused) == ("127.0.0.1", [{"one": 1}], b"")


def test_answers_name_their_error(server: SocketServer) -> None:
    peer = open_socket(server.address)
    send_json(peer, {"op": "query", "sql": "SELECT 1; SELECT 2"})
    answer = receive_json(peer)
    peer.close()

    assert answer == {
        "ok": False,
        "error": "UsageError",
        "message": "One SQL statement at a time, this has 2. Send them one by one.",
        "bytes": 0,
    }


def test_questions_about_the_store_are_announced_before_they_are_answered(tmp_path: Path) -> None:
    said: list[str] = []
    with StoreOwner(tmp_path) as owner:
        server = SocketServer(
            owner, stop=lambda: None, asked=lambda: said.append("asked"), version="test"
        )
        server.start()
        with AgentClient(server.address) as client:
            for ask in (client.data_version, client.status, lambda: client.query("SELECT 1")):
                ask()
                said.append("answered")
            client.flush(5.0)
            said.append("flushed")
        server.close()

    assert said == ["asked", "answered"] * 3 + ["flushed"]
