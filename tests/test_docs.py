"""What the pages say is there: links, anchors, commands, settings, functions."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

from latprobe.cli.main import app
from latprobe.config import Settings

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/*/README.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    found = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL), re.M)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower() for title in found)
    return {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(without_code(text_of(page))):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name}: {link}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        links = (link.partition("#")[0] for link in LINK.findall(without_code(text_of(page))))
        waiting += [
            (page.parent / link).resolve()
            for link in links
            if link.endswith(".md") and "://" not in link
        ]

    assert set((ROOT / "docs").rglob("*.md")) <= reached


def test_every_command_and_setting_is_described() -> None:
    words = "\n".join(text_of(page) for page in PAGES)
    commands = {command.name for command in app.registered_commands if command.name}
    settings = text_of(ROOT / "docs" / "settings.md")
    keys = {each.name for each in fields(Settings)} - {"sources"}

    assert [name for name in sorted(commands) if f"latprobe {name}" not in words] == []
    assert [key for key in sorted(keys) if f"`{key}`" not in settings] == []


def test_the_functions_named_for_python_are_there() -> None:
    rows = [line for line in text_of(ROOT / "docs" / "python.md").splitlines() if "| `lat" in line]
    assert rows
    for row in rows:
        _, names, places = (cell.strip() for cell in row.strip("|").split(" | "))
        modules: list[str] = []
        for place in re.findall(r"`([\w.]+)`", places):
            parent = modules[0].rpartition(".")[0] if modules else ""
            modules.append(parent + place if place.startswith(".") else place)
        known = {name for module in modules for name in vars(import_module(module))}
        asked = re.findall(r"`([A-Za-z_]\w*)(?:\(.*?\)+)?`", names)
        assert asked, row
        assert set(asked) <= known, row
