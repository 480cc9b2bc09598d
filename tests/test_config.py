"""Where settings come from, and which win."""

from __future__ import annotations

from pathlib import Path

import pytest

from latprobe.agent.launch import _agents_settings
from latprobe.config import StageRule, load_settings
from latprobe.errors import UsageError
from latprobe.setting_values import setting_text


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
        ("LATPROBE_REDACT", "a\n(", "no regular expression"),
        ("LATPROBE_REDACT_WITH", "module", 'write "module:function"'),
        ("LATPROBE_CONTENT_MAX_BYTES", "-1", "write a positive number"),
        ("LATPROBE_THUMBNAILS", "small", "write on or off"),
        ("LATPROBE_ENGINES", "vllm", "write the http:// address"),
        ("LATPROBE_ENGINES", "vllm=localhost:8000", "write the http:// address"),
        ("LATPROBE_PRICES", "cheap", r"write \[tool.latprobe.prices\]"),
    ],
)
def test_a_value_that_cannot_be_meant_says_what_to_write(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=says):
        load_settings()


TABLES = """[tool.latprobe]
redact = ['\\d{4,}', "a, b"]
redact_with = "shop.privacy:hide"
thumbnails = true
content_max_bytes = 2048
[tool.latprobe.prices."my-model"]
input_usd_per_mtok = 1.5
from = 2026-01-01
[tool.latprobe.tokenizers]
"qwen*" = "models/tokenizer.json"
"my-*" = "shop.tokens:count"
[tool.latprobe.engines]
vllm = "http://gpu:8000/metrics"
triton = ["http://gpu:8002/metrics", "gpu:8000", "gpu:8001"]
"""


def test_what_the_agent_is_told_of_a_projects_tables_says_the_same(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pyproject.toml").write_text(TABLES)
    found = load_settings()
    assert found.redact == (r"\d{4,}", "a, b")
    assert (found.redact_with, found.thumbnails) == ("shop.privacy:hide", True)
    assert found.content_max_bytes == 2048
    assert found.prices["my-model"]["input_usd_per_mtok"] == 1.5
    assert found.tokenizers == {
        "qwen*": str(project / "models" / "tokenizer.json"),
        "my-*": "shop.tokens:count",
    }

    assert found.engines == {
        "vllm": "http://gpu:8000/metrics",
        "triton": "http://gpu:8002/metrics gpu:8000 gpu:8001",
    }

    told = _agents_settings()
    (project / "pyproject.toml").unlink()
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    read = load_settings()
    for name in (
        "redact",
        "redact_with",
        "thumbnails",
        "content_max_bytes",
        "tokenizers",
        "engines",
    ):
        assert getattr(read, name) == getattr(found, name)
    assert read.prices == {"my-model": {"input_usd_per_mtok": 1.5, "from": "2026-01-01"}}


def test_engines_in_the_environment_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATPROBE_ENGINES", "a=http://x:1/m?b=c, b = https://y/m y:8000,")
    assert load_settings().engines == {"a": "http://x:1/m?b=c", "b": "https://y/m y:8000"}


def test_a_function_redacts_only_in_the_process_that_it_is_handed_to() -> None:
    settings = load_settings(redact_with=str.upper)
    assert settings.redact_with is str.upper
    assert setting_text(settings.redact_with) is None


def test_an_unknown_key_in_the_file_is_named(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.latprobe]\nservce = "x"\n')
    with pytest.raises(UsageError, match=r"unknown keys in \[tool.latprobe\]: servce"):
        load_settings()


def test_a_broken_file_is_named(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.latprobe\n")
    with pytest.raises(UsageError, match="cannot be read"):
        load_settings()
