"""The commit of a checkout, from its files alone."""

from __future__ import annotations

from pathlib import Path

from latprobe.store.git_commit import git_commit

HASH = "0123456789abcdef0123456789abcdef01234567"


def checkout(folder: Path, head: str) -> Path:
    (folder / ".git" / "refs" / "heads").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text(head)
    return folder


def test_a_branch_a_detached_head_and_a_packed_ref_give_the_hash(tmp_path: Path) -> None:
    branch = checkout(tmp_path / "a", "ref: refs/heads/main\n")
    (branch / ".git" / "refs" / "heads" / "main").write_text(HASH + "\n")
    detached = checkout(tmp_path / "b", HASH + "\n")
    packed = checkout(tmp_path / "c", "ref: refs/heads/main\n")
    (packed / ".git" / "packed-refs").write_text(f"# pack-refs\n{HASH} refs/heads/main\n")
    (packed / "src" / "deep").mkdir(parents=True)

    found = [git_commit(folder) for folder in (branch, detached, packed, packed / "src" / "deep")]
    assert found == [HASH] * 4


def test_a_worktree_finds_the_branch_in_the_main_checkout(tmp_path: Path) -> None:
    main = checkout(tmp_path / "main", "ref: refs/heads/main\n")
    (main / ".git" / "refs" / "heads" / "topic").write_text(HASH)
    inner = main / ".git" / "worktrees" / "t"
    inner.mkdir(parents=True)
    (inner / "HEAD").write_text("ref: refs/heads/topic\n")
    (inner / "commondir").write_text("../..\n")
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / ".git").write_text(f"gitdir: {inner}\n")

    assert git_commit(tmp_path / "t") == HASH


def test_no_checkout_a_first_commit_to_come_and_nonsense_give_none(tmp_path: Path) -> None:
    unborn = checkout(tmp_path / "a", "ref: refs/heads/main\n")
    nonsense = checkout(tmp_path / "b", "\x00\x01")

    assert [git_commit(folder) for folder in (unborn, nonsense)] == [None, None]
