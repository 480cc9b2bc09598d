"""Pipelines whose answers hold one problem."""

from __future__ import annotations

from tests.advice.pipelines import Recording, Step
from tests.advice.planted import texts
from tests.advice.planted.scenes import ask, recorded, retrieve


def pretty_json(seed: int) -> Recording:
    """Answers are pretty-printed."""

    def body(_: Recording, step: Step, number: int) -> None:
        found = retrieve(step)
        rng = step.recording.random
        value = {"answer": texts.sentence(rng), "sources": [1, 2, 3], "topics": ["a", "b", "c"],
                 "case": number, "parties": {"from": "north", "to": "south"}}  # fmt: skip
        ask(step, texts.pretty(value), parts=(("context", found),))

    return recorded(seed, body)


def long_keys(seed: int) -> Recording:
    """Each row of a list repeats long keys."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        ask(step, texts.compact([texts.record(rng) for _ in range(12)]))

    return recorded(seed, body)


def prose_around_json(seed: int) -> Recording:
    """Answers begin and end with chatter."""

    def body(_: Recording, step: Step, number: int) -> None:
        value = texts.compact({"answer": texts.sentence(step.recording.random), "case": number})
        before = "Sure! I looked at your question carefully. Here is the JSON that you asked for:"
        after = "I hope this helps! Let me know if you would like me to change anything in it."
        ask(step, f"{before}\n\n```json\n{value}\n```\n\n{after}")

    return recorded(seed, body)


def echo(seed: int) -> Recording:
    """The answer repeats the passage before it answers."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        letter = texts.paragraph(rng, 8)
        ask(step, f"{letter}\n\nReply: {texts.sentence(rng)}", user=f"Answer this letter: {letter}")

    return recorded(seed, body)


def reasoning(seed: int) -> Recording:
    """A field explains at length what nobody reads."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        value = {"decision": rng.choice(["pay", "refuse"]), "reasoning": texts.paragraph(rng, 6)}
        ask(step, texts.compact(value))

    return recorded(seed, body)


def boilerplate(seed: int) -> Recording:
    """Every answer ends with the same disclaimer."""
    disclaimer = (
        "Please note that this answer was generated automatically and may contain mistakes. It is "
        "not legal or financial advice. For binding information contact our service centre, open "
        "from Monday to Friday between nine and five. Thank you for trusting us with your parcels."
    )

    def body(_: Recording, step: Step, number: int) -> None:
        ask(step, f"{texts.paragraph(step.recording.random, 2)}\n\n{disclaimer}")

    return recorded(seed, body)


def labels_as_words(seed: int) -> Recording:
    """A classifier answers with a sentence for each of four labels."""
    labels = (
        "The customer is complaining about a late delivery",
        "The customer is asking for an invoice or a receipt",
        "The customer wants to change the delivery address",
        "The customer is thanking us and needs nothing",
    )

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        ask(step, rng.choice(labels), name="llm.classify", user=texts.paragraph(rng, 2))

    return recorded(seed, body, requests=200)


def whole_rewrite(seed: int) -> Recording:
    """A text of 40 lines is written anew to change two of them."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        lines = [texts.sentence(rng) for _ in range(30)]
        given = "\n".join(lines)
        for at in rng.sample(range(30), 2):
            lines[at] = texts.sentence(rng)
        ask(step, "\n".join(lines), name="llm.edit", user=f"Correct two lines:\n{given}")

    return recorded(seed, body)


def runaway(seed: int) -> Recording:
    """Now and then an answer runs on to thousands of tokens."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        ask(step, texts.paragraph(rng, 3 if number % 40 else 160))

    return recorded(seed, body, requests=240)


def unread(seed: int) -> Recording:
    """The program was watched to read two of five fields."""
    fields = ["name", "rating", "story", "notes", "notes[].text"]

    def body(recording: Recording, step: Step, _: int) -> None:
        rng = recording.random
        notes = [{"text": texts.sentence(rng)} for _again in range(rng.randrange(1, 5))]
        ask(step, texts.compact({"name": texts.sentence(rng)[:12], "rating": rng.randrange(9),
                                 "story": texts.paragraph(rng, 3), "notes": notes}))  # fmt: skip
        step.stage("use.answer", 6, attributes={"latprobe.answer.fields": fields,
                                                "latprobe.answer.read": fields[:2]})  # fmt: skip

    return recorded(seed, body)
