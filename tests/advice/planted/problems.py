"""Pipelines with one problem each, and the rule that has to find it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.advice.pipelines import Recording, Step
from tests.advice.planted import texts
from tests.advice.planted.scenes import answer, ask, recorded, retrieve


@dataclass(frozen=True, slots=True)
class Planted:
    """`rules`: any of them may find it. `subject` is a part of what it is about.

    `is_first`: nothing else in the pipeline costs nearly as much.
    """

    name: str
    rules: tuple[str, ...]
    subject: str
    build: Callable[[int], Recording]
    is_first: bool = True


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


def json_context(seed: int) -> Recording:
    """Fifty records are put into each prompt as pretty JSON."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        rows = texts.pretty([texts.record(rng) for _ in range(50)])
        ask(step, texts.sentence(rng), parts=(("context", rows),))

    return recorded(seed, body)


def html_context(seed: int) -> Recording:
    """Web pages are put into each prompt with all their markup."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        items = "".join(
            f'<div class="card card--wide" id="c{n}"><p style="margin:0;color:#333">'
            f"{texts.sentence(rng)}</p></div>"
            for n in range(30)
        )
        page = f"<html><head><style>.card{{margin:0}}</style></head><body>{items}</body></html>"
        ask(step, texts.sentence(rng), parts=(("context", page),))

    return recorded(seed, body)


def repeated_passages(seed: int) -> Recording:
    """The same passages stand in the prompt three times."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        found = texts.paragraph(rng, 25)
        ask(step, texts.sentence(rng), parts=tuple(("context", found) for _ in range(3)))

    return recorded(seed, body)


def clock_first(seed: int) -> Recording:
    """A time at the start of a long prompt keeps the provider's cache from ever hitting."""

    def body(_: Recording, step: Step, number: int) -> None:
        clock = (
            f"The time is 2026-11-22 10:{number // 60:02d}:{number % 60:02d}, id {seed}{number}."
        )
        usage = {"cache_read_tokens": 0, "cache_write_tokens": 0}
        ask(step, texts.sentence(step.recording.random), system=f"{clock}\n{texts.LONG_SYSTEM}",
            usage=usage)  # fmt: skip

    return recorded(seed, body)


def unused_tools(seed: int) -> Recording:
    """Thirty tools are offered, one is ever called."""
    tools = {f"tool_{n}": n == 3 for n in range(30)}
    schema = json.dumps(
        [
            {"type": "function", "function": {"name": name, "description": f"{name} does a thing",
             "parameters": {"type": "object", "properties": {"value": {"type": "string",
             "description": "the value that the tool works on, as text"}}}}}
            for name in tools
        ]
    )  # fmt: skip

    def body(_: Recording, step: Step, number: int) -> None:
        ask(step, texts.sentence(step.recording.random), parts=(("tools", schema),), tools=tools)

    return recorded(seed, body)


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


def long_history(seed: int) -> Recording:
    """Chats that send all they said before."""

    def body(recording: Recording, step: Step, number: int) -> None:
        rng = recording.random
        turns = tuple(("history", texts.paragraph(rng, 8)) for _ in range(2 + 2 * (number % 15)))
        ask(step, texts.paragraph(rng, 2), parts=turns)

    return recorded(seed, body)


def long_prefill(seed: int) -> Recording:
    """Most of a call goes into reading 12,000 tokens, of which none are cached."""

    def body(recording: Recording, step: Step, number: int) -> None:
        rng = recording.random
        long = texts.paragraph(rng, rng.randrange(500, 900))
        call = ask(step, texts.sentence(rng), user=long, ms=300 + len(long) / 4.3 * 0.12)
        call.row["ttft_ns"] = int(call.row["duration_ns"] * 0.85)

    return recorded(seed, body, requests=80)


