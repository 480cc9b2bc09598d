"""`part()`: the user's word for what a piece of a prompt is."""

from __future__ import annotations

from typing import TypeVar

from latprobe import guard, stages

T = TypeVar("T")


def part(kind: str, text: T) -> T:
    """`text` itself, marked as a part of the prompts that are built from it.

        documents = latprobe.part("retrieved", "\\n\\n".join(found))
        answer = ask(f"{INSTRUCTIONS}\\n\\n{documents}\\n\\nQuestion: {question}")

    latprobe finds the text again in the prompts of the same trace, and counts it as what you said:
    system, tools, few_shot, history, retrieved, user, image, audio, video, document or other. A
    list or tuple of texts marks each of them; other values are marked by their `str()`. Outside of
    any span, and while nothing records, nothing is marked. Never raises.
    """
    if stages._make is stages.Idle:
        return text
    try:
        from latprobe.marked_spans import mark  # needs opentelemetry, as recording does

        mark(kind, text)
    except Exception as fault:  # nothing of ours may reach the user's code
        if not guard.is_ours(fault):
            raise  # a signal handler's
        guard.report("marking a part", fault)
    return text
