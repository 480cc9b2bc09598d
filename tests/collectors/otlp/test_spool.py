"""The files between acceptance and the store."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe_collectors.otlp import spool as module
from latprobe_collectors.otlp.refusals import OverloadedError
from latprobe_collectors.otlp.spool import FRAME, Spool, read_frames, spool_files


def payloads(folder: Path) -> list[bytes]:
    """All that can be read."""
    return [frame.payload for path in spool_files(folder) for frame in read_frames(path, 0)]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5), st.data())
def test_a_file_cut_anywhere_gives_the_requests_before_the_cut(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder)
    ends = []
    for body in bodies:
        spool.append(body, 1)
        ends.append(spool.backlog_bytes)
    spool.close()
    (path,) = spool_files(folder)
    cut = data.draw(st.integers(0, ends[-1]))
    os.truncate(path, cut)

    assert payloads(folder) == [body for body, end in zip(bodies, ends, strict=True) if end <= cut]


def test_a_flipped_bit_ends_the_reading(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for body in (b"first", b"second", b"third"):
        spool.append(body, 1)
    (path,) = spool_files(tmp_path)
    data = bytearray(path.read_bytes())
    data[2 * FRAME.size + len(b"first") + 1] ^= 1
    path.write_bytes(bytes(data))

    assert payloads(tmp_path) == [b"first"]


def test_files_are_private_and_a_full_one_is_followed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILE_BYTES", 20)
    spool = Spool(tmp_path / "otlp")
    for number in range(3):
        spool.append(b"%d" % number, 1)
    modes = [path.stat().st_mode & 0o777 for path in spool_files(tmp_path / "otlp")]

    assert (payloads(tmp_path / "otlp"), modes) == ([b"0", b"1", b"2"], [0o600, 0o600])


def test_a_backlog_is_bounded_until_some_of_it_was_taken(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_backlog_bytes=100)
    spool.append(b"x" * 200, 1)
    with pytest.raises(OverloadedError, match="behind"):
        spool.append(b"y", 1)
    spool.taken(spool.backlog_bytes)
    spool.append(b"z", 1)

    assert payloads(tmp_path) == [b"x" * 200, b"z"]


def test_a_full_disk_refuses_and_leaves_no_half_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    spool.append(b"first", 1)

    write = os.write

    def full(fd: int, data: bytes) -> int:
        if data == b"second":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OverloadedError, match="No space left"):
            spool.append(b"second", 1)
    spool.append(b"third", 1)

    assert payloads(tmp_path) == [b"first", b"third"]
