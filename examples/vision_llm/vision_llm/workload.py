"""Requests: pictures and questions drawn before the clock starts, answered one after another."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace

from vision_llm import pictures, pipeline
from vision_llm.models import Models
from vision_llm.pipeline import Question
from vision_llm.sizes import Sizes

TEXTS = (
    "What is in this picture?",
    "How many people can be seen, and what are they doing?",
    "Describe the colours in one sentence.",
    "Is there any text? Read it out.",
)
PICTURES = 8


def questions(sizes: Sizes, *, number: int, seed: int) -> Iterator[Question]:
    """So many; pictures repeat, texts and lengths of answers vary."""
    chance = random.Random(seed)
    shapes = [_another_shape(sizes, chance) for _ in range(PICTURES)]
    drawn = [pictures.draw(shape, seed=seed + place) for place, shape in enumerate(shapes)]
    for _ in range(number):
        length = max(round(sizes.answer_tokens * chance.uniform(0.5, 1.5)), 1)
        yield Question(chance.choice(drawn), chance.choice(TEXTS), length)


def run(models: Models, *, number: int, seed: int) -> list[float]:
    """Seconds that each request took."""
    seconds = []
    for question in list(questions(models.sizes, number=number, seed=seed)):
        began = time.perf_counter()
        pipeline.answer(question, models)
        seconds.append(time.perf_counter() - began)
    return seconds


def _another_shape(sizes: Sizes, chance: random.Random) -> Sizes:
    height, width = sizes.picture_px
    factor = chance.uniform(0.7, 1.2)
    return replace(sizes, picture_px=(round(height * factor), round(width * factor)))
