"""One recorded run of calls that are wrong in every way: from the recorder to the reports."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from latprobe.analysis.prompts import heaviest_calls
from latprobe.analysis.report import build_report
from latprobe.analysis.templates import heaviest_templates
from latprobe.analysis.token_totals import NOT_TAKEN_APART, token_report, tokens_by
from latprobe.analysis.tokens import unpriced_models
from latprobe.store.owner import StoreOwner

SQUARE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0\0\x02\0" * 2 + b"x" * 2000)
CUT_JPEG = base64.b64encode(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"\x01" * 1500)
NO_IMAGE = base64.b64encode(b"just words, no picture. " * 80)


def asked(content: object, **message: object) -> str:
    return json.dumps([{"role": "user", "content": content, **message}])


def picture(data: bytes) -> str:
    url = f"data:image/png;base64,{data.decode()}"
    return asked(
        [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": url}}]
    )


# A stage for each case: its model, the messages, the counts that it reports.
CASES: dict[str, tuple[str | None, str, dict[str, Any]]] = {
    "cut off": ("gpt-4o", '[{"role": "user", "content": "lorem ips', {"input_tokens": 9}),
    "no list": ("gpt-4o", '{"hello": 1}', {"input_tokens": 9}),
    "numbers": ("gpt-4o", "[1, null, [2]]", {"input_tokens": 9}),
    "unknown role": ("gpt-4o", asked("Who am I?", role="wizard"), {"input_tokens": 11}),
    "unknown part": ("gpt-4o", asked([{"type": "smell", "scent": "rose"}]), {"input_tokens": 9}),
    "no image": ("gpt-4o", picture(NO_IMAGE), {"input_tokens": 300}),
    "cut jpeg": ("gpt-4o", picture(CUT_JPEG), {"input_tokens": 300}),
    "an image": ("gpt-4o", picture(SQUARE), {"input_tokens": 265}),
    "negative": ("gpt-4o", asked("Hi"), {"input_tokens": -5, "output_tokens": 2}),
    "huge": ("gpt-4o", asked("Hi"), {"input_tokens": 2**63, "output_tokens": 2}),
    "nan": ("gpt-4o", asked("Hi"), {"input_tokens": "nan"}),
    "text": ("gpt-4o", asked("Hi"), {"input_tokens": "many"}),
    "unknown model": ("nobody-knows-9", asked("Hi"), {"input_tokens": 7, "output_tokens": 1}),
    "no model": (None, asked("Hi"), {"input_tokens": 6, "output_tokens": 1}),
    "surrogate": ("gpt-4o", asked("\ud800 and \0 and <|endoftext|>"), {"input_tokens": 20}),
}  # fmt: skip

PROGRAM = """
import json, sys
import latprobe.auto
from opentelemetry import trace
tracer = trace.get_tracer("bad")
for name, (model, messages, counts) in json.load(sys.stdin).items():
    with tracer.start_as_current_span(name) as span:
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute("gen_ai.provider.name", "openai")
        if model:
            span.set_attribute("gen_ai.request.model", model)
        span.set_attribute("gen_ai.input.messages", messages)
        for kind, count in counts.items():
            value = float("nan") if count == "nan" else count
            span.set_attribute(f"gen_ai.usage.{kind}", value)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that one program has recorded all cases into."""
    return record(tmp_path, monkeypatch, CASES)


def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cases: object) -> Path:
    home = tmp_path / "recorded"
    monkeypatch.setenv("LATPROBE_HOME", str(home))
    monkeypatch.setenv("LATPROBE_AGENT", "off")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(cases),
        text=True,
        capture_output=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return home


def test_each_case_is_counted_or_labelled_and_none_is_lost(home: Path) -> None:
    with StoreOwner(home) as owner:
        owner.ingest_pending()
        rows = {
            row["stage"]: row
            for row in owner.query(
                "SELECT stage, input_tokens, input_origin, counted_input_tokens, problem, "
                "content_problem, cost_usd FROM usage"
            ).to_pylist()
        }
        texts = owner.query("SELECT text FROM prompts WHERE text IS NOT NULL")["text"].to_pylist()
        media = [
            json.loads(text)
            for text in owner.query(
                "SELECT media::VARCHAR AS media FROM prompts WHERE media IS NOT NULL"
            )["media"].to_pylist()
        ]
    assert rows.keys() == CASES.keys()
    refused = {name: row["problem"] for name, row in rows.items() if row["problem"]}
    assert refused == {
        "negative": "gen_ai.usage.input_tokens = -5 cannot be a count",
        "huge": f"gen_ai.usage.input_tokens = {2**63} cannot be a count",
        "nan": "gen_ai.usage.input_tokens = nan cannot be a count",
        "text": "gen_ai.usage.input_tokens = many cannot be a count",
    }
    for name in ("negative", "huge", "nan", "text"):
        row = rows[name]
        assert (row["input_tokens"], row["input_origin"]) == (
            row["counted_input_tokens"],
            "counted",
        )
    strange = {name: row["content_problem"] for name, row in rows.items() if row["content_problem"]}
    assert strange == {
        "cut off": "the input messages are cut off",
        "no list": "a message holds no content",
        "numbers": "a message is no object",
        "unknown role": "unknown role 'wizard'",
        "unknown part": "unknown content part 'smell'",
        "no image": "an image is no image that is known",
        "cut jpeg": "an image header is cut off",
    }
    assert rows["unknown model"]["cost_usd"] is None
    assert rows["an image"]["counted_input_tokens"] is not None
    assert any("lorem ips" in text for text in texts)
    assert any("<|endoftext|>" in text for text in texts)
    assert sorted(str(medium["problem"]) for medium in media) == [
        "None", "header is cut off", "is no image that is known"
    ]  # fmt: skip


def test_the_reports_show_all_of_them(home: Path) -> None:
    with StoreOwner(home) as owner:
        owner.ingest_pending()
        report = build_report(owner.query)
        models = token_report(owner.query)
        calls = heaviest_calls(owner.query, limit=100)
        templates = heaviest_templates(owner.query, limit=100)
        shares = tokens_by(owner.query, by=("stage", "part"))
        unpriced = unpriced_models(owner.query)
    assert {stage.name for stage in report.stages} == CASES.keys()
    assert {call.stage for call in calls} == CASES.keys()
    assert sum(template.calls for template in templates) == len(CASES)
    assert {model.model for model in models.models} == {"gpt-4o", "nobody-knows-9", None}
    assert {model.model for model in unpriced} >= {"nobody-knows-9", None}
    total = sum(stage.input_tokens or 0 for stage in report.stages)
    assert total == report.requests.input_tokens
    assert total == sum(share.tokens for share in shares if share.side == "input")
    assert NOT_TAKEN_APART not in {share.part for share in shares if share.stage == "cut off"}


PROJECT = """
[tool.latprobe.prices."mine"]
input_usd_per_mtok = {price}
output_usd_per_mtok = 2
[tool.latprobe.tokenizers]
"mine" = "{tokenizer}"
"""
WORDS = "def words(text): return len(text.split())\ndef fails(text): raise RuntimeError('no')\n"
MINE = {"mine": ("mine", asked("one two three"), {"input_tokens": 10, "output_tokens": 1})}


@pytest.mark.parametrize(
    ("price", "tokenizer", "encoding", "cost", "problem"),
    [
        ("1", "words.py:words", "custom", 12e-6, None),
        ("'cheap'", "words.py:words", "custom", None, 'prices."mine".input_usd_per_mtok is'),
        ("1", "words.py:fails", "o200k_base", 12e-6, None),
        ("1", "nowhere.py:words", "o200k_base", 12e-6, "There is no Python file at"),
    ],
)
def test_a_projects_own_prices_and_tokenizer_come_with_its_run(
    price: str,
    tokenizer: str,
    encoding: str,
    cost: float | None,
    problem: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT.format(price=price, tokenizer=tokenizer))
    (tmp_path / "words.py").write_text(WORDS)
    home = record(tmp_path, monkeypatch, MINE)
    with StoreOwner(home) as owner:
        owner.ingest_pending()
        [row] = owner.query(
            "SELECT encoding, cost_usd, cost_origin, problem, content_problem FROM usage"
        ).to_pylist()
    assert (row["encoding"], row["cost_usd"]) == (encoding, pytest.approx(cost))
    assert row["cost_origin"] == (None if cost is None else "override")
    assert (row["problem"] or "").startswith(problem or "")
    assert bool(row["problem"]) == bool(problem)
    failed = row["content_problem"] or ""
    assert failed.endswith("failed: RuntimeError: no.") is (tokenizer == "words.py:fails")
