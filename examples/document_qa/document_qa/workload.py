"""Requests one after another from several workers, until the time or the number is up."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import openai

from document_qa import pages, pipeline
from document_qa.answer import AnswerError
from document_qa.ocr import OcrError
from document_qa.pipeline import Backends
from document_qa.questions import BY_KIND, Question

DOCUMENTS_PER_KIND = 3

TICKET_WORDS = (
    ("Harper", "Okafor", "Lindqvist", "Moreau", "Tanaka", "Bianchi", "Novak", "Silva"),
    ("phoned", "wrote twice", "came by", "left word", "complained", "called from abroad"),
    ("on Monday", "last night", "at noon", "during lunch", "yesterday", "this morning"),
    ("about a letter got lost", "and was in a hurry", "and sounded worried", "but hung up"),
    ("so please keep it short", "so a colleague asks", "and waits outside", "from Bergen"),
)


@dataclass(frozen=True, slots=True)
class Paper:
    """Which document; its pages are drawn once and kept."""

    kind: str
    seed: int

    def scan(self) -> pages.Document:
        """The pages and facts."""
        return pages.scan(self.kind, seed=self.seed)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request; `answer` is None when it failed or found nothing, `error` when it did not."""

    question: str
    expected: str
    answer: str | None
    error: str | None
    duration_s: float


class Requests:
    """Documents and questions in a seeded order, handed out until the time or number is up."""

    def __init__(self, *, seed: int, seconds: float | None, number: int | None) -> None:
        """Draws every page that is asked about first, so that no request pays for the scanner."""
        _scan_all(itertools.islice(_cases(seed), number))
        self._cases = _cases(seed)
        self._lock = threading.Lock()
        self._left = itertools.count() if number is None else iter(range(number))
        self._end_s = None if seconds is None else time.monotonic() + seconds

    def __iter__(self) -> Iterator[tuple[pages.Document, Question]]:
        """Cases for one worker; all workers take from the same row of cases."""
        while self._end_s is None or time.monotonic() < self._end_s:
            with self._lock:
                if next(self._left, None) is None:
                    return
                paper, question = next(self._cases)
            yield paper.scan(), question


def run(requests: Requests, *, concurrency: int, backends: Backends) -> list[Outcome]:
    """All outcomes, once the last request has ended."""
    with ThreadPoolExecutor(concurrency, thread_name_prefix="request") as pool:
        workers = [pool.submit(_work, requests, backends) for _ in range(concurrency)]
        return [outcome for worker in workers for outcome in worker.result()]


def _cases(seed: int) -> Iterator[tuple[Paper, Question]]:
    """Papers and questions of this seed, without an end."""
    rng = random.Random(seed)
    papers = _papers(seed)
    return (
        (paper, _of_a_ticket(rng.choice(BY_KIND[paper.kind]), rng))
        for paper in (rng.choice(papers) for _ in itertools.count())
    )


def _papers(seed: int) -> list[Paper]:
    return [Paper(kind, seed + number) for number in range(DOCUMENTS_PER_KIND) for kind in BY_KIND]


def _scan_all(cases: Iterable[tuple[Paper, Question]]) -> None:
    """Scans the papers of the cases; of cases without an end, until each paper came up."""
    scanned: set[Paper] = set()
    for paper, _ in cases:
        if paper not in scanned:
            paper.scan()
            scanned.add(paper)
        if len(scanned) == DOCUMENTS_PER_KIND * len(BY_KIND):
            return


def _of_a_ticket(question: Question, rng: random.Random) -> Question:
    """The question as a clerk types it, with the ticket it is for: hardly ever the same twice."""
    words = [rng.choice(column) for column in TICKET_WORDS]
    ticket = f"Ticket {rng.randrange(10_000)}: {' '.join(words)}."
    return replace(question, text=f"{question.text} {ticket}")


def _work(requests: Requests, backends: Backends) -> list[Outcome]:
    return [_outcome(*case, backends=backends) for case in requests]


def _outcome(document: pages.Document, question: Question, *, backends: Backends) -> Outcome:
    start_s = time.perf_counter()
    text, error = None, None
    try:
        text = pipeline.answer_question(
            document.pages, question=question.text, backends=backends
        ).text
    except (openai.OpenAIError, AnswerError, OcrError) as failure:
        error = f"{type(failure).__name__}: {failure}"
    duration_s = time.perf_counter() - start_s
    return Outcome(question.text, document.facts[question.fact], text, error, duration_s)
