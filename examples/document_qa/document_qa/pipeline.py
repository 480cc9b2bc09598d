"""One request from the scanned pages to the answer."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import openai

from document_qa import answer, chunks, images, llm, ocr, retrieve
from document_qa.pages import Page


@dataclass(frozen=True, slots=True)
class Backends:
    """What a request runs against; without OCR the pages' known text is used instead."""

    client: openai.OpenAI
    model: str
    has_ocr: bool


def answer_question(pages: Sequence[Page], *, question: str, backends: Backends) -> answer.Answer:
    """The answer to the question; the pages are read side by side, the question meanwhile."""
    with ThreadPoolExecutor(len(pages) + 1, thread_name_prefix="document") as pool:
        question_vector = pool.submit(retrieve.embed, (question,))
        readings = [pool.submit(read_page, page, has_ocr=backends.has_ocr) for page in pages]
        text = "\n".join(reading.result() for reading in readings)
    passages = chunks.split(text)
    hits = retrieve.search(
        question,
        chunks=passages,
        chunk_vectors=retrieve.embed(passages),
        question_vector=question_vector.result(),
    )
    reply = llm.answer(backends.client, model=backends.model, question=question, hits=hits)
    return answer.parse(reply.text)


def read_page(page: Page, *, has_ocr: bool) -> str:
    """The page's text as OCR reads it, or its known text where there is no OCR."""
    image = images.resize(images.decode(page.jpeg))
    return ocr.read_text(image) if has_ocr else page.known_text
