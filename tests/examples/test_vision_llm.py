"""The vision_llm example: its models, the app as a process, and what is recorded of it."""

from __future__ import annotations

import ast
import json
import os
import runpy
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from latprobe.store.owner import StoreOwner
from tests.hooks.needing import needs

EXAMPLE = Path(__file__).parents[2] / "examples" / "vision_llm"
sys.path.append(str(EXAMPLE))


def example(module: str) -> ModuleType:
    """A module of the example; by name, for the folder is on no path that a type checker knows."""
    needs("torch")
    needs("PIL")
    return import_module(f"vision_llm.{module}")


def run_app(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        check=False,
    )


def test_every_stage_is_recorded_once_a_request_and_the_app_says_its_weights_are_random(
    tmp_path: Path,
) -> None:
    example("pipeline")
    done = run_app(
        "-m", "latprobe.cli", "run", "--", sys.executable, str(EXAMPLE / "app.py"),
        "--requests", "2", "--size", "tiny", "--device", "cpu",
        LATPROBE_HOME=str(tmp_path), LATPROBE_AGENT="0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "vision_llm: 2 requests on the CPU, tiny models with random weights: p50 "
    )
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        stages = owner.query(
            "SELECT s.name, p.name AS parent, count(*) AS runs FROM spans s "
            "LEFT JOIN spans p ON p.trace_id = s.trace_id AND p.span_id = s.parent_span_id "
            "WHERE p.name IS NULL OR p.name = 'vision_llm.request' "
            "GROUP BY ALL ORDER BY min(s.start_ns)"
        ).to_pylist()
    root = "vision_llm.request"
    assert [(row["name"], row["parent"], row["runs"]) for row in stages] == [
        (root, None, 2),
        ("image.decode", root, 2),
        ("image.to_gpu", root, 2),
        ("vision.encode", root, 2),
        ("llm.generate", root, 2),
        ("text.embed", root, 2),
        ("answer.format", root, 2),
    ]


def test_the_same_question_has_the_same_answer() -> None:
    pipeline, models, sizes = example("pipeline"), example("models"), example("sizes")
    question = pipeline.Question(example("pictures").draw(sizes.TINY, seed=1), "What?", 3)
    answers = [pipeline.answer(question, models.load(sizes.TINY, device="cpu")) for _ in range(2)]
    assert answers[0] == answers[1]
    found = json.loads(answers[0])
    assert len(found["answer"].split()) == 3
    assert len(found["vector"]) == sizes.TINY.embed[1]


def test_the_cache_changes_nothing_but_the_time() -> None:
    torch = needs("torch")
    transformer = example("transformer")
    torch.manual_seed(2)
    model = transformer.Transformer((2, 32, 2), is_causal=True).eval()
    states = torch.randn(1, 6, 32)
    with torch.inference_mode():
        whole, _ = model(states)
        first, cache = model(states[:, :5])
        last, _ = model(states[:, 5:], cache)
    torch.testing.assert_close(torch.cat((first, last), dim=1), whole)


def test_a_gpu_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = needs("torch")
    example("pipeline")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["app.py", "--device", "cuda"])
    assert runpy.run_path(str(EXAMPLE / "app.py"))["main"]() == 2
    assert capsys.readouterr() == (
        "",
        "vision_llm: torch sees no CUDA GPU; try --device cpu\n",
    )


def test_no_file_of_the_example_imports_latprobe() -> None:
    imported = {
        name.split(".")[0]
        for file in EXAMPLE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in _imported(node)
    }
    assert "torch" in imported
    assert "latprobe" not in imported


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_every_stage_in_the_configuration_names_a_function_that_exists() -> None:
    configuration = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))
    for key in configuration["tool"]["latprobe"]["stages"]:
        module, function = key.split(":")
        assert callable(getattr(example(module.removeprefix("vision_llm.")), function)), key
