"""Words for generated pipelines: sentences that differ, prompts and records of ordinary size."""

from __future__ import annotations

import json
import random
from typing import Any

_SUBJECTS = (
    "the committee", "our northern office", "a contractor", "the night shift", "the customer",
    "an auditor", "the harbour crew", "the laboratory", "a neighbour", "the new supplier",
    "the insurance desk", "her assistant", "the museum", "a local school", "the transport team",
)  # fmt: skip
_VERBS = (
    "approved", "delayed", "inspected", "returned", "measured", "sold", "repaired", "questioned",
    "recorded", "replaced", "moved", "photographed", "cancelled", "tested", "praised",
)  # fmt: skip
_OBJECTS = (
    "the second invoice", "two broken pumps", "the spring timetable", "a box of samples",
    "the heating contract", "every open ticket", "the old archive", "a damaged container",
    "the test results", "its parking permits", "the floor plan", "four wooden crates",
    "the annual budget", "a missing parcel", "the rooftop sensors",
)  # fmt: skip
_ENDS = (
    "before the storm", "in the first week of May", "without telling anyone", "at half the price",
    "after a long meeting", "because the deadline had passed", "on Tuesday", "under the new rules",
    "with great care", "for the third time", "while the road was closed", "near the old bridge",
)  # fmt: skip

SYSTEM = (
    "You are the assistant of a logistics company. Be brief and precise, keep names and numbers "
    "as they are written, and say so when you do not know."
)
LONG_SYSTEM = SYSTEM + "\n" + "\n".join(
    f"Rule {number}: when {verb} matters, {subject} has to be told about {thing} {end}."
    for number, (verb, subject, thing, end) in enumerate(
        (verb, subject, thing, end)
        for verb, subject in zip(_VERBS, _SUBJECTS, strict=True)
        for thing, end in zip(_OBJECTS[:6], _ENDS[:6], strict=True)
    )
)  # fmt: skip


def sentence(rng: random.Random) -> str:
    """One sentence, rarely the same twice."""
    words = [rng.choice(_SUBJECTS), rng.choice(_VERBS), rng.choice(_OBJECTS), rng.choice(_ENDS)]
    text = " ".join(words)
    return f"{text[0].upper()}{text[1:]} (case {rng.randrange(10_000)})."


def paragraph(rng: random.Random, sentences: int) -> str:
    """Some sentences."""
    return " ".join(sentence(rng) for _ in range(sentences))


def question(rng: random.Random) -> str:
    """A question of its own."""
    return (
        f"Who {rng.choice(_VERBS)} {rng.choice(_OBJECTS)} {rng.choice(_ENDS)}, "
        f"and what does case {rng.randrange(10_000)} say about it?"
    )


def record(rng: random.Random) -> dict[str, Any]:
    """A row of a table."""
    return {
        "shipment_identifier": f"SH-{rng.randrange(100_000)}",
        "customer_full_name": rng.choice(_SUBJECTS),
        "destination_address": rng.choice(_ENDS),
        "weight_in_kilograms": round(rng.uniform(1, 900), 1),
        "is_insured": rng.random() < 0.5,
    }


def pretty(value: object) -> str:
    """JSON over many lines."""
    return json.dumps(value, indent=4)


def compact(value: object) -> str:
    """JSON on one line."""
    return json.dumps(value, separators=(",", ":"))
