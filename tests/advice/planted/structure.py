"""Pipelines whose stages stand, wait or repeat as they need not."""

from __future__ import annotations

from tests.advice.pipelines import Recording, Step
from tests.advice.planted import texts
from tests.advice.planted.scenes import answer, ask, recorded


def in_turn(seed: int) -> Recording:
    """Two searches of two collections, one after the other."""

    def body(_: Recording, step: Step, number: int) -> None:
        step.stage("retrieve.documents", 240)
        step.stage("retrieve.tickets", 260)
        answer(step, 2)

    return recorded(seed, body)


def media_in_turn(seed: int) -> Recording:
    """The pictures wait for the sound."""

    def body(_: Recording, step: Step, number: int) -> None:
        step.stage("audio.transcribe", 700, modality="audio")
        step.stage("image.caption", 600, modality="image")
        answer(step, 1)

    return recorded(seed, body)


def same_call_twice(seed: int) -> Recording:
    """Each request asks the same thing three times."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        user, output = texts.question(rng), texts.paragraph(rng, 2)
        for _again in range(3):
            ask(step, output, user=user)

    return recorded(seed, body)


def same_questions(seed: int) -> Recording:
    """Eight questions are asked again and again."""

    def body(recording: Recording, step: Step, number: int) -> None:
        which = recording.random.randrange(8)
        ask(step, f"Answer {which}: " + "it was the third parcel of the day. " * 5,
            user=f"What about parcel number {which}?",
            attributes={"gen_ai.request.temperature": 0})  # fmt: skip

    return recorded(seed, body, requests=200)


def embedding_loop(seed: int) -> Recording:
    """Thirty texts are embedded one by one."""

    def body(_: Recording, step: Step, number: int) -> None:
        for _again in range(30):
            step.stage("embed.chunk", 28, operation="embeddings", model="text-embedding-3-small")
        answer(step, 1)

    return recorded(seed, body)


def same_embeddings(seed: int) -> Recording:
    """The same forty documents are embedded anew by every request."""

    def body(recording: Recording, step: Step, number: int) -> None:
        text = f"document {recording.random.randrange(6)}: " + "terms of delivery " * 20
        step.call("embed.document", 400, model="text-embedding-3-small", prompt=(("input", text),),
                  usage={"operation": "embeddings"})  # fmt: skip
        answer(step, 1)

    return recorded(seed, body, requests=200)


def retries(seed: int) -> Recording:
    """A quarter of the calls fail and are tried again after a wait."""

    def body(recording: Recording, step: Step, number: int) -> None:
        for _again in range(3):
            if recording.random.random() > 0.35:
                break
            step.stage("llm.generate", 900, status="error", error_type="RateLimitError",
                       model="gpt-4o-mini", provider="openai", operation="chat")  # fmt: skip
            step.wait(1500)
        answer(step, 2)

    return recorded(seed, body, requests=200)


def cold_start(seed: int) -> Recording:
    """The first request of each of many short runs loads a model."""
    recording = Recording(seed=seed)
    recording.runs = {number: {} for number in range(1, 31)}
    for run in recording.runs:
        for number in range(6):
            with recording.request("handle", run_id=run) as step:
                step.stage("model.load", 6000 if number == 0 else 1)
                step.stage("local.generate", 400 if number else 1500)
        recording.now_ms += 60_000
    return recording


def slow_decode(seed: int) -> Recording:
    """Pictures are decoded and resized on one core for most of the request."""

    def body(_: Recording, step: Step, number: int) -> None:
        for name, ms in (("image.decode", 700), ("image.resize", 500)):
            child = step.stage(name, ms, modality="image")
            child.row["cpu_ns"] = int(child.row["duration_ns"] * 0.98)
        answer(step, 1)

    return recorded(seed, body)


def one_worker(seed: int) -> Recording:
    """Requests queue for a stage that one worker runs."""
    recording = Recording(seed=seed)
    free_ms = 0.0
    for number in range(300):
        start = number * 330.0 + recording.random.uniform(0, 300)
        with recording.request("handle", start_ms=start) as step:
            step.stage("auth.check", 4)
            step.now_ms = max(step.now_ms, free_ms)
            free_ms = step.stage("local.rank", 300).end_ms
            step.stage("store.result", 5)
    return recording


def slow_replica(seed: int) -> Recording:
    """One of three servers is four times as slow as the others."""

    def body(recording: Recording, step: Step, number: int) -> None:
        which = recording.random.randrange(3)
        step.stage("rank.remote", 1200 if which == 0 else 300,
                   attributes={"server.address": f"10.0.0.{which + 1}"})  # fmt: skip

    return recorded(seed, body, requests=240)


def connects(seed: int) -> Recording:
    """Each request opens a new connection to the same host."""

    def body(_: Recording, step: Step, number: int) -> None:
        for _again in range(3):
            with step.inside("http.request", attributes={"server.address": "api.example"}) as call:
                call.stage("http.connect", 90, attributes={"server.address": "api.example"})
                call.stage("http.tls", 110, attributes={"server.address": "api.example"})
                call.wait(120)

    return recorded(seed, body)


def slow_logging(seed: int) -> Recording:
    """The request waits for its log to be written."""

    def body(_: Recording, step: Step, number: int) -> None:
        answer(step, 1)
        step.stage("log.write", 400)
        step.stage("json.dumps", 150)

    return recorded(seed, body)


def tiny_spans(seed: int) -> Recording:
    """Two thousand spans a request: the observing costs more than what is observed."""

    def body(_: Recording, step: Step, number: int) -> None:
        for _again in range(1200):
            step.stage("token.step", 0.02)

    found = recorded(seed, body, requests=60)
    found.runs = {1: {"span_cost_ns": 2_000.0}}
    return found


def connection_each_time(seed: int) -> Recording:
    """One call to another machine, and each time the handshake first."""

    def body(_: Recording, step: Step, number: int) -> None:
        with step.inside("http.request", attributes={"server.address": "api.example"}) as call:
            call.stage("http.connect", 60, attributes={"server.address": "api.example"})
            call.stage("http.tls", 140, attributes={"server.address": "api.example"})
            call.wait(100)

    return recorded(seed, body)


def like_questions(seed: int) -> Recording:
    """A dozen questions, each in many spellings, with one answer each."""
    kept = Recording(seed=5).random
    pool = [(texts.question(kept), texts.paragraph(kept, 3)) for _ in range(12)]
    spell = (str, str.lower, str.upper, "  {}".format, "{} ".format, "Please: {}".format)

    def body(recording: Recording, step: Step, _: int) -> None:
        asked, said = recording.random.choice(pool)
        ask(step, said, user=recording.random.choice(spell)(asked))

    return recorded(seed, body, requests=150)


def loaded_anew(seed: int) -> Recording:
    """Each request loads the model that it runs."""

    def body(_: Recording, step: Step, _number: int) -> None:
        step.stage("audio.decode", 40, modality="audio")
        step.stage("asr.load_model", 700)
        step.stage("asr.run", 500, modality="audio")

    return recorded(seed, body, requests=60)
