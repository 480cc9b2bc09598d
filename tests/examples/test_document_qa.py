"""The document_qa example: each of its parts, its server on the wire, and the app as a process."""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

EXAMPLE = Path(__file__).parents[2] / "examples" / "document_qa"
sys.path.append(str(EXAMPLE))

# By name: the folder is on no path that a type checker knows.
answer = import_module("document_qa.answer")
chunks = import_module("document_qa.chunks")
images = import_module("document_qa.images")
ocr = import_module("document_qa.ocr")
pages = import_module("document_qa.pages")
pipeline = import_module("document_qa.pipeline")
questions = import_module("document_qa.questions")
retrieve = import_module("document_qa.retrieve")
llm_server = import_module("llm_server")
faults = import_module("simulated_model.faults")
model = import_module("simulated_model.model")
token_times = import_module("simulated_model.token_times")
tokens = import_module("simulated_model.tokens")

MESSAGES: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Answer from the passages. " * 8},
    {
        "role": "user",
        "content": "Passages:\n\n[1]\nDear tenant,\n\n[2]\nThe rent will be £920.00 a month.\n\n"
        "Question: How much is the rent?",
    },
]


@pytest.fixture
def tesseract() -> None:
    if not shutil.which("tesseract"):
        pytest.skip("tesseract is not installed (apt-get install tesseract-ocr)")


@contextmanager
def serving(*fault_row: Any) -> Iterator[str]:
    """The base URL of a server without waits, whose first requests meet these faults."""
    instant = model.SimulatedModel(times=token_times.INSTANT, fault_row=fault_row)
    server = llm_server.LlmServer(instant)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.base_url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def client_of(*fault_row: Any, max_retries: int = 0) -> Iterator[openai.OpenAI]:
    with (
        serving(*fault_row) as base_url,
        openai.OpenAI(base_url=base_url, api_key="none", max_retries=max_retries) as client,
    ):
        yield client


def run_app(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLE / "app.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environment,
        check=False,
    )


def test_the_same_seed_scans_the_same_bytes() -> None:
    scan = pages.scan.__wrapped__
    first = scan("letter", seed=5).pages
    assert scan("letter", seed=5).pages == first
    assert scan("letter", seed=6).pages != first


def test_every_question_asks_for_a_fact_that_its_page_states() -> None:
    for kind, asked in questions.BY_KIND.items():
        document = pages.scan(kind, seed=0)
        text = " ".join(" ".join(page.known_text for page in document.pages).split())
        assert [one.fact for one in asked if document.facts[one.fact] not in text] == []


@pytest.mark.usefixtures("tesseract")
def test_ocr_reads_the_total_of_a_scanned_invoice() -> None:
    document = pages.scan("invoice", seed=3)
    image = images.resize(images.decode(document.pages[0].jpeg))
    assert (image.mode, image.width) == ("L", images.OCR_WIDTH_PX)
    assert f"Total amount due {document.facts['total']}" in ocr.read_text(image)


def test_ocr_without_tesseract_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    image = images.decode(pages.scan("invoice", seed=3).pages[0].jpeg)
    with pytest.raises(ocr.OcrError, match="apt-get install tesseract-ocr"):
        ocr.read_text(image)


def test_chunks_hold_whole_lines_and_overlap() -> None:
    text = "alpha alpha\nbravo bravo\n\n  charlie\ndelta delta\n"
    assert chunks.split(text, chunk_characters=24, overlap_lines=1) == (
        "alpha alpha\nbravo bravo",
        "bravo bravo\ncharlie",
        "charlie\ndelta delta",
    )


def test_a_line_longer_than_a_chunk_is_not_lost() -> None:
    text = "short\n" + "x" * 50 + "\nshort again"
    found = chunks.split(text, chunk_characters=20, overlap_lines=0)
    assert found == ("short", "x" * 50, "short again")


def test_a_blank_page_has_no_chunks_and_no_hits() -> None:
    vectors = retrieve.embed(chunks.split(" \n\n"))
    question = retrieve.embed(("Anything?",))
    hits = retrieve.search("Anything?", chunks=(), chunk_vectors=vectors, question_vector=question)
    assert hits == ()


