"""transformers: what `generate` was given, what it gave back, and when its tokens came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from latprobe.config import Settings
from latprobe.hooks import transformers_generate
from latprobe.testing import FakeClock, MemorySink
from tests.hooks.needing import needs

PAD, END = 62, 63
SIZES = {"vocab_size": 64, "n_positions": 64, "n_embd": 32, "n_head": 2}


@pytest.fixture(scope="module")
def hooked() -> Iterator[Any]:
    """torch, with `generate` hooked."""
    torch = needs("torch")
    needs("transformers")
    undo = transformers_generate.instrument(Settings(home=Path("unused")))
    yield torch
    undo()


def gpt2(torch: Any, layers: int = 2) -> Any:
    """A tiny model of random weights that never ends by itself."""
    transformers = needs("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        **SIZES, n_layer=layers, bos_token_id=0, eos_token_id=None, pad_token_id=PAD
    )
    return transformers.GPT2LMHeadModel(config).eval()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    """Each decoding step takes 10 ms."""

    def tick() -> int:
        clock.advance(ms=10)
        return clock()

    monkeypatch.setattr(transformers_generate, "monotonic_ns", tick)


BASE = {
    "gen_ai.operation.name": "text_completion",
    "gen_ai.provider.name": "transformers",
    "gen_ai.request.model": "GPT2LMHeadModel",
}


@pytest.mark.usefixtures("steps")
def test_a_call_has_its_tokens_and_their_times(hooked: Any, sink: MemorySink) -> None:
    prompt = hooked.tensor([[5, 6, 7]])
    model = gpt2(hooked)
    reply = model.generate(prompt, max_new_tokens=4, do_sample=False)
    assert reply.shape == (1, 7)
    span = sink.named("text_completion GPT2LMHeadModel")
    assert (span.modality, span.attributes) == (
        "text",
        {
            **BASE,
            "latprobe.batch_size": 1,
            "gen_ai.usage.input_tokens": 3,
            "gen_ai.usage.output_tokens": 4,
            "latprobe.token_times": "host",
            "gen_ai.server.time_per_output_token": 0.01,
        },
    )
    assert (span.extra["chunks"], span.extra["first_chunk_ns"]) == (4, 10_000_000)
    assert len(span.extra["gaps"]) == 2 * 3


def test_a_batch_counts_what_its_mask_keeps(hooked: Any, sink: MemorySink) -> None:
    prompt = hooked.tensor([[PAD, 5, 6], [5, 6, 7]])
    mask = hooked.tensor([[0, 1, 1], [1, 1, 1]])
    model = gpt2(hooked)
    model.generate(prompt, attention_mask=mask, max_new_tokens=2)
    model.generate(prompt, max_new_tokens=2, return_dict_in_generate=True)
    wanted = ("latprobe.batch_size", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
    assert [
        [span.attributes[key] for key in (*wanted, "latprobe.tokens_include_padding")]
        for span in sink.spans
    ] == [[2, 5, 4, True], [2, 6, 4, True]]


def test_other_prompts_and_other_searches_are_counted_too(hooked: Any, sink: MemorySink) -> None:
    prompt = hooked.tensor([[5, 6, 7]])
    model = gpt2(hooked)
    model.generate(inputs_embeds=model.transformer.wte(prompt), max_new_tokens=2)
    model.generate(input_ids=prompt, num_beams=2, max_new_tokens=2)
    model.generate(max_new_tokens=2)
    assert [
        (
            span.attributes.get("gen_ai.usage.input_tokens"),
            span.attributes["gen_ai.usage.output_tokens"],
            span.extra["chunks"],
        )
        for span in sink.spans
    ] == [(3, 2, 2), (3, 2, 2), (None, 2, 2)]


def test_an_assistant_models_steps_are_not_the_models(hooked: Any, sink: MemorySink) -> None:
    model, assistant = gpt2(hooked), gpt2(hooked, layers=1)
    prompt = hooked.tensor([[5, 6, 7]])
    reply = model.generate(prompt, assistant_model=assistant, max_new_tokens=6, do_sample=False)
    plain = model.generate(prompt, max_new_tokens=6, do_sample=False)
    assert reply.tolist() == plain.tolist()
    assisted, alone = sink.spans
    assert assisted.attributes["gen_ai.usage.output_tokens"] == 6
    assert assisted.extra["chunks"] <= alone.extra["chunks"] == 6


def test_an_encoder_decoders_reply_begins_with_a_token_it_was_given(
    hooked: Any, sink: MemorySink
) -> None:
    transformers = needs("transformers")
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    config = transformers.T5Config(
        vocab_size=64, decoder_start_token_id=0, eos_token_id=None, **sizes
    )
    model = transformers.T5ForConditionalGeneration(config).eval()
    model.generate(hooked.tensor([[5, 6, 7, 8]]), max_new_tokens=3)
    usage = sink.named("text_completion T5ForConditionalGeneration").attributes
    assert (usage["gen_ai.usage.input_tokens"], usage["gen_ai.usage.output_tokens"]) == (4, 3)


def test_a_call_that_the_library_refuses_is_an_error(hooked: Any, sink: MemorySink) -> None:
    model = gpt2(hooked)
    with pytest.raises(ValueError, match="bogus"):
        model.generate(hooked.tensor([[5]]), bogus=1)
    assert sink.spans[0].status == "error"


def test_a_custom_generate_gives_back_what_it_likes(hooked: Any, sink: MemorySink) -> None:
    def custom(model: Any, tokens: Any, **kwargs: Any) -> str:
        return "ok"

    model = gpt2(hooked)
    assert model.generate(hooked.tensor([[5]]), custom_generate=custom, max_new_tokens=1) == "ok"
    assert sink.spans[0].attributes == {
        **BASE,
        "latprobe.batch_size": 1,
        "gen_ai.usage.input_tokens": 1,
    }


def test_counting_never_reads_a_tensor_of_a_device(hooked: Any) -> None:
    meta = hooked.ones((2, 3), dtype=hooked.long, device="meta")  # reading it would raise
    counted = [transformers_generate._unmasked(mask) for mask in (meta, None, hooked.ones(2, 3))]
    assert counted == [None, None, 6]


def test_undo_restores_the_originals() -> None:
    needs("torch")
    mixin = needs("transformers.generation.utils").GenerationMixin
    names = ("generate", "_has_unfinished_sequences")
    before = [vars(mixin)[name] for name in names]
    undo = transformers_generate.instrument(Settings(home=Path("unused")))
    undo()
    assert [vars(mixin)[name] for name in names] == before


def test_steps_outside_of_a_recorded_call_are_only_steps(hooked: Any) -> None:
    assert gpt2(hooked).generate(hooked.tensor([[5]]), max_new_tokens=2).shape == (1, 3)
