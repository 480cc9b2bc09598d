"""One template: its stable text, and how it is kept in the store."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from latprobe.tokens.stable_text import Pieces, head_of, length_by_kind, sections, shown

# A template with less stable text in the user's message than this is open: its user messages may
# hold the instructions of several templates, which are looked for.
OPEN_CHARACTERS = 20
_INSTRUCTIONS = "uo"
_NAME_CHARACTERS = 60
# Stable text of hashes, for content that was not kept.
HASHED = "hashed"
KINDS = ("named", "found", "rest", HASHED)


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """A row of `templates`. `source` is "prompt name" or "found"; `text` None if not kept."""

    template_id: bytes
    name: str | None
    stage: str
    source: str
    text: str | None
    first_seen_ns: int
    state: str


@dataclass(slots=True)
class Template:
    """`kind` is "named", "found", "rest" (calls of a stage that fit no other) or "hashed".

    `pieces` are None until a call was seen. `calls` counts those seen since it was loaded.
    """

    template_id: bytes
    kind: str
    stage: str
    tools: bytes
    first_seen_ns: int
    name: str | None = None
    pieces: Pieces | None = None
    calls: int = 0
    seen_ns: int = 0
    merged_into: bytes | None = None
    is_changed: bool = True
    weight: int = field(default=0, init=False)
    user_weight: int = field(default=0, init=False)
    head: str | None = field(default=None, init=False)
    first_weight: int = 0
    failed_refinements: int = 0

    def __post_init__(self) -> None:
        self._weigh()

    @property
    def is_open(self) -> bool:
        return self.kind == "rest" or self.user_weight < OPEN_CHARACTERS

    def set_pieces(self, pieces: Pieces) -> None:
        """Refines the stable text; the id stays."""
        if pieces != self.pieces:
            self.pieces = pieces
            self.is_changed = True
            self._weigh()

    def count_call(self, start_ns: int) -> None:
        """One more call; said to the store now and then only."""
        self.calls += 1
        self.seen_ns = max(self.seen_ns, start_ns)
        if start_ns and start_ns < self.first_seen_ns:
            self.first_seen_ns = start_ns
            self.is_changed = True
        if not self.calls & (self.calls - 1):
            self.is_changed = True

    def _weigh(self) -> None:
        self.head = head_of(self.pieces or ())
        self.user_weight = length_by_kind(self.pieces or (), _INSTRUCTIONS)
        self.weight = self.user_weight + length_by_kind(self.pieces or (), "s")
        self.first_weight = self.first_weight or self.weight


def row_of(template: Template, *, is_alone: bool = False) -> TemplateRow:
    """The template as it is stored; a rest that is alone has its text's name."""
    is_named = template.kind == "named"
    is_text = template.pieces is not None and template.kind != HASHED
    return TemplateRow(
        template_id=template.template_id,
        name=template.name if is_named else _found_name(template, is_alone),
        stage=template.stage,
        source="prompt name" if is_named else "found",
        text=shown(template.pieces or ()) if is_text else None,
        first_seen_ns=template.first_seen_ns,
        state=json.dumps(
            {
                "kind": template.kind,
                "name": template.name,
                "tools": template.tools.hex(),
                "pieces": template.pieces,
                "first_weight": template.first_weight,
                "calls": template.calls,
                "seen_ns": template.seen_ns,
                "merged_into": template.merged_into.hex() if template.merged_into else None,
            },
            ensure_ascii=True,
        ),
    )


def template_of(row: TemplateRow) -> Template | None:
    """The template that a row was made of; None if its state is none of ours."""
    try:
        state = json.loads(row.state)
        pieces = state["pieces"]
        if state["kind"] not in KINDS:
            return None
        merged = state["merged_into"]
        return Template(
            template_id=row.template_id,
            kind=state["kind"],
            stage=row.stage,
            tools=bytes.fromhex(state["tools"]),
            first_seen_ns=row.first_seen_ns,
            name=state["name"],
            pieces=None if pieces is None else tuple(map(str, pieces)),
            calls=int(state["calls"]),
            seen_ns=int(state["seen_ns"]),
            first_weight=int(state["first_weight"]),
            merged_into=bytes.fromhex(merged) if merged else None,
            is_changed=False,
        )
    except (ValueError, KeyError, TypeError):
        return None


def _found_name(template: Template, is_alone: bool) -> str:
    """The beginning of its instructions, of its system text if the user's message has none."""
    if template.kind == "rest" and not is_alone:
        return f"other of {template.stage}"
    if template.kind == HASHED or not template.pieces:
        return template.stage
    parts = list(sections("{…}".join(template.pieces)))
    for letters in ("uo", "s"):
        for letter, text in parts:
            label = " ".join(text.replace("\x03", " ").replace("\x05", "").split())
            if letter in letters and len(label.replace("{…}", "").strip()) >= OPEN_CHARACTERS // 2:
                return label if len(label) <= _NAME_CHARACTERS else label[:_NAME_CHARACTERS] + "…"
    return template.stage