def test_search_puts_the_chunk_that_holds_the_answer_first() -> None:
    document = pages.scan("report", seed=1)
    passages = chunks.split("\n".join(page.known_text for page in document.pages))
    question = "When is the external audit scheduled?"
    hits = retrieve.search(
        question,
        chunks=passages,
        chunk_vectors=retrieve.embed(passages),
        question_vector=retrieve.embed((question,)),
    )
    assert len(hits) == retrieve.TOP_K < len(passages)
    assert document.facts["audit_date"] in hits[0].chunk


def test_ngram_vectors_bear_with_a_misread_letter() -> None:
    asked, misread, other = retrieve.embed(("availability", "availabi1ity", "warehouse staff"))
    assert asked @ misread > 0.4 > asked @ other


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("The total is £5.", "the reply is not JSON"),
        ('["£5"]', "the reply is not a JSON object"),
        ('{"answer": "£5"}', "the reply lacks confidence, evidence, explanation"),
        (
            '{"answer": "£5", "evidence": "", "confidence": "high", "explanation": ""}',
            "confidence is not a number from 0 to 1: 'high'",
        ),
    ],
)
def test_a_malformed_reply_is_named_in_the_error(reply: str, message: str) -> None:
    with pytest.raises(answer.AnswerError, match=f"^{message}"):
        answer.parse(reply)


def test_a_reply_in_a_markdown_fence_is_parsed() -> None:
    fields = {"answer": None, "evidence": "", "confidence": 0, "explanation": "Not there."}
    expected = answer.Answer(text=None, evidence="", confidence=0.0, explanation="Not there.")
    assert answer.parse(f"```json\n{json.dumps(fields)}\n```") == expected


def test_token_pieces_join_to_the_text_again() -> None:
    text = "Total due: £1,234.50 - naïve_word\n\t12345 日本"
    assert "".join(tokens.pieces(text)) == text


def test_a_plain_completion_is_read_by_the_openai_client() -> None:
    with client_of() as client:
        raw = client.chat.completions.with_raw_response.create(
            model=model.MODEL_NAME, messages=MESSAGES
        )
        reply = raw.parse()
    text = reply.choices[0].message.content or ""
    assert answer.parse(text).text == "£920.00"
    assert raw.headers["x-simulated"] == "true"
    assert (reply.model, reply.system_fingerprint) == ("simulated-7b", "simulated")
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == tokens.count_messages(MESSAGES)
    assert reply.usage.completion_tokens == tokens.count(text)


def test_a_stream_carries_a_role_then_tokens_then_usage() -> None:
    with client_of() as client:
        events = list(
            client.chat.completions.create(
                model=model.MODEL_NAME,
                messages=MESSAGES,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    first, *spoken, finished, last = events
    text = "".join(event.choices[0].delta.content or "" for event in spoken)
    assert first.choices[0].delta.role == "assistant"
    assert answer.parse(text).text == "£920.00"
    assert finished.choices[0].finish_reason == "stop"
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == len(spoken)
    assert last.usage.total_tokens == last.usage.prompt_tokens + len(spoken)


def test_a_stream_sends_usage_only_when_asked() -> None:
    with client_of() as client:
        stream = client.chat.completions.create(
            model=model.MODEL_NAME, messages=MESSAGES, stream=True
        )
        assert {event.usage for event in stream} == {None}


def test_a_reply_is_cut_off_at_the_token_limit() -> None:
    with client_of() as client:
        reply = client.chat.completions.create(
            model=model.MODEL_NAME, messages=MESSAGES, max_tokens=7
        )
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 7


def test_a_repeated_system_prompt_counts_as_cached_in_whole_blocks() -> None:
    with client_of() as client:
        cached = []
        for _ in range(2):
            reply = client.chat.completions.create(model=model.MODEL_NAME, messages=MESSAGES)
            assert reply.usage is not None
            assert reply.usage.prompt_tokens_details is not None
            cached.append(reply.usage.prompt_tokens_details.cached_tokens)
    system_tokens = tokens.count(str(MESSAGES[0]["content"]))
    assert cached == [0, system_tokens // 16 * 16]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.RATE_LIMIT, openai.RateLimitError),
        (faults.SERVER_ERROR, openai.InternalServerError),
    ],
)
def test_a_fault_reaches_a_client_that_does_not_retry(
    fault: object, error: type[openai.APIStatusError]
) -> None:
    with client_of(fault) as client, pytest.raises(error, match="Simulated"):
        client.chat.completions.create(model=model.MODEL_NAME, messages=MESSAGES)


def test_the_client_tries_again_after_a_fault() -> None:
    with client_of(faults.SERVER_ERROR, max_retries=1) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=model.MODEL_NAME, messages=MESSAGES
        )
    assert raw.retries_taken == 1


