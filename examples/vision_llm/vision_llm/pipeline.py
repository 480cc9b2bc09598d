"""One request from the JPEG to the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass

import torch

from vision_llm import pictures
from vision_llm.models import Models


@dataclass(frozen=True, slots=True)
class Question:
    """A picture and what is asked of it; `answer_tokens` is how long the answer will be."""

    jpeg: bytes
    text: str
    answer_tokens: int


@torch.inference_mode()
def answer(question: Question, models: Models) -> str:
    """The answer as JSON; it means nothing, for the weights are random."""
    pixels = pictures.decode(question.jpeg, side_px=models.sizes.side_px)
    picture = pictures.to_device(pixels, device=models.device, dtype=models.dtype)
    patches = encode(picture, models)
    tokens = generate(patches, question, models)
    vector = embed(tokens, models)
    return format_answer(tokens, vector)


def encode(picture: torch.Tensor, models: Models) -> torch.Tensor:
    """The picture as embeddings; not waited for."""
    return models.vision(picture)


def generate(patches: torch.Tensor, question: Question, models: Models) -> list[int]:
    """The most likely tokens after the picture and the question, one at a time."""
    prompt = torch.tensor([tokenize(question.text, models)], device=models.device)
    states = torch.cat((patches, models.language.embed(prompt)), dim=1)
    cache = None
    tokens: list[int] = []
    for _ in range(question.answer_tokens):
        logits, cache = models.language(states, cache)
        tokens.append(int(logits.argmax().item()))
        states = models.language.embed(torch.tensor([[tokens[-1]]], device=models.device))
    return tokens


def embed(tokens: list[int], models: Models) -> list[float]:
    """The answer's vector, to find it again by."""
    vector = models.embedder(torch.tensor([tokens], device=models.device))
    return vector[0].cpu().tolist()


def format_answer(tokens: list[int], vector: list[float]) -> str:
    """JSON with the words and the vector, rounded."""
    words = " ".join(f"w{token}" for token in tokens)
    return json.dumps({"answer": words, "vector": [round(value, 4) for value in vector]})


def tokenize(text: str, models: Models) -> list[int]:
    """A number for each byte, within the vocabulary."""
    return [byte % models.sizes.vocabulary for byte in text.encode()]
