"""The commit a folder's git checkout stands at, read from its files."""

from __future__ import annotations

import re
from pathlib import Path

_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def git_commit(folder: Path) -> str | None:
    """The hash HEAD points to in the checkout around `folder`; None where there is none."""
    try:
        for place in (folder, *folder.parents):
            git = place / ".git"
            if git.is_file():  # a worktree or submodule: "gitdir: <path>"
                git = place / git.read_text("utf-8").removeprefix("gitdir:").strip()
            if git.is_dir():
                return _head(git)
    except (OSError, ValueError):
        return None
    return None


def _head(git: Path) -> str | None:
    head = (git / "HEAD").read_text("utf-8").strip()
    if not head.startswith("ref:"):
        return _hash(head)
    name = head.removeprefix("ref:").strip()
    common = git / "commondir"
    shared = git / common.read_text("utf-8").strip() if common.is_file() else git
    for place in (git, shared):
        reference = place / name
        if reference.is_file():
            return _hash(reference.read_text("utf-8").strip())
    return _packed(shared / "packed-refs", name)


def _packed(path: Path, name: str) -> str | None:
    if not path.is_file():
        return None
    for line in path.read_text("utf-8").splitlines():
        found, _, reference = line.partition(" ")
        if reference == name:
            return _hash(found)
    return None


def _hash(text: str) -> str | None:
    return text if _HASH.fullmatch(text) else None
