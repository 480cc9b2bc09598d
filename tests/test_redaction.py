"""What the user redacts never reaches the disk, and redacting never reaches the user's code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import latprobe
from latprobe import guard, recorder
from latprobe.otel.sdk_bridge import listen_to
from latprobe.redaction import Redactor
from latprobe.store.owner import StoreOwner
from latprobe.testing import MemorySink

ROOT = Path(__file__).parents[1]


@pytest.fixture
def redacting() -> Iterator[Callable[[Redactor], None]]:
    """Sets the process's redactor; none is left behind."""
    yield recorder.redact_with
    recorder.redact_with(None)


def test_patterns_go_over_all_text_and_the_function_over_content() -> None:
    redactor = Redactor((r"\w+@\w+\.com",), lambda text: text.replace("Ann", "N"))

    assert redactor.attributes(
        {
            "gen_ai.input.messages": '[{"content": "Ann, ann@x.com"}]',
            "gen_ai.tool.call.arguments": {"to": ["ann@x.com", "Ann"], "n": 3},
            "url.full": "http://h/?q=ann@x.com&n=Ann",
            "gen_ai.request.model": "ann@x.com",
            "gen_ai.usage.input_tokens": 7,
            "blob": b"ann@x.com\xff",
        }
    ) == {
        "gen_ai.input.messages": '[{"content": "N, [redacted]"}]',
        "gen_ai.tool.call.arguments": {"to": ["[redacted]", "N"], "n": 3},
        "url.full": "http://h/?q=[redacted]&n=Ann",
        "gen_ai.request.model": "ann@x.com",
        "gen_ai.usage.input_tokens": 7,
        "blob": b"[redacted]\xff",
    }


def test_events_and_messages_are_redacted_too() -> None:
    redactor = Redactor((), lambda text: text.replace("Ann", "N"))

    assert redactor.event("gen_ai.user.message", {"content": "Ann", "id": 1}) == {
        "content": "N",
        "id": 1,
    }
    assert redactor.event("latprobe.part", {"part": "user", "text": "Ann"}) == {
        "part": "user",
        "text": "N",
    }
    assert redactor.event("exception", {"exception.message": "Ann", "exception.type": "Ann"}) == {
        "exception.message": "N",
        "exception.type": "Ann",
    }
    assert redactor.message("ValueError: Ann") == "ValueError: N"


def _raises(text: str) -> str:
    raise KeyError(text)


def _gives_none(text: str) -> Any:
    return None


@pytest.mark.parametrize("function", [_raises, _gives_none, "no_such_module:f", "os:no_such_name"])
def test_where_the_function_fails_the_content_is_dropped_and_that_is_said_once(
    function: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "faults", {})
    redactor = Redactor((), function)
    for _ in range(2):
        found = redactor.attributes({"gen_ai.prompt": "my secret", "other": "kept"})
        assert found == {
            "gen_ai.prompt": {"bytes": 9, "redaction": "failed"},
            "other": "kept",
        }
    assert redactor.message("my secret") == "[9 bytes, not redacted]"
    said = capsys.readouterr().err
    assert (said.count("\n"), "secret" in said) == (1, False)
    assert redactor.dropped == 3


def test_a_function_that_records_stages_itself_does_not_go_round_in_circles(
    sink: MemorySink, redacting: Callable[[Redactor], None]
) -> None:
    def calls_a_model(text: str) -> str:
        with latprobe.stage("find names", **{"gen_ai.prompt": text}):
            return text.replace("Ann", "N")

    redacting(Redactor((), calls_a_model))
    with latprobe.stage("answer", **{"gen_ai.prompt": "Ann"}):
        pass
    assert sink.named("answer").attributes == {"gen_ai.prompt": "N"}
    inner = sink.named("find names").attributes
    assert inner == {"gen_ai.prompt": {"bytes": 3, "redaction": "failed"}}


