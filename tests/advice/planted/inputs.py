"""Pipelines whose prompts hold one problem."""

from __future__ import annotations

import json

from latprobe.tokens.media import media_tokens
from latprobe.tokens.part import Media
from tests.advice.pipelines import Recording, Step
from tests.advice.planted import texts
from tests.advice.planted.scenes import ask, recorded


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


def unused_passages(seed: int) -> Recording:
    """Twelve passages are retrieved, and answers come from the first two."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        names = [" ".join(f"{rng.randrange(16**8):08x}" for _n in range(5)) for _m in range(12)]
        found = [f"{texts.paragraph(rng, 3)} Seals: {name}." for name in names]
        ask(step, f"The seals are {names[rng.randrange(2)]}.", user="Which seals were broken?",
            parts=tuple(("retrieved", text) for text in found))  # fmt: skip

    return recorded(seed, body)


def large_for_labels(seed: int) -> Recording:
    """A large model says yes or no to short texts."""

    def body(_: Recording, step: Step, number: int) -> None:
        rng = step.recording.random
        ask(step, rng.choice(["yes", "no"]), name="llm.check", user=texts.sentence(rng),
            model="gpt-4o", cost_usd=0.0006)  # fmt: skip

    return recorded(seed, body, requests=200)


def large_pictures(seed: int) -> Recording:
    """Pictures of three megapixels, which take most of the input."""
    media = Media("image", "image/jpeg", 2_000_000, None, 2_000, 1_500, None, None, None)
    known = media_tokens(media, "claude-sonnet-4-5", "anthropic")
    tokens = known.tokens or 0 if known else 0
    said = {"kind": "image", "mime_type": "image/jpeg", "bytes": 2_000_000,
            "width": 2_000, "height": 1_500}  # fmt: skip

    def body(recording: Recording, step: Step, number: int) -> None:
        out = texts.paragraph(recording.random, 1 + number % 3)
        call = ask(step, out, name="llm.look", parts=(("image", f"picture {number}"),),
                   ms=150 + tokens * 0.2 + len(out) * 2, model="claude-sonnet-4-5",
                   provider="anthropic")  # fmt: skip
        call.row["input_tokens"] += tokens
        usage = recording.usage[-1]
        usage["input_tokens"] += tokens
        usage["uncached_input_tokens"] += tokens
        for part in recording.parts[-4:]:
            if part["part"] == "image":
                part["tokens"] = tokens
                recording.texts[part["hash"]] |= {"text": None, "media": texts.compact(said)}

    return recorded(seed, body)
