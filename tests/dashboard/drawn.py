"""What a page under AppTest hands to our components."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest


def drawn(app: AppTest, component: str) -> list[Any]:
    """The data of each component of that name, from the top of the page."""
    found = [each.proto for each in app.get("bidi_component")]
    return [json.loads(each.json) for each in found if each.component_name == component]


def table(app: AppTest, label: str) -> dict[str, list[Any]]:
    """The table's columns by their headings: each cell's value, or its text where that is all."""
    shown = next(each for each in drawn(app, "latprobe_rows") if each["label"] == label)
    return {
        column["label"]: [row["cells"][at].get("v", row["cells"][at]["t"]) for row in shown["rows"]]
        for at, column in enumerate(shown["columns"])
    }
