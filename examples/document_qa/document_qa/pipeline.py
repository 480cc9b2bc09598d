"""One request from the scanned pages to the answer."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import openai

from document_qa import answer, chunks, images, llm, ocr, records, retrieve
from document_qa.pages import Page


@dataclass(frozen=True, slots=True)
class Backends:
    """What a request runs against; without OCR the pages' known text is used instead.

    `has_compact_answers` asks the model for JSON on one line, `has_parallel_lookups` asks both
    record systems at once.
    """

    client: openai.OpenAI
    model: str
    has_ocr: bool
    has_compact_answers: bool = False
    has_parallel_lookups: bool = False


def answer_question(pages: Sequence[Page], *, question: str, backends: Backends) -> answer.Answer:
    """The answer to the question; the pages are read side by side, the question meanwhile."""
    account, shelf = look_up(pages[0], at_once=backends.has_parallel_lookups)
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
    reply = llm.answer(
        backends.client,
        model=backends.model,
        question=question,
        hits=hits,
        is_compact=backends.has_compact_answers,
    )
    return replace(answer.parse(reply.text), account=account, shelf=shelf)


def look_up(page: Page, *, at_once: bool) -> tuple[str, str]:
    """What the account and the archive systems know of the document with this first page."""
    if not at_once:
        return records.account(page), records.shelf(page)
    with ThreadPoolExecutor(2, thread_name_prefix="lookup") as pool:
        account, shelf = pool.submit(records.account, page), pool.submit(records.shelf, page)
        return account.result(), shelf.result()


def read_page(page: Page, *, has_ocr: bool) -> str:
    """The page's text as OCR reads it, or its known text where there is no OCR."""
    image = images.resize(images.decode(page.jpeg))
    return ocr.read_text(image) if has_ocr else page.known_text