def test_spans_of_the_programs_own_sdk_are_redacted(
    sink: MemorySink, redacting: Callable[[Redactor], None]
) -> None:
    redacting(Redactor(("secret",)))
    provider = TracerProvider()
    listen_to(provider)
    with provider.get_tracer("theirs").start_as_current_span("call") as span:
        span.set_attribute("gen_ai.prompt", "my secret")
        latprobe.part("user", "my secret")
        span.record_exception(ValueError("secret"))
    found = sink.named("call")
    assert found.attributes == {"gen_ai.prompt": "my [redacted]"}
    assert "secret" not in str(found)


PROGRAM = """
import latprobe, os, sys
from opentelemetry import trace
SECRET = "hunter" + str(2)
def hide(text): return text.replace(SECRET, "***")
if sys.argv[1] == "patterns":
    latprobe.init(agent=False, redact=["hunter[0-9]"])
else:
    latprobe.init(agent=False, redact_with=hide)
from latprobe.otel.tracer import offer_provider
offer_provider()
def work():
    said = {"gen_ai.input.messages": f"it is {SECRET}", "prompt": [SECRET]}
    with latprobe.stage("a", **said) as s:
        latprobe.part("retrieved", f"a document with {SECRET}")
        s.event("gen_ai.user.message", content=SECRET)
        with trace.get_tracer("t").start_as_current_span("api") as span:
            span.set_attribute("gen_ai.prompt", SECRET)
            span.set_status(trace.StatusCode.ERROR, f"bad {SECRET}")
        span = trace.get_tracer("t").start_span("held")
        span.set_attribute("gen_ai.prompt", SECRET)
        span.end()
        try:
            with latprobe.stage("b", **{"llm.input_messages.0.message.content": SECRET}):
                raise ValueError(f"cannot use {SECRET}")
        except ValueError: pass
work()
if os.fork() == 0:
    work()
    os._exit(0)
os.wait()
"""


@pytest.mark.parametrize("how", ["patterns", "function"])
def test_no_byte_of_a_redacted_secret_is_in_journal_or_store(how: str, tmp_path: Path) -> None:
    home = tmp_path / "s"
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    environment = {**os.environ, "LATPROBE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, script, how], env=environment, check=True, timeout=60)

    journal = b"".join(path.read_bytes() for path in (home / "journal").iterdir())
    assert journal.count(b"***" if how == "function" else b"[redacted]") >= 18
    assert b"hunter2" not in journal
    with StoreOwner(home) as owner:
        owner.ingest_pending()
        (found,) = owner.query("SELECT count(*) AS n FROM spans").to_pylist()
        assert found == {"n": 8}
        stored = b"".join(path.read_bytes() for path in home.iterdir() if path.is_file())
    assert b"hunter2" not in stored


def test_what_a_call_redacts_processes_that_it_starts_redact_too(tmp_path: Path) -> None:
    code = (
        "import latprobe, subprocess, sys\n"
        "latprobe.init(agent=False, redact=['hunter[0-9]', 'a|b'])\n"
        "subprocess.run([sys.executable, '-c', 'from latprobe.config import load_settings;"
        "print(load_settings().redact)'])"
    )
    environment = {**os.environ, "LATPROBE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "('hunter[0-9]', 'a|b')\n"


def test_without_redaction_the_recorder_is_untouched() -> None:
    plain = (recorder.Stage._write_attributes, recorder.Stage._encoded)
    recorder.redact_with(Redactor(("x",)))
    assert recorder.Stage._encoded is not plain[1]
    recorder.redact_with(None)
    assert (recorder.Stage._write_attributes, recorder.Stage._encoded) == plain


def test_patterns_and_functions_meet_the_text_that_json_escapes() -> None:
    nested = json.dumps({"to": "Müller"})
    said = json.dumps([{"content": 'Müller said "yes"\nand left', "arguments": nested}])
    assert "\\u00fc" in said
    redactor = Redactor((r"Müller", r'"yes"\nand'), lambda text: text.replace("ö", "o"))
    found = redactor.attributes({"gen_ai.input.messages": said, "note": '{"a": "M\\u00fcller'})
    assert json.loads(found["gen_ai.input.messages"]) == [
        {"content": "[redacted] said [redacted] left", "arguments": '{"to": "[redacted]"}'}
    ]
    assert found["note"] == '{"a": "M\\u00fcller'
