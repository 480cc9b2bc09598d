"""Writes the generated files of this folder anew: python tests/advice/corpus/make.py

Shapes are those of common services (a shop's orders, LangChain's documents, Jira's issues, an
OpenAI request); names, texts and numbers are made up. Nothing is tuned to a compressor: JSON is
written as `json.dumps(value, indent=2)` and Pydantic write it.
"""

from __future__ import annotations

import json
import random
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FIRST = ["Anna", "Boris", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas"]
LAST = ["Meier", "Okafor", "Rossi", "Sato", "Novak", "Lindqvist", "Haddad", "Moreau", "Silva"]
CITIES = [("Berlin", "DE"), ("Lyon", "FR"), ("Porto", "PT"), ("Turin", "IT"), ("Graz", "AT")]
GOODS = ["Desk lamp", "USB-C cable, 2 m", "Standing desk", "Webcam 1080p", "Monitor arm", "Chair"]
START = datetime(2026, 3, 2, 8, 15, 4)
PASSAGES = [
    "Refunds are paid to the original payment method within 14 days after the returned goods have "
    "arrived at our warehouse. Orders that were paid with a gift card are refunded as store credit "
    "and never in cash.",
    "Goods may be returned within 30 days of delivery, unless they were made to order. The parcel "
    "must not weigh more than 31.5 kg; heavier goods are collected by our carrier at no charge.",
    "A standing desk must be assembled by two people. Do not lift the frame by its crossbar. The "
    "motor is rated for 120 kg and stops by itself when it meets resistance.",
    "The warranty covers defects in material and workmanship for three years. It does not cover "
    "wear, liquids, or repairs by anyone other than an authorised workshop.",
    "Express delivery is offered on weekdays for orders placed before 13:00. It costs 9.90 EUR "
    "within the country and 24.50 EUR abroad, and cannot be combined with a discount code.",
    "To reset the webcam, hold the button on its back for five seconds until the light turns "
    "amber. Settings for exposure and white balance are lost; the firmware is kept.",
    "Corporate customers with a framework agreement pay within 60 days. Without one the invoice is "
    "due within 14 days, and reminders cost 5 EUR each from the second one on.",
    "If a parcel is late by more than ten days, support may offer a replacement or a refund, but "
    "not both. The decision is noted in the ticket together with the carrier's answer.",
]
SECTIONS = [
    "Goods that arrive damaged are replaced or refunded, as the customer prefers. Photos of the "
    "parcel and of the damage are needed within seven days; without them the carrier's insurance "
    "pays nothing. Nobody has to send damaged goods back before support asks for them. For desks "
    "and chairs, spare parts go out first: a new table top takes four working days, a motor six. "
    "If the same part fails a second time, the whole article is replaced and the old one is "
    "collected by our carrier, who also takes the packaging.",
    "A refund goes to the payment method that was used. Cards take three to five working days, "
    "bank transfers two, and instalments up to one billing period. Gift cards are refunded as "
    "store credit and never in cash. Where an order was paid partly with a gift card, the card is "
    "refunded first. Shipping costs are refunded when the whole order is returned, but the "
    "surcharge for express delivery is not. Refunds over 1,000 EUR need the approval of a team "
    "lead and are paid on the next working day.",
    "The warranty of three years covers defects in material and workmanship. It does not cover "
    "wear, liquids, overloading above 120 kg, or repairs by anyone other than an authorised "
    "workshop. Opening the motor's housing voids it; opening the frame to fit a cable tray does "
    "not. Claims need the serial number, which stands under the table top, and the invoice. A "
    "replaced part has the rest of the original warranty, at least six months.",
    "Express delivery is offered on weekdays for orders placed before 13:00, except on public "
    "holidays of the federal state that the warehouse is in. It costs 9.90 EUR within the country "
    "and 24.50 EUR abroad. Goods over 31.5 kg travel with a freight carrier, who calls to agree on "
    "a day and delivers to the kerb only. Carrying upstairs costs 15 EUR a floor and must be "
    "booked with the order; the driver may not take cash for it.",
]
QUESTIONS = [
    "My desk arrived damaged, what can I do?",
    "How long does a refund take when I paid with a gift card?",
    "Is the motor's warranty void if I opened the frame?",
    "Can I still get express delivery today?",
    "Who pays for sending back 40 kg?",
    "And if the spare part breaks again?",
    "Do I get the express surcharge back?",
    "Where do I find the serial number?",
]


def main() -> None:
    """Writes every file."""
    random.seed(20260302)
    _json("uniform.json", [_customer(number) for number in range(60)])
    _json("nested.json", {"total": 24, "offset": 0, "orders": [_order(n) for n in range(24)]})
    _json("rag.json", {"query": QUESTIONS[1], "documents": [_document(n) for n in range(8)]})
    _write("cjk_escaped.json", json.dumps([_review(number) for number in range(16)]))
    _json("tools.json", [_tool(*each) for each in TOOLS])
    _json("chat.json", _chat())
    _write("service.log", "\n".join(_log_line(number) for number in range(120)) + "\n")
    _write("few_shot.txt", _few_shot())


def _json(name: str, value: object) -> None:
    _write(name, json.dumps(value, indent=2, ensure_ascii=False))


def _write(name: str, text: str) -> None:
    (HERE / name).write_text(text, "utf-8")


def _uuid() -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _when(number: int) -> str:
    return (START + timedelta(minutes=37 * number, seconds=random.randrange(60))).isoformat() + "Z"


def _customer(number: int) -> dict[str, Any]:
    first, last = random.choice(FIRST), random.choice(LAST)
    city, country = random.choice(CITIES)
    return {
        "customer_id": 10_400 + number,
        "first_name": first,
        "last_name": last,
        "email": f"{first}.{last}@example.org".lower(),
        "city": city,
        "country_code": country,
        "signup_date": _when(number)[:10],
        "orders_count": random.randrange(30),
        "total_spent": round(random.random() * 900 + 10.11, 2),
        "newsletter": random.random() < 0.5,
    }


def _order(number: int) -> dict[str, Any]:
    first, last = random.choice(FIRST), random.choice(LAST)
    city, country = random.choice(CITIES)
    return {
        "order_id": f"ORD-{20_500 + number}",
        "created_at": _when(number),
        "status": random.choice(["shipped", "shipped", "shipped", "pending", "cancelled"]),
        "currency": "EUR",
        "customer": {
            "name": f"{first} {last}",
            "address": {"street": f"Hauptstrasse {number + 3}", "city": city, "country": country},
        },
        "items": [
            {
                "sku": f"SKU-{random.randrange(100, 999)}",
                "name": random.choice(GOODS),
                "quantity": random.randrange(1, 4),
                "unit_price": round(random.random() * 200 + 4.01, 2),
            }
            for _ in range(random.randrange(1, 4))
        ],
        "shipping": {"carrier": "DHL", "method": "standard", "tracking_number": None},
        "notes": None if number % 5 else "Leave with the neighbour, please.",
    }


def _document(number: int) -> dict[str, Any]:
    return {
        "id": _uuid(),
        "page_content": PASSAGES[number],
        "metadata": {
            "source": f"s3://kb-prod/handbook/policies-{number % 3 + 1}.pdf",
            "file_type": "application/pdf",
            "page": random.randrange(1, 40),
            "chunk_index": number,
            "language": "en",
            "last_modified": "2026-01-19T07:30:00Z",
            "embedding_model": "text-embedding-3-small",
        },
        "score": round(0.91 - number * 0.0371, 4),
    }


def _review(number: int) -> dict[str, Any]:
    texts = [
        "椅子很舒服,但是送货太慢了,等了两个星期。",
        "组装说明书不清楚,缺少三个螺丝,客服没有回答。",
        "モーターの音が静かで、とても気に入っています。",
        "価格の割に品質が良い。ただし、色は写真と違います。",
        "배송이 빨랐고 포장도 꼼꼼했습니다. 다시 구매하겠습니다.",
        "灯光太亮,没有调光功能,不过安装很简单。",
        "届いた箱が破れていましたが、中身は無事でした。",
        "退款等了三周才到账,以后不会再买了。",
        "책상이 튼튼하고 흔들리지 않아요. 다만 냄새가 조금 납니다.",
        "线缆比描述的短半米,其他都很好。",
        "サポートの対応が早く、部品もすぐに届きました。",
        "升降电机第二个月就坏了,保修期内免费更换。",
        "화면이 선명하지만 마이크 소리가 작습니다.",
        "説明書が英語だけだったので少し困りました。",
        "颜色和图片一致,孩子很喜欢这把椅子。",
        "조립하는 데 두 시간 걸렸지만 결과는 만족스럽습니다.",
    ]
    return {
        "id": 700 + number,
        "rating": random.randrange(1, 6),
        "title": random.choice(["不错", "失望", "満足", "추천합니다"]),
        "text": texts[number % len(texts)],
        "verified": number % 4 != 0,
    }


TOOLS = [
    (
        "search_orders",
        "Search the orders of a customer. Returns at most 50 orders, newest first. "
        "Use it before you answer questions about deliveries.",
        {"customer_id": ("integer", "The customer's number."), "status": ("string", "Only these.")},
    ),
    (
        "get_order",
        "Get one order with its items and its tracking number.",
        {"order_id": ("string", "The order's number, like ORD-20511.")},
    ),
    (
        "create_refund",
        "Start a refund. Never call it without the customer's consent. The amount "
        "must not exceed what was paid.",
        {
            "order_id": ("string", "The order's number."),
            "amount": ("number", "In the currency of the order."),
            "reason": ("string", "Why, in one sentence."),
        },
    ),
    (
        "search_handbook",
        "Search the handbook of policies. Returns passages with their sources.",
        {"query": ("string", "What to look for."), "limit": ("integer", "How many passages.")},
    ),
]


def _tool(name: str, description: str, parameters: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """As OpenAI wants it, with the schema that Pydantic writes."""
    properties = {
        key: {"description": text, "title": key.replace("_", " ").title(), "type": kind}
        for key, (kind, text) in parameters.items()
    }
    title = "".join(word.title() for word in name.split("_")) + "Args"
    schema = {
        "properties": properties,
        "required": list(properties),
        "title": title,
        "type": "object",
    }
    function = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", "function": function}


def _chat() -> dict[str, Any]:
    """A support chat that sends its retrieved context with each question, as simple RAG does."""
    messages = [
        {
            "role": "system",
            "content": "You are a support agent. Answer from the context "
            "only; say so when it does not hold the answer. Never promise a date.",
        }
    ]
    for turn, question in enumerate(QUESTIONS):
        chosen = [SECTIONS[(turn + n) % len(SECTIONS)] for n in range(3)]
        context = "\n\n".join(chosen)
        messages.append({"role": "user", "content": f"Context:\n{context}\n\nQuestion: {question}"})
        messages.append(
            {
                "role": "assistant",
                "content": f"According to our terms: {chosen[0].split('. ')[turn % 3]}.",
            }
        )
    return {"model": "gpt-4o-mini", "messages": messages, "temperature": 0.2}


def _log_line(number: int) -> str:
    at = START + timedelta(milliseconds=731 * number + random.randrange(400))
    stamp = at.isoformat(sep=" ", timespec="milliseconds")
    order, took = 20_500 + random.randrange(40), random.randrange(3, 480)
    choice = random.random()
    if choice < 0.55:
        return f"{stamp} INFO  [http-{number % 8}] GET /api/orders/{order} -> 200 in {took} ms"
    if choice < 0.8:
        return f"{stamp} DEBUG [db-pool] query orders_by_id id={order} rows=1 took={took / 10} ms"
    if choice < 0.95:
        return f"{stamp} WARN  [carrier] retry {number % 3 + 1}/3 for parcel DHL{order * 7919}"
    return f"{stamp} ERROR [payments] refund of ORD-{order} refused: amount exceeds payment"


def _few_shot() -> str:
    rule = (
        "Classify the customer's message as one of refund, delivery, product or other. "
        "Answer with the one word only."
    )
    shown = [
        ("Where is my parcel? It should have come on Monday.", "delivery"),
        ("The lamp flickers when I dim it below 20 %.", "product"),
        ("I want my money back for order ORD-20511.", "refund"),
        ("Do you have an opening for an apprentice?", "other"),
        ("The courier left the desk in the rain!", "delivery"),
        ("Which screws does the monitor arm need?", "product"),
    ]
    blocks = [f"Instruction: {rule}\nMessage: {text}\nLabel: {label}" for text, label in shown]
    return "\n\n".join([*blocks, f"Instruction: {rule}\nMessage: Can I return it used?\nLabel:"])


if __name__ == "__main__":
    main()
