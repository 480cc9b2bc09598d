"""Where settings come from, and which win."""

from __future__ import annotations

from pathlib import Path

import pytest

from latprobe.config import StageRule, load_settings
from latprobe.errors import UsageError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a pyproject.toml above it."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.latprobe]\nservice = "from-file"\nagent = false\n'
        '[tool.latprobe.stages]\n"shop.*:load" = { name = "io.load", modality = "io" }\n'
    )
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    monkeypatch.setattr("sys.orig_argv", ["python"])
    return tmp_path


def test_arguments_win_over_the_environment_over_the_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().service == "from-file"
    monkeypatch.setenv("LATPROBE_SERVICE", "from-environment")
    monkeypatch.setenv("LATPROBE_AGENT", "on")
    settings = load_settings()
    assert (settings.service, settings.agent) == ("from-environment", True)
    assert load_settings(service="from-call").service == "from-call"
    assert settings.stages == (StageRule("shop.*:load", "io.load", "io"),)
    assert settings.sources["service"] == "LATPROBE_SERVICE"


def test_the_standard_service_name_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    assert load_settings().service == "shop"
    monkeypatch.setenv("LATPROBE_SERVICE", "shop-2")
    assert load_settings().service == "shop-2"


def test_stages_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATPROBE_STAGES", "shop:load, shop.index:*")
    assert [rule.pattern for rule in load_settings().stages] == ["shop:load", "shop.index:*"]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("LATPROBE_AGENT", "perhaps", "write on or off"),
        ("LATPROBE_CONTENT", "all", "write local or off"),
        ("LATPROBE_SEGMENT_BYTES", "big", "write a positive number"),
        ("LATPROBE_STAGES", "load", 'write "module:function"'),
    ],
)
def test_a_value_that_cannot_be_meant_says_what_to_write(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=says):
        load_settings()


def test_an_unknown_key_in_the_file_is_named(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.latprobe]\nservce = "x"\n')
    with pytest.raises(UsageError, match=r"unknown keys in \[tool.latprobe\]: servce"):
        load_settings()


def test_a_broken_file_is_named(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.latprobe\n")
    with pytest.raises(UsageError, match="cannot be read"):
        load_settings()
