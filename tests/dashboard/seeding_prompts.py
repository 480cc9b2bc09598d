"""A store whose model calls carry real texts: indented JSON, sent again and again, answered at
length, beside a healthy template. Built on a virtual clock, always the same."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa

from tests.advice.pipelines import Recording
from tests.dashboard.seeding import END_NS, HOUR_NS, new_store

SYSTEM = (
    "You answer questions about orders. Use only the records that you are given, name the order "
    "you speak of, and say so where the records do not tell."
)
FIELDS = "Answer as JSON with the keys order, status, explanation and confidence."
CITIES = ("Berlin", "Lyon", "Porto", "Gdańsk", "Malmö")


def record(*, requests: int, seed: int = 3) -> Recording:
    """Requests that retrieve orders as indented JSON and let a model answer about them."""
    recording = Recording(seed=seed)
    draw = random.Random(seed)
    for at in range(requests):
        with recording.request("answer_order") as request:
            request.stage("parse", 4)
            request.stage("ocr.page", 180, modality="image")
            request.stage("audio.transcribe", 240, modality="audio")
            request.stage("retrieve", 60, modality="retrieval")
            count = draw.randint(8, 26)
            size = draw.randint(40, 220)
            request.call(
                "llm.answer",
                240 + 2.2 * count * 4 + 6.5 * size,
                prompt=(
                    ("system", f"{SYSTEM} {FIELDS}"),
                    ("retrieved", _orders(draw, count)),
                    ("user", f"Where is order {draw.randint(1_000, 9_999)} of request {at}?"),
                ),
                output=_answer(draw, size),
                template="orders.answer",
                cost_usd=count * 60 * 1.5e-7 + size * 6e-7,
                modality="text",
            )
            if at % 3 == 0:
                request.call(
                    "llm.title",
                    90,
                    prompt=(("system", "Give the chat a title of five words."),),
                    output="Where the order is now",
                    template="chat.title",
                    cost_usd=4e-6,
                    modality="text",
                )
    return recording


def _orders(draw: random.Random, count: int) -> str:
    rows = [
        {
            "order_id": draw.randint(1_000, 9_999),
            "customer_name": f"Customer {draw.randint(1, 400)}",
            "delivery_city": draw.choice(CITIES),
            "order_status": draw.choice(("open", "packed", "sent", "delivered")),
            "total_amount_eur": round(draw.uniform(5, 900), 2),
            "gift_message": None,
        }
        for _ in range(count)
    ]
    return "Records:\n" + json.dumps(rows, indent=2)


def _answer(draw: random.Random, tokens: int) -> str:
    body = {
        "order": draw.randint(1_000, 9_999),
        "status": draw.choice(("open", "packed", "sent")),
        "explanation": " ".join(draw.choice(_WORDS) for _ in range(tokens)),
        "confidence": round(draw.random(), 2),
    }
    return "Here is the answer as JSON:\n```json\n" + json.dumps(body, indent=4) + "\n```"


_WORDS = ("the", "order", "left", "our", "warehouse", "and", "is", "on", "its", "way", "to", "you")


def seed_prompts(
    home: Path, *, requests: int = 60, end_ns: int = END_NS, length_ns: int = HOUR_NS
) -> Path:
    """The recording as a store; its requests end at `end_ns`, spread over `length_ns`."""
    recording = record(requests=requests)
    first = min(row["start_ns"] for row in recording.spans)
    last = max(row["start_ns"] + row["duration_ns"] for row in recording.spans)
    stretch = (length_ns - (last - first)) // max(requests, 1)
    trace_at = {row["trace_id"]: at for at, row in enumerate(_roots(recording))}
    for row in (*recording.spans, *recording.usage):
        row["start_ns"] += end_ns - length_ns - first + stretch * trace_at[row["trace_id"]]
    with new_store(home) as connection:
        connection.execute(
            "INSERT INTO runs BY NAME SELECT 1 AS run_id,"
            " '00000000-0000-4000-8000-000000000001'::UUID AS run_uuid, 'orders' AS service,"
            f" {end_ns - length_ns}::BIGINT AS started_ns"
        )
        for table, rows in (
            ("spans", recording.spans),
            ("usage", recording.usage),
            ("call_parts", recording.parts),
            ("prompts", list(recording.texts.values())),
            ("templates", list(recording.templates.values())),
        ):
            names = list(dict.fromkeys(name for row in rows for name in row))
            values = pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})
            connection.register("rows_to_add", values)
            connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows_to_add")
            connection.unregister("rows_to_add")
        connection.execute("CHECKPOINT")
    return home


def _roots(recording: Recording) -> list[dict[str, object]]:
    return [row for row in recording.spans if row["parent_span_id"] is None]