def test_a_body_without_messages_is_a_bad_request() -> None:
    with client_of() as client, pytest.raises(openai.BadRequestError, match="list of messages"):
        client.chat.completions.create(model=model.MODEL_NAME, messages=[])


def test_a_model_of_another_name_is_not_found() -> None:
    with client_of() as client, pytest.raises(openai.NotFoundError, match="only 'simulated-7b'"):
        client.chat.completions.create(model="gpt-5", messages=MESSAGES)


def test_health_and_models_answer_and_other_paths_do_not() -> None:
    with serving() as base_url:
        root = base_url.removesuffix("/v1")
        with urllib.request.urlopen(f"{root}/healthz") as response:
            assert json.load(response) == {"status": "ok", "simulated": True}
        with urllib.request.urlopen(f"{base_url}/models") as response:
            assert json.load(response)["data"][0]["id"] == "simulated-7b"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{base_url}/embeddings")


def test_faults_follow_their_seed_and_share() -> None:
    def row(seed: int) -> list[object]:
        drawn = faults.drawn(share=0.02, seed=seed)
        return [next(drawn) for _ in range(5000)]

    assert row(1) == row(1) != row(2)
    assert 60 < sum(fault is not None for fault in row(1)) < 140


def test_token_times_follow_the_written_formula() -> None:
    times = token_times.TokenTimes(jitter_sigma=0.0)
    rng = random.Random(0)
    assert times.first_token_s(1000, rng=rng) == pytest.approx(0.040 + 1000 * 0.000_05)
    assert times.next_token_s(rng) == 0.006


def test_every_question_is_answered_from_the_known_text() -> None:
    with client_of() as client:
        backends = pipeline.Backends(client, model=model.MODEL_NAME, has_ocr=False)
        wrong = [
            (kind, question.text, found, document.facts[question.fact])
            for kind, asked in questions.BY_KIND.items()
            for document in (pages.scan(kind, seed=0),)
            for question in asked
            if (found := ask(document.pages, question.text, backends))
            != document.facts[question.fact]
        ]
    assert wrong == []


def ask(scanned: object, question: str, backends: object) -> object:
    return pipeline.answer_question(scanned, question=question, backends=backends).text


@pytest.mark.usefixtures("tesseract")
def test_the_app_answers_and_says_what_is_simulated() -> None:
    done = run_app("--requests", "3", "--concurrency", "2", "--show")
    assert (done.returncode, done.stderr) == (0, "")
    assert "document_qa: 3 requests, 3 ok" in done.stdout
    assert "simulated-7b (SIMULATED answers and token times)" in done.stdout


def test_the_app_without_tesseract_says_so_and_still_answers() -> None:
    done = run_app("--requests", "2", PATH="")
    assert done.returncode == 0
    assert done.stderr.startswith("document_qa: tesseract is not installed")
    assert done.stderr.count("\n") == 1
    assert "2 requests, 2 ok" in done.stdout
    assert "known page text (OCR skipped)" in done.stdout


def test_the_app_names_a_model_server_that_does_not_answer() -> None:
    with serving() as base_url:
        pass
    done = run_app("--requests", "1", "--no-ocr", "--llm-url", base_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"document_qa: no model server at {base_url}/: Connection error.\n"


def test_the_server_process_ends_when_its_parent_is_gone() -> None:
    server = subprocess.Popen(
        [sys.executable, str(EXAMPLE / "llm_server.py"), "--until-stdin-closes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("http://127.0.0.1:")
        server.communicate(timeout=10)
    finally:
        server.kill()
    assert server.returncode == 0


def test_no_file_of_the_example_imports_latprobe() -> None:
    imported = {
        name
        for file in EXAMPLE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in imported_names(node)
    }
    assert "openai" in imported
    assert [name for name in imported if name.split(".")[0] == "latprobe"] == []


def imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_every_stage_in_the_configuration_names_a_function_that_exists() -> None:
    configuration = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))
    for key in configuration["tool"]["latprobe"]["stages"]:
        module, function = key.split(":")
        assert callable(getattr(import_module(module), function)), key
