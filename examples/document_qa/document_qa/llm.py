"""The question put to a model behind any OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import openai
from openai.types.chat import ChatCompletionMessageParam

from document_qa.retrieve import Hit

MAX_RETRIES = 3
TIMEOUT_S = 60.0
MAX_ANSWER_TOKENS = 400

SYSTEM_PROMPT = """\
You answer questions about scanned business documents.
You are given numbered passages that were read from the document by OCR, and one question.
Rules:
- Use the passages only. Do not use what you know from elsewhere, and do not guess.
- Copy amounts, dates, numbers and names exactly as they stand in the passages.
- OCR makes mistakes: prefer the passage whose wording is closest to the question.
- When the passages do not hold the answer, give null as the answer and say what is missing.
Reply with one JSON object and nothing else, in this form:
{"answer": "the value alone, or null",
 "passage": the number of the passage that you used, or null,
 "evidence": "the words of the passage that state it",
 "confidence": a number from 0 to 1,
 "matches": [for each passage in turn, from 0 to 1 how well it fits the question],
 "related": [every line of the passages that has a word of the question],
 "explanation": "a sentence on how you found it"}
"""

COMPACT = "Answer with JSON on one line, without spaces or line breaks between its tokens.\n"


class NoModelError(RuntimeError):
    """The server cannot be reached or offers nothing."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The model's text; the token counts are None when the server sent no usage."""

    text: str
    input_tokens: int | None
    output_tokens: int | None


def connect(base_url: str, *, api_key: str) -> openai.OpenAI:
    """A client that tries again after 429, 5xx and broken connections."""
    return openai.OpenAI(
        base_url=base_url, api_key=api_key, max_retries=MAX_RETRIES, timeout=TIMEOUT_S
    )


def first_model(client: openai.OpenAI) -> str:
    """The name of the first model that the server offers.

    Asked once without retries: before the first request, silence means a wrong address.
    """
    try:
        models = client.with_options(max_retries=0).models.list().data
    except openai.OpenAIError as error:
        raise NoModelError(f"no model server at {client.base_url}: {error}") from error
    if not models:
        raise NoModelError(f"the server at {client.base_url} lists no models; name one (--model)")
    return models[0].id


def answer(
    client: openai.OpenAI,
    *,
    model: str,
    question: str,
    hits: Sequence[Hit],
    is_compact: bool = False,
) -> Reply:
    """The whole streamed reply, once its last token is in."""
    stream = client.chat.completions.create(
        model=model,
        messages=_messages(question, hits=hits, is_compact=is_compact),
        max_tokens=MAX_ANSWER_TOKENS,
        temperature=0.0,
        stream=True,
        stream_options={"include_usage": True},
    )
    parts: list[str] = []
    usage = None
    for event in stream:
        parts += [choice.delta.content or "" for choice in event.choices]
        usage = event.usage or usage
    if usage is None:
        return Reply("".join(parts), None, None)
    return Reply("".join(parts), usage.prompt_tokens, usage.completion_tokens)


def _messages(
    question: str, *, hits: Sequence[Hit], is_compact: bool
) -> list[ChatCompletionMessageParam]:
    passages = "\n\n".join(f"[{number}]\n{hit.chunk}" for number, hit in enumerate(hits, 1))
    return [
        {"role": "system", "content": SYSTEM_PROMPT + (COMPACT if is_compact else "")},
        {"role": "user", "content": f"Passages:\n\n{passages}\n\nQuestion: {question}"},
    ]
