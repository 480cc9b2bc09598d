"""What generated pipelines are made of besides their problem: ordinary stages with their noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.advice.pipelines import Recording, Step
from tests.advice.planted import texts

REQUESTS = 100

# Decoding takes this long a token, and reading the prompt this long; both in ms.
OUTPUT_MS, INPUT_MS, FIRST_MS = 8.0, 0.05, 120.0
USD_IN, USD_OUT = 0.15e-6, 0.6e-6

Body = Callable[[Recording, Step, int], None]


def recorded(seed: int, body: Body, *, requests: int = REQUESTS, **options: Any) -> Recording:
    """So many requests with a root, some work before and after, and `body` between."""
    recording = Recording(seed=seed, **options)
    for number in range(requests):
        with recording.request("handle") as step:
            step.stage("auth.check", 4)
            body(recording, step, number)
            step.stage("store.result", 5)
    return recording


def ask(
    step: Step,
    output: str,
    *,
    name: str = "llm.generate",
    system: str = texts.SYSTEM,
    user: str | None = None,
    parts: tuple[tuple[str, str], ...] = (),
    ms: float | None = None,
    **columns: Any,
) -> Step:
    """A model call whose time follows its tokens, with a price."""
    rng = step.recording.random
    prompt = (("system", system), *parts, ("user", user or texts.question(rng)))
    given = sum(len(text) for _, text in prompt) / 4.3
    made = len(output) / 4.0
    cost = given * USD_IN + made * USD_OUT
    took = FIRST_MS + given * INPUT_MS + made * OUTPUT_MS if ms is None else ms
    columns.setdefault("cost_usd", cost)
    return step.call(name, took, prompt=prompt, output=output, template=name, **columns)


def answer(step: Step, sentences: int = 3, **columns: Any) -> Step:
    """A call that is answered in plain words."""
    return ask(step, texts.paragraph(step.recording.random, sentences), **columns)


def retrieve(step: Step, passages: int = 3) -> str:
    """Embeds the question and searches; gives the passages."""
    step.stage("embed.query", 12)
    step.stage("vector.search", 25, modality="retrieval")
    rng = step.recording.random
    return "\n\n".join(texts.paragraph(rng, 4) for _ in range(passages))


def line(seed: int, name: str, *, every_ms: float, ms: float, **columns: Any) -> Recording:
    """Requests that come at random, each with work that one server does in turn."""
    recording = Recording(seed=seed)
    free = now = 0.0
    for _ in range(300):
        now += recording.random.expovariate(1 / every_ms)
        with recording.request("handle", start_ms=now) as step:
            step.stage("auth.check", 4)
            step.now_ms = max(step.now_ms, free)
            free = step.stage(name, ms, **columns).end_ms
            step.stage("store.result", 5)
    return recording