def large_for_labels(seed: int) -> Recording:
    """A large model says yes or no to short texts."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        ask(step, rng.choice(["yes", "no"]), name="llm.check", user=texts.sentence(rng),
            model="gpt-4o", cost_usd=0.0006)  # fmt: skip

    return recorded(seed, body, requests=200)


def unused_passages(seed: int) -> Recording:
    """Twelve passages are retrieved, and answers come from the first two."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        names = [" ".join(f"{rng.randrange(16**8):08x}" for _n in range(5)) for _m in range(12)]
        found = [f"{texts.paragraph(rng, 3)} Seals: {name}." for name in names]
        ask(step, f"The seals are {names[rng.randrange(2)]}.", user="Which seals were broken?",
            parts=tuple(("retrieved", text) for text in found))  # fmt: skip

    return recorded(seed, body)


def connection_each_time(seed: int) -> Recording:
    """One call to another machine, and each time the handshake first."""

    def body(_: Recording, step: Step, number: int) -> None:
        with step.inside("http.request", attributes={"server.address": "api.example"}) as call:
            call.stage("http.connect", 60, attributes={"server.address": "api.example"})
            call.stage("http.tls", 140, attributes={"server.address": "api.example"})
            call.wait(100)

    return recorded(seed, body)


PLANTED = (
    Planted("pretty JSON", ("output_format",), "llm.generate", pretty_json),
    Planted("long keys in every row", ("output_format",), "llm.generate", long_keys),
    Planted("prose around JSON", ("output_prose",), "llm.generate", prose_around_json),
    Planted("echo of the input", ("output_echo",), "llm.generate", echo),
    Planted("reasoning that nobody reads", ("reasoning_fields",), "llm.generate", reasoning),
    Planted("the same disclaimer", ("output_boilerplate",), "llm.generate", boilerplate),
    Planted("labels as sentences", ("enum_words",), "llm.classify", labels_as_words),
    Planted("whole text written anew", ("whole_rewrite", "output_echo"), "llm.edit", whole_rewrite),
    Planted("answers that run on", ("output_limit",), "llm.generate", runaway),
    Planted("JSON in the prompt", ("input_format",), "llm.generate",
            json_context),
    Planted("HTML in the prompt", ("input_format",), "llm.generate",
            html_context),
    Planted("passages three times", ("repeated_blocks",),
            "llm.generate", repeated_passages),
    Planted("a clock before the prompt", ("prompt_cache_order",), "llm.generate", clock_first),
    Planted("tools that nobody calls", ("unused_tools",), "llm.generate", unused_tools),
    Planted("searches in turn", ("parallel_stages",), "retrieve", in_turn),
    Planted("media in turn", ("parallel_stages",), "image.caption", media_in_turn),
    Planted("the same call three times", ("repeated_calls",), "llm.generate", same_call_twice),
    Planted("the same questions", ("exact_cache",), "llm.generate", same_questions),
    Planted("embedding one by one", ("parallel_stages", "small_calls"), "embed", embedding_loop),
    Planted("the same embeddings", ("embedding_cache",), "embed", same_embeddings),
    Planted("calls tried again", ("retries",), "llm.generate", retries),
    Planted("cold starts", ("cold_starts", "earlier_start"), "model.load", cold_start),
    Planted("all of the chat", ("long_history",), "llm.generate", long_history),
    Planted("a very long prompt", ("prefill_long",), "llm.generate", long_prefill),
    Planted("a large model for yes and no", ("route_small_model",), "llm.check", large_for_labels),
    Planted("passages that nobody uses", ("unused_retrieval",), "llm.generate", unused_passages),
    Planted("a handshake each time", ("network_bound",), "http", connection_each_time),
    Planted("slow decoding", ("slow_preprocessing",), "image", slow_decode),
    Planted("one worker", ("scale_out", "dedicated_server"), "local.rank", one_worker),
    Planted("one slow server", ("load_imbalance",), "rank.remote", slow_replica),
    Planted("new connections", ("parallel_stages", "network_bound"), "http", connects),
    Planted("logging while a request waits", ("hot_path_logging",), "log", slow_logging),
    Planted("too many spans", ("own_cost",), "token.step", tiny_spans),
)  # fmt: skip
