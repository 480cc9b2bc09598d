"""Which attributes hold content: what people wrote, models answered, tools took and gave.

Exporters leave these out unless asked, and under `LATPROBE_CONTENT=off` only their size and digest
are stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from latprobe.part_event import PART_EVENT

CONTENT_NAMES = frozenset(
    {
        # gen_ai, three generations
        "gen_ai.completion",
        "gen_ai.content.completion",
        "gen_ai.content.prompt",
        "gen_ai.evaluation.explanation",
        "gen_ai.event.content",
        "gen_ai.input.messages",
        "gen_ai.memory.query.text",
        "gen_ai.memory.records",
        "gen_ai.output.messages",
        "gen_ai.prompt",
        "gen_ai.retrieval.documents",
        "gen_ai.retrieval.query.text",
        "gen_ai.system_instructions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.tool.definitions",
        # Sentry, pydantic-ai
        "gen_ai.request.available_tools",
        "gen_ai.request.messages",
        "gen_ai.response.object",
        "gen_ai.response.text",
        "gen_ai.response.tool_calls",
        "gen_ai.tool.input",
        "gen_ai.tool.output",
        "all_messages_events",
        "final_result",
        "pydantic_ai.all_messages",
        "tool_arguments",
        "tool_response",
        # MLflow's exporter, and what a stage's author writes by hand
        "mlflow.spanInputs",
        "mlflow.spanOutputs",
        "completion",
        "prompt",
        # OpenInference
        "embedding.text",
        "input.value",
        "llm.function_call",
        "llm.prompt_template.template",
        "llm.prompt_template.variables",
        "output.value",
        "reranker.query",
        "tool.parameters",
        "tool_call.function.arguments",
        # OpenLLMetry, Langfuse
        "traceloop.entity.input",
        "traceloop.entity.output",
        "langfuse.observation.input",
        "langfuse.observation.output",
        "langfuse.trace.input",
        "langfuse.trace.output",
        # Vercel AI
        "ai.embedding",
        "ai.embeddings",
        "ai.prompt",
        "ai.prompt.messages",
        "ai.prompt.tools",
        "ai.response.object",
        "ai.response.reasoning",
        "ai.response.text",
        "ai.response.toolCalls",
        "ai.result.object",
        "ai.result.text",
        "ai.result.toolCalls",
        "ai.toolCall.args",
        "ai.toolCall.result",
        "ai.value",
        "ai.values",
    }
)

CONTENT_PREFIXES = (
    "embedding.embeddings.",
    "gen_ai.completion.",
    "gen_ai.prompt.",
    "input.documents",
    "input.images",
    "llm.choices.",
    "llm.completions.",
    "llm.input_messages.",
    "llm.output_messages.",
    "llm.prompts.",
    "llm.request.functions.",
    "llm.tools.",
    "output.documents",
    "output.images",
    "reranker.input_documents.",
    "reranker.output_documents.",
    "retrieval.documents.",
)
# What stands below these prefixes and is nobody's text.
_PLAIN_NAMES = frozenset({"gen_ai.prompt.name", "gen_ai.prompt.version"})
_PLAIN_SUFFIXES = (".role", ".finish_reason", ".document.id", ".document.score")

# Attributes of a `gen_ai.user.message` and the like, the events of gen_ai up to 1.36.
MESSAGE_EVENT_PREFIXES = ("gen_ai.", "ai.stream.")
MESSAGE_EVENT_NAMES = frozenset({"arguments", "content", "message", "tool_calls"})

# What is left of a call's content under `LATPROBE_CONTENT=off`: its parts without their text.
PARTS_NAME = "latprobe.parts"
# Values that were cut because the journal could not hold them: a JSON object, name to bytes.
TRUNCATED_NAME = "latprobe.truncated"
# In place of an image or a sound in a content: this and a JSON object that describes it.
MEDIA_MARK = "latprobe-media:"
# The kinds that a part of a prompt can have; tokens/part.py has the same.
PART_KINDS = frozenset(
    {
        "system",
        "tools",
        "few_shot",
        "history",
        "retrieved",
        "user",
        "image",
        "audio",
        "video",
        "document",
        "other",
    }
)
# Texts of people and programs that are no content to an exporter, and may quote some.
MESSAGE_NAMES = frozenset(
    {"error.message", "exception.message", "exception.stacktrace", "status.message"}
)

_DIGEST_CHARACTERS = 16


def is_content(name: str) -> bool:
    """Whether a span's attribute of that name holds content."""
    if name in CONTENT_NAMES:
        return True
    return (
        name.startswith(CONTENT_PREFIXES)
        and name not in _PLAIN_NAMES
        and not name.endswith(_PLAIN_SUFFIXES)
    )


def is_event_content(event: str, name: str) -> bool:
    """Whether an event's attribute of that name holds content."""
    if event == PART_EVENT:
        return name == "text"
    return is_content(name) or (
        name in MESSAGE_EVENT_NAMES and event.startswith(MESSAGE_EVENT_PREFIXES)
    )


def without_content(attributes: Mapping[str, object]) -> Mapping[str, object]:
    """The same with each content replaced by its size and digest; itself if there is none."""
    found = [name for name in attributes if is_content(name)]
    if not found:
        return attributes
    return {**attributes, **{name: trace_of(attributes[name]) for name in found}}


def event_without_content(event: str, attributes: Mapping[str, object]) -> Mapping[str, object]:
    """The same for an event's attributes."""
    found = [name for name in attributes if is_event_content(event, name)]
    if not found:
        return attributes
    return {**attributes, **{name: trace_of(attributes[name]) for name in found}}


def trace_of(value: object) -> dict[str, object]:
    """What stays of a content: bytes of its UTF-8 text, and the start of that text's SHA-256."""
    if isinstance(value, bytes):
        encoded = value
    else:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        encoded = text.encode("utf-8", "replace")
    digest = hashlib.sha256(encoded).hexdigest()[:_DIGEST_CHARACTERS]
    return {"bytes": len(encoded), "sha256": digest}
