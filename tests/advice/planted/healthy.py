"""Twenty pipelines that are fine: nothing in them is worth changing."""

from __future__ import annotations

from collections.abc import Callable

from tests.advice.pipelines import Recording, Step
from tests.advice.planted import texts
from tests.advice.planted.scenes import answer, ask, recorded, retrieve

Build = Callable[[int], Recording]


def chat(seed: int) -> Recording:
    """Short questions, short answers."""
    return recorded(seed, lambda r, s, n: _none(answer(s, 2)))


def chat_cached(seed: int) -> Recording:
    """A long fixed prompt that the provider's cache reads."""

    def body(_: Recording, step: Step, number: int) -> None:
        ask(step, texts.paragraph(step.recording.random, 3), system=texts.LONG_SYSTEM,
            usage={"cache_read_tokens": 2048, "uncached_input_tokens": 180})  # fmt: skip

    return recorded(seed, body)


def history(seed: int) -> Recording:
    """Conversations of a few turns."""

    def body(recording: Recording, step: Step, number: int) -> None:
        rng = recording.random
        turns = tuple(("history", texts.sentence(rng)) for _ in range(rng.randrange(5)))
        ask(step, texts.paragraph(rng, 2), parts=turns)

    return recorded(seed, body)


def rag(seed: int) -> Recording:
    """Search, then an answer from what was found."""

    def body(_: Recording, step: Step, number: int) -> None:
        found = retrieve(step)
        step.stage("rerank", 60)
        ask(step, texts.paragraph(step.recording.random, 3), parts=(("context", found),))

    return recorded(seed, body)


def rag_compact(seed: int) -> Recording:
    """The same with answers as compact JSON."""

    def body(_: Recording, step: Step, number: int) -> None:
        found = retrieve(step)
        rng = step.recording.random
        value = {"answer": texts.sentence(rng), "ref": rng.randrange(3)}
        ask(step, texts.compact(value), parts=(("context", found),))

    return recorded(seed, body)


def ocr(seed: int) -> Recording:
    """A page is decoded, resized and read, then asked about."""

    def body(_: Recording, step: Step, number: int) -> None:
        step.stage("image.decode", 12, modality="image")
        step.stage("image.resize", 9, modality="image")
        step.stage("ocr.read", 380, modality="image")
        answer(step, 2)

    return recorded(seed, body)


def ocr_pages_at_once(seed: int) -> Recording:
    """Three pages read side by side."""

    def body(_: Recording, step: Step, number: int) -> None:
        step.together([("ocr.page", 380)] * 3, modality="image")
        answer(step, 2)

    return recorded(seed, body)


def speech(seed: int) -> Recording:
    """Speech to text to answer to speech: each needs the one before."""

    def body(_: Recording, step: Step, number: int) -> None:
        step.stage("audio.decode", 15, modality="audio")
        step.stage("asr.transcribe", 420, modality="audio")
        answer(step, 2)
        step.stage("tts.speak", 350, modality="audio")

    return recorded(seed, body)


def media_at_once(seed: int) -> Recording:
    """Sound and pictures together."""

    def body(_: Recording, step: Step, number: int) -> None:
        step.together([("audio.transcribe", 500), ("image.caption", 450)])
        answer(step, 2)

    return recorded(seed, body)


def agent(seed: int) -> Recording:
    """Plan, a tool, plan, a tool, answer; each turn needs the one before."""

    def body(recording: Recording, step: Step, number: int) -> None:
        rng = recording.random
        tools = dict.fromkeys(("find_parcel", "move_parcel"), True)
        for tool in tools:
            ask(step, texts.compact({"tool": tool, "id": rng.randrange(10**6)}), name="agent.plan",
                tools=tools)  # fmt: skip
            step.stage(f"tool.{tool}", 90, operation="execute_tool")
        answer(step, 2, name="agent.answer")

    return recorded(seed, body)


def agent_rarely_fails(seed: int) -> Recording:
    """One call in a hundred is tried again at once."""

    def body(recording: Recording, step: Step, number: int) -> None:
        if number % 100 == 50:
            step.stage("llm.generate", 60, status="error", error_type="APIConnectionError")
        answer(step, 3)

    return recorded(seed, body, requests=200)


def embedding_batches(seed: int) -> Recording:
    """Documents embedded sixty-four at a time."""

    def body(_: Recording, step: Step, number: int) -> None:
        step.stage("text.split", 20)
        step.stage("embed.batch", 320, operation="embeddings", model="text-embedding-3-small",
                   attributes={"latprobe.batch_size": 64})  # fmt: skip
        step.stage("index.upsert", 80)

    return recorded(seed, body)


def streaming(seed: int) -> Recording:
    """Answers are streamed."""

    def body(recording: Recording, step: Step, number: int) -> None:
        call = answer(step, 5)
        call.row.update(ttft_ns=int(140e6), chunks=60)

    return recorded(seed, body)


def local_model(seed: int) -> Recording:
    """A model on the machine's own GPU, loaded before the first request."""

    def body(_: Recording, step: Step, number: int) -> None:
        step.stage("tokenize", 3)
        answer(step, 4, name="local.generate", provider=None, model="llama-3.1-8b", cost_usd=None)
        step.stage("detokenize", 2)

    return recorded(seed, body)


def classify(seed: int) -> Recording:
    """One-word labels for short texts."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        ask(step, rng.choice(["late", "invoice", "address", "thanks"]), name="llm.classify",
            user=texts.paragraph(rng, 2))  # fmt: skip

    return recorded(seed, body, requests=200)


def summarise(seed: int) -> Recording:
    """Long letters, short summaries."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        ask(step, texts.paragraph(rng, 3), user=texts.paragraph(rng, 40))

    return recorded(seed, body)


def translate(seed: int) -> Recording:
    """As many tokens out as in, all of them new."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        words = ["haven", "vracht", "schip", "regen", "markt", "brug", "kist", "dag", "straat"]
        output = " ".join(f"{rng.choice(words)}{rng.randrange(100)}" for _ in range(60))
        ask(step, output, user=texts.paragraph(rng, 8))

    return recorded(seed, body)


def vision(seed: int) -> Recording:
    """A picture of ordinary size and a question."""

    def body(_: Recording, step: Step, number: int) -> None:
        step.stage("image.resize", 14, modality="image")
        ask(step, texts.paragraph(step.recording.random, 2), usage={"image_input_tokens": 255})

    return recorded(seed, body)


def mixed_models(seed: int) -> Recording:
    """Simple questions go to a small model already."""

    def body(recording: Recording, step: Step, number: int) -> None:
        step.stage("route.pick", 6)
        if recording.random.random() < 0.6:
            answer(step, 1, name="llm.small", model="gpt-4o-mini")
        else:
            answer(step, 8, name="llm.large", model="gpt-4o")

    return recorded(seed, body, requests=200)


def two_servers(seed: int) -> Recording:
    """Two servers of equal speed."""

    def body(recording: Recording, step: Step, number: int) -> None:
        server = f"10.0.0.{recording.random.randrange(2)}"
        step.stage("rank.remote", 200, attributes={"server.address": server})
        answer(step, 2)

    return recorded(seed, body, requests=200)


def _none(_: Step) -> None:
    return None


HEALTHY: tuple[Build, ...] = (
    chat, chat_cached, history, rag, rag_compact, ocr, ocr_pages_at_once, speech, media_at_once,
    agent, agent_rarely_fails, embedding_batches, streaming, local_model, classify, summarise,
    translate, vision, mixed_models, two_servers,
)  # fmt: skip
