"""vLLM's in-process engine.

vLLM cannot be installed where there is no GPU, so these tests run against a small stand-in module
with the class layout of vLLM 1-generation engines (`LLM`, `RequestOutput`, `CompletionOutput`,
`RequestStateStats`) and of its older engine's `RequestMetrics`. The real library was not run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from latprobe.config import Settings
from latprobe.hooks import vllm_engine
from latprobe.testing import MemorySink

LLM = """
from types import SimpleNamespace as Made

METRICS = {}

class LLM:
    def __init__(self, model):
        self.llm_engine = Made(model_config=Made(model=model, served_model_name=None))

    def generate(self, prompts, sampling_params=None, *, use_tqdm=True):
        if not prompts:
            raise ValueError("no prompts")
        return [self._reply(prompt) for prompt in prompts]

    def chat(self, messages, sampling_params=None):
        return self.generate([" ".join(m["content"] for m in messages)], sampling_params)

    def _reply(self, prompt):
        done = Made(index=0, text="ok", token_ids=[7, 8], finish_reason="stop")
        ids = list(range(len(prompt.split())))
        return Made(prompt=prompt, prompt_token_ids=ids, outputs=[done], finished=True,
                    num_cached_tokens=1, metrics=METRICS.get(prompt))
"""


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The stand-in's `vllm.entrypoints.llm`, hooked while it is imported."""
    (tmp_path / "vllm" / "entrypoints").mkdir(parents=True)
    (tmp_path / "vllm" / "__init__.py").write_text("from vllm.entrypoints.llm import LLM\n")
    (tmp_path / "vllm" / "entrypoints" / "__init__.py").touch()
    (tmp_path / "vllm" / "entrypoints" / "llm.py").write_text(LLM)
    monkeypatch.syspath_prepend(str(tmp_path))
    undo = vllm_engine.instrument(Settings(home=Path("unused")))
    from vllm.entrypoints import llm  # type: ignore[import-not-found]

    yield llm
    undo()
    for name in [name for name in sys.modules if name.partition(".")[0] == "vllm"]:
        del sys.modules[name]


class Stats:
    """A request's times by whatever field names are given."""

    def __init__(self, **times: float) -> None:
        vars(self).update(times)


def attributes(operation: str, requests: int, input_tokens: int) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": "tiny",
        "latprobe.batch_size": requests,
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": 2 * requests,
        "gen_ai.usage.cache_read.input_tokens": requests,
        "gen_ai.response.finish_reasons": ["stop"],
    }


def test_tokens_are_summed_and_unmeasured_times_left_out(vllm: Any, sink: MemorySink) -> None:
    replies = vllm.LLM("tiny").generate(["a b c", "d e"])
    assert [reply.outputs[0].text for reply in replies] == ["ok", "ok"]
    span = sink.named("text_completion tiny")
    assert (span.modality, span.attributes) == ("text", attributes("text_completion", 2, 5))


def test_a_chat_is_one_stage_though_it_generates_inside(vllm: Any, sink: MemorySink) -> None:
    vllm.LLM("tiny").chat([{"role": "user", "content": "a b"}])
    assert sink.named("chat tiny").attributes == attributes("chat", 1, 2)
    assert len(sink.spans) == 1


def test_times_are_means_over_the_requests_of_either_engine(vllm: Any, sink: MemorySink) -> None:
    newer = {"queued_ts": 8.0, "scheduled_ts": 8.5, "first_token_ts": 9.0, "last_token_ts": 11.0}
    older = {
        "arrival_time": 100.0,
        "first_scheduled_time": 101.5,
        "first_token_time": 102.5,
        "last_token_time": 103.5,
    }
    vllm.METRICS.update({"a": Stats(arrival_time=1.7e9, **newer), "b": Stats(**older)})
    vllm.LLM("tiny").generate(["a", "b"])
    assert sink.spans[0].attributes == {
        **attributes("text_completion", 2, 2),
        "gen_ai.latency.time_in_queue": 1.0,
        "gen_ai.latency.time_in_model_prefill": 0.75,
        "gen_ai.latency.time_in_model_decode": 1.5,
        "gen_ai.latency.time_to_first_token": 1.75,
    }


def test_a_time_that_has_not_come_is_not_measured(vllm: Any, sink: MemorySink) -> None:
    vllm.METRICS["a"] = Stats(queued_ts=8.0, scheduled_ts=0.0, first_token_ts=0.0)
    vllm.LLM("tiny").generate(["a"])
    assert sink.spans[0].attributes == attributes("text_completion", 1, 1)


def test_an_error_is_recorded_and_raised_again(vllm: Any, sink: MemorySink) -> None:
    with pytest.raises(ValueError, match="no prompts"):
        vllm.LLM("tiny").generate([])
    assert sink.named("text_completion tiny").status == "error"
