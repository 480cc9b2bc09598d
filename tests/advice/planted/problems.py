"""Pipelines with one problem each, and the rule that has to find it: one a rule at least."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.advice.pipelines import Recording
from tests.advice.planted import inputs, outputs, serving, structure
from tests.analysis.seeding import MemoryStore


@dataclass(frozen=True, slots=True)
class Planted:
    """`rules`: any of them may find it. `subject` is a part of what it is about.

    `is_first`: nothing else in the pipeline costs nearly as much.
    """

    name: str
    rules: tuple[str, ...]
    subject: str
    build: Callable[[int], Recording | MemoryStore]
    is_first: bool = True

    def store(self, seed: int) -> MemoryStore:
        """What is recorded of it."""
        built = self.build(seed)
        return built if isinstance(built, MemoryStore) else built.query()


PLANTED = (
    Planted("pretty JSON", ("output_format",), "llm.generate", outputs.pretty_json),
    Planted("long keys in every row", ("output_format",), "llm.generate", outputs.long_keys),
    Planted("prose around JSON", ("output_prose",), "llm.generate", outputs.prose_around_json),
    Planted("echo of the input", ("output_echo",), "llm.generate", outputs.echo),
    Planted("reasoning that nobody reads", ("reasoning_fields",), "llm.generate",
            outputs.reasoning),
    Planted("fields that nobody reads", ("unread_fields",), "llm.generate", outputs.unread),
    Planted("the same disclaimer", ("output_boilerplate",), "llm.generate", outputs.boilerplate),
    Planted("labels as sentences", ("enum_words",), "llm.classify", outputs.labels_as_words),
    Planted("whole text written anew", ("whole_rewrite", "output_echo"), "llm.edit",
            outputs.whole_rewrite),
    Planted("answers that run on", ("output_limit",), "llm.generate", outputs.runaway),
    Planted("JSON in the prompt", ("input_format",), "llm.generate", inputs.json_context),
    Planted("HTML in the prompt", ("input_format",), "llm.generate", inputs.html_context),
    Planted("passages three times", ("repeated_blocks",), "llm.generate",
            inputs.repeated_passages),
    Planted("a clock before the prompt", ("prompt_cache_order",), "llm.generate",
            inputs.clock_first),
    Planted("tools that nobody calls", ("unused_tools",), "llm.generate", inputs.unused_tools),
    Planted("all of the chat", ("long_history",), "llm.generate", inputs.long_history),
    Planted("a very long prompt", ("prefill_long",), "llm.generate", inputs.long_prefill),
    Planted("passages that nobody uses", ("unused_retrieval",), "llm.generate",
            inputs.unused_passages),
    Planted("large pictures", ("image_resolution",), "llm.look", inputs.large_pictures),
    Planted("a large model for yes and no", ("route_small_model",), "llm.check",
            inputs.large_for_labels),
    Planted("searches in turn", ("parallel_stages",), "retrieve", structure.in_turn),
    Planted("media in turn", ("parallel_stages",), "image.caption", structure.media_in_turn),
    Planted("the same call three times", ("repeated_calls",), "llm.generate",
            structure.same_call_twice),
    Planted("the same questions", ("exact_cache",), "llm.generate", structure.same_questions),
    Planted("nearly the same questions", ("near_cache",), "llm.generate",
            structure.like_questions),
    Planted("embedding one by one", ("parallel_stages", "small_calls"), "embed",
            structure.embedding_loop),
    Planted("the same embeddings", ("embedding_cache",), "embed", structure.same_embeddings),
    Planted("calls tried again", ("retries",), "llm.generate", structure.retries),
    Planted("cold starts", ("cold_starts", "earlier_start"), "model.load", structure.cold_start),
    Planted("a model loaded in each request", ("earlier_start",), "load", structure.loaded_anew),
    Planted("a handshake each time", ("network_bound",), "http", structure.connection_each_time),
    Planted("slow decoding", ("slow_preprocessing",), "image", structure.slow_decode),
    Planted("one worker", ("scale_out", "dedicated_server"), "local.rank", structure.one_worker),
    Planted("one slow server", ("load_imbalance",), "rank.remote", structure.slow_replica),
    Planted("new connections", ("parallel_stages", "network_bound"), "http", structure.connects),
    Planted("logging while a request waits", ("hot_path_logging",), "log",
            structure.slow_logging),
    Planted("too many spans", ("own_cost",), "token.step", structure.tiny_spans),
    Planted("batches of two", ("batch_size",), "vision.embed", serving.small_batches),
    Planted("rules read by an engine again", ("kv_cache",), "engine.chat",
            serving.shared_beginning),
    Planted("attention over long prompts", ("attention_variant",), "engine.read",
            serving.square_attention),
    Planted("out of memory", ("gpu_memory_pressure",), "image.generate", serving.out_of_memory,
            is_first=False),
    Planted("a card that idles", ("gpu_allocation",), "image.segment", serving.idle_card,
            is_first=False),
    Planted("weights read from memory", ("gpu_bandwidth_bound",), "llm.decode",
            serving.weights_from_memory),
    Planted("Python between kernels", ("gpu_host_bound",), "sampling.loop",
            serving.python_between),
    Planted("tiny kernels", ("gpu_launch_bound",), "rnn.forward", serving.tiny_kernels),
    Planted("slow copies", ("gpu_transfer",), "frames.upload", serving.slow_copies),
    Planted("a hot card", ("gpu_throttled",), "unet", serving.hot_card),
)  # fmt: skip
