"""Rows of `usage`, `call_parts` and `prompts` for one call."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from latprobe.store.token_calls import Call
from latprobe.store.token_rows import PartRow, Row, uuid_bytes
from latprobe.tokens.anatomy import PartCount
from latprobe.tokens.ledger import LedgerRow, refused_count
from latprobe.tokens.part import Dissected, Media, Part
from latprobe.tokens.prices import Cost


def usage_row(call: Call, ledger: LedgerRow, dissected: Dissected | None, cost: Cost) -> Row:
    """A row of `usage`; `dissected` is None without content."""
    row: Row = ledger._asdict()
    row |= {
        "trace_id": uuid_bytes(call.key[0]),
        "span_id": call.key[1],
        "run_id": call.run_id,
        "start_ns": call.start_ns,
        "stage": call.stage,
        "provider": call.said.provider,
        "model": call.said.model,
        "operation": call.operation,
        "cost_usd": cost.usd,
        "cost_origin": cost.origin,
    }
    refused = refused_count(call.attributes)
    if refused is not None:
        row["problem"] = refused
    if dissected is not None:
        row |= {
            "format": dissected.format,
            "tools_offered": len(dissected.tools_offered),
            "tools_called": len(dissected.tools_called),
            "stops_early": dissected.stops_early,
            "content_problem": dissected.problem,
        }
    return row


def part_row(trace_id: bytes, span_id: int, row: PartCount) -> PartRow:
    """A row of `call_parts`."""
    position, side, kind, role, name, tokens, is_estimated, digest, *_ = row
    if role is not None:
        role = clean_text(role)
    if name is not None:
        name = clean_text(name)
    return trace_id, span_id, position, side, kind, role, name, digest, tokens, is_estimated


def prompt_row(row: PartCount, part: Part | None, *, max_bytes: int) -> Row:
    """A row of `prompts`; `part` None where its text may not be stored. A longer text is cut."""
    said, size, characters = None if part is None else part.text, row.bytes, row.characters
    if said is not None and part is not None and part.hash is not None:
        said = said.strip()  # its hash is without the blanks around it
        size, characters = len(said.encode("utf-8", "surrogatepass")), len(said)
    text, is_cut = _cut(said, max_bytes)
    return {
        "hash": row.hash,
        "part": row.kind,
        "bytes": size,
        "characters": characters,
        "text": text,
        "truncated": is_cut or (part is not None and part.is_cut),
        "media": _media(row.media, is_kept=part is not None),
    }


def _media(media: Media | None, *, is_kept: bool) -> str | None:
    """As JSON; a thumbnail is content, too."""
    if media is None:
        return None
    return json.dumps(asdict(media if is_kept else replace(media, thumbnail=None)))


def _cut(text: str | None, max_bytes: int) -> tuple[str | None, bool]:
    """(the text as far as it is kept, whether it is cut)."""
    if text is None or (len(text) <= max_bytes and text.isascii()):
        return text, False
    data = text.encode("utf-8", "replace")
    if len(data) <= max_bytes:
        return data.decode(), False
    return data[:max_bytes].decode("utf-8", "ignore"), True


def clean_text(text: str | None) -> str | None:
    """Without lone surrogates, which a store cannot hold."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "replace").decode()
